"""Let a deployment serve a version, wait until it does, and revert it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.assets import asset_of
from wml_deployer._transport.deadline import cleanup_deadline, pause
from wml_deployer._transport.idempotency import RETRYABLE, send_once, sleep_with_jitter
from wml_deployer.errors import ConflictError, DeadlineError, NotFoundError, RolloutError, WMLDeployerError
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Version

__all__ = ["revert", "serve", "wait_until_scaled", "wait_until_serving", "wait_until_settled"]

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 3.0
MISSED: tuple[type[WMLDeployerError], ...] = (NotFoundError, *RETRYABLE)
"""Errors after which a wait looks again; one 404 may come from a router."""
LOOKS = 5
"""How many lookups in a row may fail before the wait does."""
_WORKING = frozenset({"initializing", "updating"})


def wait_until_serving(
    client: Client,
    record: DeploymentRecord,
    model_id: str,
    revision: str | None,
    before: DeploymentRecord,
) -> DeploymentRecord:
    """Wait until a deployment serves the wanted revision.

    ``ready`` alone is not enough: right after an update the service still says so of the version before, and after a
    failed one it says so again, having gone back without an error.

    Args:
        client: The deployment space.
        record: The deployment as it was told last.
        model_id: The model that is to serve.
        revision: Its revision.
        before: The deployment as it was before the change; a failure that it told then is not this change's.

    Returns:
        The deployment that serves it.

    Raises:
        RolloutError: The service says that it failed.
        ConflictError: Somebody else made it serve something else.
        DeadlineError: The time is over; the message says in which state it is.

    """
    wanted = (model_id, revision)
    seconds, worked = FIRST_PAUSE_SECONDS, False
    with stage("waiting", unit="looks", detail=record.state) as progress:
        while True:
            worked = worked or record.state in _WORKING
            # The service may go on telling an earlier failure; that it served something else then shows in what it
            # serves.
            failed = record.failure is not None and _failure(record) != _failure(before)
            reverted = record.failure is not None and worked and asset_of(record) != wanted
            if record.state == "failed" or (record.state == "ready" and (failed or reverted)):
                raise _failed(record, model_id, revision)
            if record.state == "ready" and asset_of(record) == wanted:
                return record
            _refuse_others(record, wanted, before)
            record = _look_again(client, record, seconds)
            seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
            progress.advance(detail=_detail(record))


def _detail(record: DeploymentRecord) -> str:
    """Say what a deployment is at: the state, and what the service installs for it."""
    message = record.raw.get("entity", {}).get("status", {}).get("message") or {}
    text = message.get("text") if record.state in _WORKING and isinstance(message, dict) else None
    return f"{record.state}: {text}" if text else record.state


def wait_until_settled(client: Client, record: DeploymentRecord) -> DeploymentRecord:
    """Wait until an earlier change of a deployment has ended, well or badly: it takes no other change meanwhile.

    Raises:
        DeadlineError: The time is over; the message says in which state it is.

    """
    seconds = FIRST_PAUSE_SECONDS
    while record.state in _WORKING or record.scaling_to is not None:
        record = _look_again(client, record, seconds)
        seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
    return record


def wait_until_scaled(client: Client, record: DeploymentRecord, copies: int) -> DeploymentRecord:
    """Wait until a deployment serves with a number of copies, which was asked for just now.

    Args:
        client: The deployment space.
        record: The deployment as the service described it in its response.
        copies: How many copies are to serve.

    Raises:
        RolloutError: The service says that it failed, or no longer tries to.
        DeadlineError: The time is over; the copies are still being started.

    """
    seconds, before, idle_looks = FIRST_PAUSE_SECONDS, _failure(record), 0
    while record.copies != copies or record.scaling_to is not None:
        if record.scaling_to is None:
            idle_looks += 1
            failed = record.failure is not None and _failure(record) != before
            # The first looks may come before the service has begun, or from a replica that lags behind.
            if failed or idle_looks > LOOKS:
                raise RolloutError(
                    f"Deployment {record.id} could not be scaled to {copies} copies, and serves with {record.copies}: "
                    f"{record.failure or 'the service gives no reason'}",
                    next_step="Ask for fewer copies, or look at what the plan of the instance includes.",
                )
        record = _look_again(client, record, seconds)
        seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
    return record


def serve(client: Client, deployment_id: str, version: Version) -> DeploymentRecord:
    """Start to serve a version; if the response is lost, look up whether the service does so.

    Raises:
        ConflictError: The service is at another change of it.

    """
    wanted = asset_of(version)

    def look() -> DeploymentRecord | None:
        record = _look(client, deployment_id)
        return record if asset_of(record) == wanted else None

    try:
        return send_once(lambda: client.serve(deployment_id, version.model_id, version.revision), look)
    except ConflictError:
        # A request whose answer was lost on the way is sent again, and finds the service at its own work.
        record = look()
        if record is None:
            raise
        return record


def revert(client: Client, deployment_id: str, version: Version) -> None:
    """Serve the version that served before, and wait until it does.

    Raises:
        RolloutError: It does not come back either.

    """
    with cleanup_deadline():
        before = wait_until_settled(client, _look(client, deployment_id))
        if before.state == "ready" and asset_of(before) == asset_of(version):
            return
        record = serve(client, deployment_id, version)
        wait_until_serving(client, record, version.model_id, version.revision, before)


def _look(client: Client, deployment_id: str) -> DeploymentRecord:
    """Look up a deployment; a single failure or 404 is not a reason to revert."""
    for attempt in range(1, LOOKS):
        try:
            return client.deployment(deployment_id)
        except MISSED as error:  # noqa: PERF203 - a request costs more
            _log.info("cannot look at deployment %s: %s", deployment_id, error.message)
            sleep_with_jitter(attempt)
    return client.deployment(deployment_id)


def _failure(record: DeploymentRecord) -> Any:
    """Return the complete failure of a deployment, whose trace id identifies it."""
    return record.raw.get("entity", {}).get("status", {}).get("failure") or record.failure


def _failed(record: DeploymentRecord, model_id: str, revision: str | None) -> RolloutError:
    return RolloutError(
        f"Deployment {record.id} could not serve revision {revision} of model {model_id}: "
        f"{record.failure or 'the service gives no reason'}",
        next_step="Load the model in an environment of the same software specification to see the whole error.",
    )


def _refuse_others(record: DeploymentRecord, wanted: tuple[str, str | None], before: DeploymentRecord) -> None:
    if record.revision is None or asset_of(record) in {wanted, asset_of(before)}:
        return
    raise ConflictError(
        f"Deployment {record.id} was changed by somebody else at the same time: it serves revision {record.revision} "
        f"of model {record.model_id}.",
        next_step="Look at what serves with status(), and try again if yours shall.",
    )


def _look_again(client: Client, record: DeploymentRecord, seconds: float) -> DeploymentRecord:
    """Look at a deployment after a pause."""
    try:
        pause(seconds)
        return _look(client, record.id)
    except DeadlineError as error:
        doing = record.state if record.scaling_to is None else f"being scaled to {record.scaling_to} copies"
        raise DeadlineError(
            f"Deployment {record.id} is still {doing}; the time is over.",
            next_step="Look again with Deployer.status(), or give it more time with timeout=, in seconds.",
        ) from error
