"""Verify a deployment: a sample that the live endpoint must answer as the local model did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wml_deployer._verification.agreement import agree, rows_that_differ
from wml_deployer._verification.diagnosis import diagnose
from wml_deployer.errors import BadRequestError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    for part in sample.parts:
        try:
            error = disagreement(lambda payload: client.score(deployment_id, payload), sample, part)
        except BadRequestError as refusal:
            raise RolloutError(
                f"The deployment cannot answer {part.name} of the sample: {refusal.message}",
                code=refusal.code,
                trace=refusal.trace,
                next_step="Load the model in an environment of the same software specification and score the sample "
                "there.",
            ) from refusal
        if error is not None:
            diagnosis = diagnose(client, sample, part)
            error.message, error.next_step = f"{error.message}\n{diagnosis.problem}", diagnosis.next_step
            raise error
    return "passed"


def disagreement(score: Callable[[bytes], bytes], sample: Sample, part: Part) -> RolloutError | None:
    """Score one part of a sample and return what differs from the local model's answers, or ``None``.

    Args:
        score: Sends a request's body to the live endpoint and returns the answer's body.
        sample: The sample.
        part: The part of it to send.

    """
    from wml_deployer.payload import decode  # noqa: PLC0415 - deferred: pandas is slow to import

    classes = sample.schema.classes
    live, local = decode(score(part.payload), classes=classes), decode(part.expected, classes=classes)
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


def _side_by_side(live: pd.DataFrame, local: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    differs = rows_that_differ(live, local)
    return pd.concat({"local": local[differs], "deployed": live[differs]}, axis=1)


def _table(both: pd.DataFrame, part: Part, rows: int) -> str:
    shown = both.head(SHOWN_ROWS).to_string()
    count = f"{len(both)} of {rows} sample rows differ between deployment and local model ({part.name})"
    return f"{count}, the first {SHOWN_ROWS} of them:\n{shown}" if len(both) > SHOWN_ROWS else f"{count}:\n{shown}"
