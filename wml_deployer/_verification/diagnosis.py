"""Say what follows from a verification that failed.

Every part of the sample passed its rehearsal: with the libraries of this process, the model answers what a runtime
makes of the request as it answers the rows themselves. An endpoint that answers a row in one request so and in another
otherwise makes something else of the values than the rehearsal did. One that answers each row always the same, but not
as the model does, runs another model, or other libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._preflight.skew import differing_libraries
from wml_deployer._verification.agreement import agree
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import Part, Sample

__all__ = ["Diagnosis", "diagnose"]

SHOWN_COLUMNS = 10
_NUMBERS = ("int", "uint", "float", "bool")


class Diagnosis(NamedTuple):
    """What a disagreement shows, and what to do about it."""

    problem: str
    next_step: str


def diagnose(client: Client, sample: Sample, answers: Sequence[pd.DataFrame]) -> Diagnosis:
    """Say what it shows that the endpoint does not answer a sample as the local model does.

    Args:
        client: The deployment space.
        sample: The sample.
        answers: What the endpoint answers to its parts, in their order; to the first ones at least.

    """
    part = next(
        (part for part, live in zip(sample.parts, answers, strict=False) if _contradicts(part, live, answers[0])), None
    )
    if part is not None:
        return _values_changed(sample, part)
    differing = _libraries(client, sample)
    if differing:
        return Diagnosis(
            f"Another model serves, or other libraries run it: {'; '.join(differing)}.",
            f"Fit the model with the libraries of {sample.specification}, or choose a specification= with yours.",
        )
    return Diagnosis(
        "Another model serves than the one that was rehearsed; the libraries are the same, as far as the service lists "
        "them.",
        "See with status() and history() what serves and who changed it, and store the model again.",
    )


def _contradicts(part: Part, live: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Whether the endpoint answers rows otherwise than the same rows among all rows of the sample."""
    if len(live) != len(part.rows) or len(whole) <= max(part.rows, default=0):
        return False
    return not agree(live, whole.iloc[list(part.rows)].reset_index(drop=True))


def _values_changed(sample: Sample, part: Part) -> Diagnosis:
    """Explain that a row's answer depends on the request that it travels in."""
    columns = [field.name for field in sample.schema.fields if not field.dtype.startswith(_NUMBERS)]
    shown = ", ".join(columns[:SHOWN_COLUMNS]) + (", ..." if len(columns) > SHOWN_COLUMNS else "")
    return Diagnosis(
        f"The deployment answers {part.name} otherwise than the same rows among all rows: values"
        f"{f' of the columns {shown}' if shown else ''} change on the way, depending on the rows in a request.",
        "Fit the model on plain numbers and text without gaps, so that a row means the same in every request.",
    )


def _libraries(client: Client, sample: Sample) -> list[str]:
    """List the libraries of the fit that the runtime has in another version."""
    try:
        listed = next((each for each in client.specifications() if each.name == sample.specification), None)
        found = differing_libraries(sample.libraries, client.specification(listed)) if listed else {}
    except WMLDeployerError:
        # The disagreement is what the caller needs to know of.
        return []
    return [f"{name} {here} here, {there} in {sample.specification}" for name, (here, there) in found.items()]
