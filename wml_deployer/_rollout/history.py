"""The history of what was live, as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._rollout.rollback import logged_version

if TYPE_CHECKING:
    from wml_deployer.display._frames import History
    from wml_deployer.metadata import Metadata

__all__ = ["history_frame"]


def history_frame(metadata: Metadata) -> History:
    """Return the log as a frame, oldest first."""
    from wml_deployer.display._frames import History  # noqa: PLC0415 - deferred: pandas is slow to import

    columns = ["when", "action", "version", "revision", "from", "to", "who", "why", "verification"]
    rows = []
    for entry in metadata.log:
        stored = logged_version(metadata, entry)
        served = (entry.to_version, stored.revision if stored else None, entry.from_version, entry.to_version)
        rows.append((entry.when, entry.action, *served, entry.who, entry.why, entry.verification))
    return History(rows, columns=columns)
