"""Check what serves before another version is served, and revert to it when that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer._rollout.assets import asset_of, is_there
from wml_deployer._rollout.orphans import CUSTOM_KEY
from wml_deployer._rollout.waiting import revert, wait_until_settled
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note
from wml_deployer.errors import ConflictError, DeadlineError, RolloutError, VersionError, WMLDeployerError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._rollout.journal import Action, Journal
    from wml_deployer.metadata import Metadata, Version

__all__ = ["Switch", "refuse_deleted", "refuse_unknown", "revert_after_failure"]


@dataclass(frozen=True)
class Switch:
    """One change of what a deployment serves.

    Attributes:
        action: What it is called in the log.
        served: The deployment as it was before.
        came_from: The version that it served then.
        before: The version to revert to: the one that was verified last.
        version: The version to serve.

    """

    action: Action
    served: DeploymentRecord
    came_from: Version | None
    before: Version | None
    version: Version


def refuse_unknown(record: DeploymentRecord, serving: Version | None, live: Version | None) -> None:
    """Refuse to change a deployment that serves what this metadata.lock does not know.

    Raises:
        ConflictError: Somebody else changed it, or metadata.lock is not the newest.

    """
    if serving is not None or (live is None and CUSTOM_KEY not in record.custom):
        return
    raise ConflictError(
        f"Deployment {record.id} serves revision {record.revision} of model {record.model_id}, which metadata.lock "
        "does not know: somebody else changed it, or the file is not the newest.",
        next_step="Get the newest metadata.lock, or rebuild it from the space with recover().",
    )


def refuse_deleted(client: Client, metadata: Metadata, version: Version) -> None:
    """Refuse a version whose revision is no longer on the service.

    Raises:
        VersionError: It was deleted; the message lists what there is.

    """
    if is_there(client, version):
        return
    there = [f"{other.name} (revision {other.revision})" for other in metadata.versions if is_there(client, other)]
    raise VersionError(
        f"Version {version.name} (revision {version.revision} of model {version.model_id}) was deleted from the "
        "service.",
        operation="rollback",
        next_step=f"Nothing was changed. Stored versions: {', '.join(there) or 'none'}.",
    )


def revert_after_failure(client: Client, journal: Journal, switch: Switch, error: BaseException) -> None:
    """Serve the last verified version again after a failed switch, log that, and say in the error what serves.

    Raises:
        RolloutError: It does not come back; the message says what serves now.

    """
    try:
        with cleanup_deadline():
            serving = asset_of(wait_until_settled(client, client.deployment(switch.served.id)))
            if serving not in {asset_of(switch.version), asset_of(switch.served)}:
                journal.end()
                add_note(error, f"Somebody else changed deployment {switch.served.id}; it is left as it is.")
                return
            if switch.before is not None and switch.before != switch.version:
                revert(client, switch.served.id, switch.before)
    except WMLDeployerError as failure:
        _give_up(client, switch, failure, error)
        return
    with cleanup_deadline():
        _write_down(
            journal, switch, error, changed=serving == asset_of(switch.version) or isinstance(error, RolloutError)
        )


def _write_down(journal: Journal, switch: Switch, error: BaseException, *, changed: bool) -> None:
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    before = switch.before
    if before is None or before == switch.version:
        if changed:
            journal.log_failure(switch.served, switch.action, switch.came_from, switch.version, said)
        journal.end()
        add_note(error, f"There is no other verified version to revert to; version {switch.version.name} stays.")
        return
    if changed:
        journal.log_revert(switch.served, switch.action, before, switch.version, said)
    journal.end()
    again = "serves again" if changed else "still serves"
    add_note(error, f"Version {before.name} (revision {before.revision}) {again}.")


def _give_up(client: Client, switch: Switch, failure: WMLDeployerError, error: BaseException) -> None:
    """Raise an error that says that reverting failed as well, and what serves now."""
    name = switch.before.name if switch.before else switch.version.name
    text = f"Reverting to version {name} failed as well: {failure.message}\n{_now(client, switch)}"
    next_step = f"Call rollback(to={name!r}) as soon as the service answers."
    if isinstance(error, DeadlineError):
        error.next_step = next_step
    if isinstance(error, DeadlineError) or not isinstance(error, Exception):
        add_note(error, text)
        return
    raise RolloutError(f"{error}\n{text}", operation=switch.action, next_step=next_step) from error


def _now(client: Client, switch: Switch) -> str:
    try:
        with cleanup_deadline():
            record = client.deployment(switch.served.id)
    except WMLDeployerError as unknown:
        return f"What serves now is not known: {unknown.message}"
    known = [v for v in (switch.version, switch.before, switch.came_from) if v and asset_of(v) == asset_of(record)]
    name = f"version {known[0].name}, " if known else ""
    asset = f"{name}revision {record.revision} of model {record.model_id}"
    return f"Now deployment {record.id} is {record.state} with {asset}."
