"""Find the version that is live, and the one that a rollback serves.

``docs/pages/explanation/rollouts.md`` defines it under "What a rollback goes back to"; this module is that paragraph.

The log is read into the list of what was live and passed, the live version last. With versions A, B and C::

    deploy A, update B, update C                      A B C
    update D, which failed; revert to C               A B C
    rollback (to B)                                   A B
    update C                                          A B C

A rollback without a name serves the last version of the list before the live one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wml_deployer._rollout.assets import asset_of
from wml_deployer.errors import ConflictError, VersionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.metadata import LogEntry, Metadata, Version

__all__ = [
    "find_version",
    "live_entry",
    "live_version",
    "logged_version",
    "missed_change",
    "rollback_target",
]


class _LoggedVersion(NamedTuple):
    """The version that a log entry names as live: a revision of a model, or only a name in an entry written by hand."""

    model_id: str
    revision: str | None


def live_entry(metadata: Metadata) -> LogEntry | None:
    """Return the entry of the log that made live what is live; ``None`` where nothing is."""
    last = next((entry for entry in reversed(metadata.log) if entry.verification != "failed"), None)
    return None if last is None or last.action == "delete" else last


def live_version(metadata: Metadata) -> Version | None:
    """Return the version that is live according to the log; ``None`` before the first one and after a deletion."""
    entry = live_entry(metadata)
    return None if entry is None else logged_version(metadata, entry)


def logged_version(metadata: Metadata, entry: LogEntry) -> Version | None:
    """Return the version that was live after an entry of the log, if it is still stored."""
    served = _served(metadata, entry)
    return None if served is None else _stored(metadata, served)


def rollback_target(
    metadata: Metadata, serving: Version | None, to: str | None, is_gone: Callable[[str, str | None], bool]
) -> Version:
    """Return the version that a rollback serves.

    Args:
        metadata: The project; its log has every change that is over.
        serving: The version that the deployment serves.
        to: Name, revision or digest of a version, or ``None``.
        is_gone: Returns whether a revision of a model is no longer on the service.

    Raises:
        VersionError: There is none, or it is live already.
        ConflictError: The log names it, and this metadata.lock does not know it.

    """
    live, pending = live_version(metadata), metadata.pending
    interrupted = pending if pending is not None and pending.serves(serving) else None
    if to is not None:
        chosen = find_version(metadata, to)
        if chosen == serving == live and interrupted is None:
            raise VersionError(
                f"Version {chosen.name} is live already.",
                operation="rollback",
                next_step="Call rollback() without to= to serve the version before it.",
            )
        return chosen
    if interrupted is not None and interrupted.action == "rollback" and serving is not None:
        return serving
    if interrupted is not None and live is not None and serving != live:
        return live
    return _before_the_live_one(metadata, is_gone)


def _before_the_live_one(metadata: Metadata, is_gone: Callable[[str, str | None], bool]) -> Version:
    listed = _live_and_passed(metadata)
    for served in reversed(listed[:-1]):
        # metadata.lock may still list what another machine removed from the service.
        if served == listed[-1] or not served.model_id or is_gone(*served):
            continue
        version = _stored(metadata, served)
        if version is not None:
            return version
        raise ConflictError(
            f"The version before the live one is revision {served.revision} of model {served.model_id}, which "
            "metadata.lock does not know: the file is not the newest.",
            operation="rollback",
            next_step="Get the newest metadata.lock, or rebuild it from the space with recover().",
        )
    raise VersionError(
        f"There is no earlier version of {metadata.project_name} to roll back to.",
        operation="rollback",
        next_step=f"Stored versions: {_names(metadata)}. Name one with to=.",
    )


def missed_change(metadata: Metadata, serving: Version) -> Literal["deploy", "update", "rollback"] | None:
    """Return what must have happened where the log does not end with what serves; ``None`` where it does."""
    live = _live_and_passed(metadata)
    served = _LoggedVersion(serving.model_id, serving.revision)
    if live_entry(metadata) is None or not live:
        return "deploy"
    if live[-1] == served:
        return None
    return "rollback" if served in live else "update"


def find_version(metadata: Metadata, to: str, operation: str = "rollback") -> Version:
    """Return the stored version of this name, of this revision of the project's model, or of this digest.

    Raises:
        VersionError: There is none; the message lists what there is.

    """
    by_revision = [v for v in metadata.versions if v.revision == to and v.model_id == metadata.model_uid]
    by_digest = [v for v in metadata.versions if v.digest == to]
    found = [version for version in (metadata.version(to), *by_revision[-1:], *by_digest[-1:]) if version]
    if not found:
        raise VersionError(
            f"{metadata.project_name} has no version or revision {to!r}.",
            operation=operation,
            next_step=f"Stored versions: {_names(metadata)}.",
        )
    return found[0]


def _live_and_passed(metadata: Metadata) -> list[_LoggedVersion]:
    """List what was live and passed, without what was rolled back from; what is live comes last."""
    listed: list[_LoggedVersion] = []
    for entry in metadata.log:
        served = _served(metadata, entry)
        if served is None or entry.verification == "failed":
            continue
        if entry.action in {"rollback", "revert"} and served in listed:
            while listed[-1] != served:
                listed.pop()
        elif listed[-1:] != [served]:
            listed.append(served)
    return listed


def _served(metadata: Metadata, entry: LogEntry) -> _LoggedVersion | None:
    if entry.model_id and entry.revision:
        return _LoggedVersion(entry.model_id, entry.revision)
    if entry.to_version is None:
        return None
    named = metadata.version(entry.to_version)
    return _LoggedVersion(named.model_id, named.revision) if named else _LoggedVersion("", entry.to_version)


def _stored(metadata: Metadata, served: _LoggedVersion) -> Version | None:
    return next((version for version in metadata.versions if asset_of(version) == served), None)


def _names(metadata: Metadata) -> str:
    return ", ".join(f"{v.name} (revision {v.revision})" for v in metadata.versions) or "none"
