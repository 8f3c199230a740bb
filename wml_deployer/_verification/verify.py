"""Verify a deployment: a sample that the live endpoint must answer as the local model did.

Where it does not, say what follows from that. Every part of the sample passed its rehearsal: with the libraries of
this process, the model answers what a runtime makes of the request as it answers the rows themselves. So an endpoint
whose answer to a row depends on the request that the row travels in changes the values on the way. One that always
answers a row in the same way, but not as the model does, runs another model, or other libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wml_deployer._preflight.model import differing_libraries
from wml_deployer._verification.agreement import agree, rows_that_differ
from wml_deployer._verification.sample import UNKNOWN
from wml_deployer.errors import BadRequestError, RolloutError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import Part, Sample

__all__ = ["Verification", "disagreement", "verify"]

Verification = Literal["passed", "failed", "skipped"]
"""How the verification of a version ended."""

SHOWN_ROWS = 10


def verify(client: Client, deployment_id: str, sample: Sample | None) -> Verification:
    """Score the sample through the live endpoint, in the parts in which it was rehearsed.

    Args:
        client: The deployment space.
        deployment_id: The deployment.
        sample: The requests and the expected answers, if there are any.

    Returns:
        ``"passed"``, or ``"skipped"`` without a sample.

    Raises:
        RolloutError: The endpoint does not answer as the local model does.

    """
    if sample is None:
        return "skipped"
    answers: list[pd.DataFrame] = []
    error: RolloutError | None = None
    for part in sample.parts:
        try:
            live = _decoded(client.score(deployment_id, part.payload), sample)
        except WMLDeployerError as refusal:
            if error is not None:
                break  # The parts after the first one that failed only help to explain it.
            if isinstance(refusal, BadRequestError):
                raise _refused(part, refusal) from refusal
            raise
        answers.append(live)
        error = error or disagreement(live, _expected(part, sample, answers[0]), part)
    if error is None:
        return "passed"
    diagnosis = _diagnose(client, sample, answers)
    error.message, error.next_step = f"{error.message}\n{diagnosis.problem}", diagnosis.next_step
    raise error


def _refused(part: Part, refusal: BadRequestError) -> RolloutError:
    return RolloutError(
        f"The deployment cannot answer {part.name} of the sample: {refusal.message}",
        code=refusal.code,
        trace=refusal.trace,
        next_step="Load the model in an environment of the same software specification and score the sample there.",
    )


def disagreement(live: pd.DataFrame, local: pd.DataFrame, part: Part) -> RolloutError | None:
    """Return what differs between the answers to one part of a sample, or ``None``.

    Args:
        live: The endpoint's answer: n rows × prediction and probabilities.
        local: The local model's.
        part: The part, for the message.

    """
    if agree(live, local):
        return None
    if list(live.columns) != list(local.columns) or len(live) != len(local):
        return RolloutError(
            f"The deployment answers {part.name} of the sample with {len(live)} rows of {list(live.columns)}, the "
            f"local model with {len(local)} rows of {list(local.columns)}."
        )
    both = _side_by_side(live, local)
    error = RolloutError(_table(both, part, len(local)))
    error.differing = both
    return error


def _expected(part: Part, sample: Sample, whole: pd.DataFrame) -> pd.DataFrame:
    """Return what the local model answers to a part; if it was not run, what the endpoint answers to the same rows."""
    if part.expected != UNKNOWN:
        return _decoded(part.expected, sample)
    if len(whole) != len(sample.parts[0].rows or whole):
        raise RolloutError(
            f"The deployment answers {len(whole)} rows to the {len(sample.parts[0].rows)} of the sample."
        )
    return whole.iloc[list(part.rows)].reset_index(drop=True) if part.rows else whole


def _decoded(body: bytes, sample: Sample) -> pd.DataFrame:
    from wml_deployer.payload import decode  # noqa: PLC0415 - deferred: pandas is slow to import

    frame: pd.DataFrame = decode(body, classes=sample.schema.classes)
    return frame


def _side_by_side(live: pd.DataFrame, local: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    differs = rows_that_differ(live, local)
    return pd.concat({"local": local[differs], "deployed": live[differs]}, axis=1)


def _table(both: pd.DataFrame, part: Part, rows: int) -> str:
    shown = both.head(SHOWN_ROWS).to_string()
    count = f"{len(both)} of {rows} sample rows differ between deployment and local model ({part.name})"
    return f"{count}, the first {SHOWN_ROWS} of them:\n{shown}" if len(both) > SHOWN_ROWS else f"{count}:\n{shown}"


SHOWN_COLUMNS = 10
_NUMBERS = ("int", "uint", "float", "bool")


class _Diagnosis(NamedTuple):
    """The conclusion from a disagreement, and what to do about it."""

    problem: str
    next_step: str


def _diagnose(client: Client, sample: Sample, answers: Sequence[pd.DataFrame]) -> _Diagnosis:
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
        return _Diagnosis(
            f"Another model serves, or other libraries run it: {'; '.join(differing)}.",
            f"Fit the model with the libraries of {sample.specification}, or choose a specification= with yours.",
        )
    return _Diagnosis(
        "Another model serves than the one that was rehearsed; the libraries are the same, as far as the service lists "
        "them.",
        "See with status() and history() what serves and who changed it, and store the model again.",
    )


def _contradicts(part: Part, live: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Whether the endpoint answers rows otherwise than the same rows among all rows of the sample."""
    if len(live) != len(part.rows) or len(whole) <= max(part.rows, default=0):
        return False
    return not agree(live, whole.iloc[list(part.rows)].reset_index(drop=True))


def _values_changed(sample: Sample, part: Part) -> _Diagnosis:
    """Explain that a row's answer depends on the request that it travels in."""
    columns = [field.name for field in sample.schema.fields if not field.dtype.startswith(_NUMBERS)]
    shown = ", ".join(columns[:SHOWN_COLUMNS]) + (", ..." if len(columns) > SHOWN_COLUMNS else "")
    return _Diagnosis(
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
