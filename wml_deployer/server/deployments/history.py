"""The history of a deployment, as clients and the console write it to ``custom``.

The service itself only knows what serves now. A tool keeps its log under its own name; this library's is read, and the
changes that the console makes are added to it, so that the library finds them as if another machine had made them::

    {"custom": {"wml_deployer": {"log": [{"when": "2026-01-31T12:00:00Z", "action": "deploy", "to": "v0.1", ...}]}}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from wml_deployer.server.storage.records import Record

__all__ = ["LONGEST_REASON", "add_entry", "entries"]

LONGEST_REASON = 200
"""Characters of a reason; the library keeps as many on a deployment."""
_OWNER = "wml_deployer"
#: ``custom`` comes with every look at the deployment.
_BYTES = 16384


def entries(record: Record) -> list[dict[str, Any]]:
    """Return the entries of a deployment's log, the oldest first; each has at least when and action."""
    custom = record.entity.get("custom")
    for facts in custom.values() if isinstance(custom, dict) else ():
        log = facts.get("log") if isinstance(facts, dict) else None
        if isinstance(log, list):
            return [entry for entry in log if isinstance(entry, dict) and {"when", "action"} <= entry.keys()]
    return []


def add_entry(record: Record, entry: dict[str, Any], *, live: dict[str, Any] | None) -> None:
    """Add an entry to a deployment's log; the oldest ones are dropped where it becomes too large.

    Args:
        record: The deployment.
        entry: The change.
        live: Name and digest of the version that is live because of it; None if it failed.

    """
    custom = record.entity.get("custom")
    custom = custom if isinstance(custom, dict) else {}
    facts = custom.get(_OWNER)
    facts = facts if isinstance(facts, dict) else {}
    log = [*entries(record), {name: value for name, value in entry.items() if value is not None}]
    while len(orjson.dumps(log)) > _BYTES:
        log.pop(0)
    record.entity["custom"] = {**custom, _OWNER: {**facts, "log": log, **(live or {})}}
