"""Wait, prove, revert: how a version becomes the one that serves, and how it stops being so."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Literal

from wml_deployer._rollout.proof import disagreement
from wml_deployer._transport.deadline import grace, remaining
from wml_deployer.errors import DeadlineError, RolloutError

if TYPE_CHECKING:
    from wml_deployer._clients import Client, DeploymentRecord
    from wml_deployer._rollout.proof import Sample
    from wml_deployer.metadata import Version

__all__ = ["REVERT_SECONDS", "Proof", "prove", "revert", "wait_until_serving"]

_log = logging.getLogger(__name__)

Proof = Literal["passed", "failed", "skipped"]
"""How the proof of a version ended."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 3.0
REVERT_SECONDS = 300.0
"""Time to put things right in, whatever was left of the call's own."""


def wait_until_serving(
    client: Client, record: DeploymentRecord, model_id: str, revision: str | None
) -> DeploymentRecord:
    """Look at a deployment until it serves the wanted revision.

    ``ready`` alone is not enough: right after an update the service still says so of the version before, and after a
    failed one it says so again, having gone back without an error.

    Args:
        client: The deployment space.
        record: The deployment as it was told last.
        model_id: The model that shall serve.
        revision: Its revision.

    Returns:
        The deployment that serves it.

    Raises:
        RolloutError: The service says that it failed.
        DeadlineError: The time is over; the message says in which state it is.

    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        wanted = record.model_id == model_id and record.revision == revision
        if record.state == "ready" and wanted and record.failure is None:
            return record
        if record.state == "failed" or (record.state == "ready" and record.failure is not None):
            raise RolloutError(
                f"Deployment {record.id} could not serve revision {revision} of model {model_id}: "
                f"{record.failure or 'the service gives no reason'}",
                next_step="Load the model in an environment of the same software specification to see the whole error.",
            )
        _log.info("deployment %s is %s", record.id, record.state)
        _sleep(pause, record)
        pause = min(pause * 1.6, LONGEST_PAUSE_SECONDS)
        record = client.deployment(record.id)


def prove(client: Client, deployment_id: str, sample: Sample | None) -> Proof:
    """Score the sample through the live endpoint.

    Returns:
        ``"passed"``, or ``"skipped"`` without a sample.

    Raises:
        RolloutError: The endpoint does not answer as the local model does.

    """
    if sample is None:
        return "skipped"
    found = disagreement(lambda payload: client.score(deployment_id, payload), sample)
    if found is not None:
        raise found
    return "passed"


def revert(client: Client, deployment_id: str, version: Version) -> None:
    """Bring back the version that served before, and wait until it does.

    Raises:
        RolloutError: It does not come back either.

    """
    with grace(REVERT_SECONDS):
        record = client.deployment(deployment_id)
        if (record.model_id, record.revision, record.state) != (version.model_id, version.revision, "ready"):
            record = client.serve(deployment_id, version.model_id, version.revision)
            wait_until_serving(client, record, version.model_id, version.revision)


def _sleep(seconds: float, record: DeploymentRecord) -> None:
    try:
        left = remaining()
    except DeadlineError as error:
        raise DeadlineError(
            f"Deployment {record.id} is still {record.state}; the time is over.",
            next_step="Look again with Deployer.status(), or give it more time with timeout=, in seconds.",
        ) from error
    time.sleep(seconds if left is None else min(seconds, left))
