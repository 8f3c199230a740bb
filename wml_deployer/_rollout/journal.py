"""What a project writes down, here and on the service: its deployment, and the log of what was live."""

from __future__ import annotations

import getpass
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from wml_deployer._rollout.service_log import write_log
from wml_deployer._transport.idempotency import add_note
from wml_deployer.metadata import LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._verification.verify import Verification
    from wml_deployer.metadata import Metadata, MetadataFile, Version

__all__ = ["Action", "Journal"]

Action = Literal["deploy", "update", "rollback", "revert", "delete"]
"""What changes what serves."""

_log = logging.getLogger(__name__)


class Journal:
    """Writes into metadata.yaml, and the log to the deployment as well.

    Args:
        client: Connects to the deployment space, or returns it where that is done.
        file: The project's metadata.yaml; its lock is held by the caller.

    """

    def __init__(self, client: Callable[[], Client], file: MetadataFile) -> None:
        """Write nothing yet."""
        self._client = client
        self._file = file

    def read(self) -> Metadata:
        """Return what metadata.yaml says."""
        return self._file.read()

    def point_to(self, deployment_id: str | None) -> None:
        """Write down which deployment is the project's."""
        self._file.write(self.read().model_copy(update={"deployment_uid": deployment_id}))

    def served(
        self,
        record: DeploymentRecord,
        action: Action,
        before: Version | None,
        now: Version,
        *,
        why: str | None,
        proof: Verification,
    ) -> None:
        """Write down that a version serves and how its verification ended."""
        try:
            self._add(_entry(action, before, now, why, proof), deployment_uid=record.id, model_uid=now.model_id)
        except BaseException as error:
            add_note(error, f"Version {now.name} serves; metadata.yaml does not say so: call again to have it written.")
            raise
        _log.info("%s: %s is live (verification %s)", action, now.name, proof)
        write_log(self._client(), record, self.read())

    def went_back(self, record: DeploymentRecord, action: Action, before: Version, failed: Version, why: str) -> None:
        """Write down in one go that a version failed and that the one before it serves again."""
        self._add(
            _entry(action, before, failed, why, "failed"),
            _entry("revert", failed, before, why, "skipped"),
            model_uid=before.model_id,
        )
        write_log(self._client(), record, self.read())

    def failed(
        self, record: DeploymentRecord, action: Action, before: Version | None, version: Version, why: str
    ) -> None:
        """Write down that a version failed."""
        self._add(_entry(action, before, version, why, "failed"))
        write_log(self._client(), record, self.read())

    def deleted(self, before: Version | None) -> None:
        """Write down that nothing is deployed any more."""
        entries = () if before is None else (_entry("delete", before, None, None, "skipped"),)
        self._add(*entries, deployment_uid=None)

    def forget_versions(self) -> None:
        """Write down that no version is stored any more."""
        self._file.write(self.read().model_copy(update={"model_uid": None, "versions": ()}))

    def _add(self, *entries: LogEntry, **changed: str | None) -> None:
        metadata = self.read()
        self._file.write(metadata.model_copy(update={"log": (*metadata.log, *entries), **changed}))


def _entry(
    action: Action, before: Version | None, now: Version | None, why: str | None, proof: Verification
) -> LogEntry:
    return LogEntry(
        when=datetime.now(timezone.utc),
        action=action,
        from_version=before.name if before else None,
        to_version=now.name if now else None,
        why=why,
        proof=proof,
        who=_user(),
    )


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number without a name.
        return None
