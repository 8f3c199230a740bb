"""Say what follows from a verification that failed.

Every part of the sample passed its rehearsal: with the libraries of this process, what a runtime makes of its request
is answered as the local model does. So if the endpoint answers all rows otherwise, another model runs there, or other
libraries. If only some of the parts are answered otherwise, the model is the right one, and the service makes something
else of their values than the rehearsal did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._preflight.skew import differing_libraries
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import Part, Sample

__all__ = ["Diagnosis", "diagnose"]

SHOWN_COLUMNS = 10
_NUMBERS = ("int", "uint", "float", "bool")


class Diagnosis(NamedTuple):
    """What a disagreement shows, and what to do about it."""

    problem: str
    next_step: str


def diagnose(client: Client, sample: Sample, part: Part) -> Diagnosis:
    """Say what it shows that the endpoint does not answer a part of a sample as the local model does.

    Args:
        client: The deployment space.
        sample: The sample; the parts before this one were answered as they should be.
        part: The first part that was not.

    """
    if part != sample.parts[0]:
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


def _values_changed(sample: Sample, part: Part) -> Diagnosis:
    columns = [field.name for field in sample.schema.fields if not field.dtype.startswith(_NUMBERS)]
    shown = ", ".join(columns[:SHOWN_COLUMNS]) + (", ..." if len(columns) > SHOWN_COLUMNS else "")
    of = f" of the columns {shown}" if columns else ""
    return Diagnosis(
        f"{sample.parts[0].name.capitalize()} in one request are answered as the model does, {part.name} not: values"
        f"{of} change on the way, depending on the rows in the request.",
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
