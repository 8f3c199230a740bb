"""Verify a deployment: a sample that the live endpoint must answer as the local model did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wml_deployer._verification.agreement import agree, rows_that_differ
from wml_deployer._verification.diagnosis import diagnose
from wml_deployer.errors import BadRequestError, RolloutError, WMLDeployerError

if TYPE_CHECKING:
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
        error = error or disagreement(live, _decoded(part.expected, sample), part)
    if error is None:
        return "passed"
    diagnosis = diagnose(client, sample, answers)
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
