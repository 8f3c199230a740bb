"""Write down, here and on the service, the deployment of a project and the log of what was live."""

from __future__ import annotations

import getpass
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.rollback import live_entry, missed_change
from wml_deployer._rollout.service_log import merged, read_log, read_retired, write_log
from wml_deployer._rollout.serving_options import kept_options
from wml_deployer._transport.idempotency import add_note
from wml_deployer.metadata import LogEntry, Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._verification.verify import Verification
    from wml_deployer.metadata import Metadata, MetadataFile, ServingOptions, Version

__all__ = ["Action", "Journal", "log_entry", "observed"]

Action = Literal["deploy", "update", "rollback", "revert", "delete"]
"""The actions that change which version serves."""

FOUND = "found on the service: it was changed without this library, or the log was lost"

_log = logging.getLogger(__name__)


class Journal:
    """Writes the project's files, and the log to the deployment as well.

    Args:
        client: Connects to the deployment space, or returns it where that is done.
        file: The project's metadata.yaml; its lock is held by the caller.

    """

    def __init__(self, client: Callable[[], Client], file: MetadataFile) -> None:
        """Write nothing yet."""
        self._client = client
        self._file = file

    def read(self) -> Metadata:
        """Read the files."""
        return self._file.read()

    def point_to(self, deployment_id: str | None) -> None:
        """Record the id of the project's deployment."""
        self._file.write(self.read().model_copy(update={"deployment_uid": deployment_id}))

    def record_options(self, record: DeploymentRecord) -> None:
        """Record how the project's deployment is served."""
        self._file.write(self.read().model_copy(update={"serving": kept_options(record)}))

    def begin(self, action: Action, version: Version) -> None:
        """Record that a change begins, so that the call after a crash can finish it."""
        pending = Pending(action=action, model_id=version.model_id, revision=version.revision)
        self._file.write(self.read().model_copy(update={"pending": pending}))

    def end(self, record: DeploymentRecord | None = None) -> None:
        """Record that no change is pending, after writing the log to a deployment where one is given."""
        if self.read().pending is None:
            return
        if record is not None:
            write_log(self._client(), record, self.read())
        self._file.write(self.read().model_copy(update={"pending": None}))

    def catch_up(self, record: DeploymentRecord, serving: Version | None) -> None:
        """Record what the deployment's own log and names have, and what serves where no log says so."""
        metadata = self.read()
        log = merged(metadata.log, read_log(record))
        retired = retired_names(metadata, metadata.versions, read_retired(record))
        current = metadata.model_copy(update={"log": log, "retired": retired, "serving": kept_options(record)})
        if serving is not None and not (metadata.pending and metadata.pending.serves(serving)):
            log = (*log, *observed(current, serving, FOUND))
        if live_entry(current) is None:
            log = metadata.log
        caught_up = current.model_copy(update={"log": log})
        if caught_up != metadata:
            self._file.write(caught_up)

    def log_success(
        self,
        record: DeploymentRecord,
        action: Action,
        before: Version | None,
        now: Version,
        *,
        why: str | None,
        verification: Verification,
    ) -> None:
        """Record that a version serves and how its verification ended."""
        try:
            entry = log_entry(action, before, now, why, verification)
            self._add(entry, deployment_uid=record.id, model_uid=now.model_id, serving=kept_options(record))
            _log.info("%s: %s is live (verification %s)", action, now.name, verification)
            write_log(self._client(), record, self.read())
            self.end()
        except BaseException as error:
            add_note(error, f"Version {now.name} serves, and not all of it is written down: call again to finish.")
            raise

    def log_revert(self, record: DeploymentRecord, action: Action, before: Version, failed: Version, why: str) -> None:
        """Record at once that a version failed and that the one before it serves again."""
        self._add(
            log_entry(action, before, failed, why, "failed"),
            log_entry("revert", failed, before, why, "skipped"),
            model_uid=before.model_id,
            pending=None,
        )
        write_log(self._client(), record, self.read())

    def log_failure(
        self, record: DeploymentRecord, action: Action, before: Version | None, version: Version, why: str
    ) -> None:
        """Record that a version failed."""
        self._add(log_entry(action, before, version, why, "failed"), pending=None)
        write_log(self._client(), record, self.read())

    def log_deletion(self, before: Version | None) -> None:
        """Record that nothing is deployed any more."""
        entries = () if before is None else (log_entry("delete", before, None, None, "skipped"),)
        self._add(*entries, deployment_uid=None, pending=None, serving=None)

    def forget_versions(self) -> None:
        """Record that no version is stored any more."""
        metadata = self.read()
        left = {"model_uid": None, "versions": (), "retired": retired_names(metadata, ())}
        self._file.write(metadata.model_copy(update=left))

    def _add(self, *entries: LogEntry, **changed: str | ServingOptions | None) -> None:
        metadata = self.read()
        self._file.write(metadata.model_copy(update={"log": (*metadata.log, *entries), **changed}))


def observed(metadata: Metadata, serving: Version, why: str) -> tuple[LogEntry, ...]:
    """Return the entry that the log lacks where it does not end with what serves; else nothing."""
    action = missed_change(metadata, serving)
    if action is None:
        return ()
    before = live_entry(metadata)
    entry = log_entry(action, None, serving, why, "skipped")
    return (entry.model_copy(update={"from_version": before.to_version if before else None, "who": None}),)


def log_entry(
    action: Action, before: Version | None, now: Version | None, why: str | None, verification: Verification
) -> LogEntry:
    """Make the log entry of a finished change."""
    return LogEntry(
        when=datetime.now(timezone.utc),
        action=action,
        from_version=before.name if before else None,
        to_version=now.name if now else None,
        model_id=now.model_id if now else None,
        revision=now.revision if now else None,
        digest=now.digest if now else None,
        route=now.route if now else None,
        origin=now.origin if now else None,
        why=why,
        verification=verification,
        who=_user(),
    )


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number without a name.
        return None
