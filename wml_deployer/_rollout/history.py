"""What was live, read from the log of metadata.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.errors import VersionError

if TYPE_CHECKING:
    from wml_deployer._display.frames import History
    from wml_deployer.metadata import Metadata, Version

__all__ = ["history_frame", "last_good", "live_version", "next_version_name", "version_to"]


def live_version(metadata: Metadata) -> Version | None:
    """Return the version that serves according to the log."""
    served = _served(metadata)
    return metadata.version(served[-1]) if served else None


def last_good(metadata: Metadata) -> Version:
    """Return the version to roll back to: the last one before the live one that served and did not fail its proof.

    Raises:
        VersionError: There is none.

    """
    for name in reversed(_served(metadata)[:-1]):
        version = metadata.version(name)
        if version is not None:
            return version
    raise VersionError(
        f"There is no earlier version of {metadata.project_name} to roll back to.",
        operation="rollback",
        next_step=f"Stored versions: {_names(metadata)}. Name one with to=.",
    )


def version_to(metadata: Metadata, to: str) -> Version:
    """Return the version of this name, or of this revision of the current model.

    Raises:
        VersionError: There is none; the message lists what there is.

    """
    by_revision = [v for v in metadata.versions if v.revision == to and v.model_id == metadata.model_uid]
    found = metadata.version(to) or (by_revision[-1] if by_revision else None)
    if found is None:
        raise VersionError(
            f"{metadata.project_name} has no version or revision {to!r}.",
            operation="rollback",
            next_step=f"Stored versions: {_names(metadata)}.",
        )
    return found


def next_version_name(metadata: Metadata) -> str:
    """Return the project's version, or with a counter behind it where that name is taken (``v0.1+2``)."""
    taken = {version.name for version in metadata.versions}
    name, count = metadata.project_version, 1
    while name in taken:
        count += 1
        name = f"{metadata.project_version}+{count}"
    return name


def history_frame(metadata: Metadata) -> History:
    """Return the log as a frame, oldest first."""
    from wml_deployer._display.frames import History  # noqa: PLC0415 - importing this module is cheap

    columns = ["when", "action", "version", "revision", "from", "to", "who", "why", "proof"]
    rows = []
    for entry in metadata.log:
        version = metadata.version(entry.to_version) if entry.to_version else None
        revision = version.revision if version else None
        served = (entry.to_version, revision, entry.from_version, entry.to_version)
        rows.append((entry.when, entry.action, *served, entry.who, entry.why, entry.proof))
    return History(rows, columns=columns)


def _served(metadata: Metadata) -> list[str]:
    """Replay the log into the stack of versions that served, the live one last."""
    served: list[str] = []
    for entry in metadata.log:
        if entry.proof == "failed" or entry.to_version is None:
            continue
        if entry.action in {"rollback", "revert"} and entry.to_version in served:
            del served[served.index(entry.to_version) :]
        served.append(entry.to_version)
    return served


def _names(metadata: Metadata) -> str:
    return ", ".join(f"{v.name} (revision {v.revision})" for v in metadata.versions) or "none"
