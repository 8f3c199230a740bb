"""The log as the deployment on the service keeps it: what the log of a lost metadata.yaml is rebuilt from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._rollout.history import live_version
from wml_deployer._rollout.left_over import CUSTOM_KEY
from wml_deployer._transport.deadline import deadline
from wml_deployer.errors import MetadataError, WMLDeployerError
from wml_deployer.metadata import LogEntry

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Metadata

__all__ = ["merged", "read_log", "write_log"]

WRITE_SECONDS = 10.0
MOST_BYTES = 8192
"""IBM documents no limit of ``custom``; it comes with every look at the deployment, and is to stay small."""
LONGEST_WHY = 200

_log = logging.getLogger(__name__)


def write_log(client: Client, record: DeploymentRecord, metadata: Metadata) -> None:
    """Write the newest part of the log, and what is live, to the deployment, beside what others wrote there.

    One that cannot be written fails nothing: metadata.yaml has it, and the next change writes all of it again.

    Args:
        client: The deployment space.
        record: The project's deployment.
        metadata: The project, as metadata.yaml says now.

    """
    live = live_version(metadata)
    facts = {"project": metadata.project_name, "log": _newest(merged(metadata.log, read_log(record)))}
    facts |= {"version": live.name, "digest": live.digest} if live else {}
    custom = {**record.custom, CUSTOM_KEY: {**record.custom.get(CUSTOM_KEY, {}), **facts}}
    try:
        with deadline(WRITE_SECONDS):
            client.describe_deployment(record.id, custom)
    except WMLDeployerError as error:
        _log.warning("the newest history is in metadata.yaml alone, not on the service: %s", error.message)


def read_log(record: DeploymentRecord) -> tuple[LogEntry, ...]:
    """Read the log that a deployment keeps, as far as this release understands it."""
    listed = record.custom.get(CUSTOM_KEY, {}).get("log", ())
    found = map(_entry, listed) if isinstance(listed, list) else ()
    return tuple(entry for entry in found if entry is not None)


def merged(kept: tuple[LogEntry, ...], told: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
    """Put two logs of one project into one, each entry once, oldest first.

    Args:
        kept: What metadata.yaml has; its entries are whole.
        told: What the service has: what others did, too, in the order in which it happened.

    """
    rest, found = list(kept), []
    for entry in told:
        same = next((other for other in rest if _key(other) == _key(entry)), None)
        found.append(same or entry)
        if same:
            rest.remove(same)
    # Times are whole seconds. Within one, what the service does not know yet came last.
    return tuple(sorted((*found, *rest), key=lambda entry: entry.when))


def _newest(log: tuple[LogEntry, ...]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    size = 0
    for entry in reversed(log):
        document = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
        if entry.why:
            document["why"] = entry.why[:LONGEST_WHY]
        size += len(orjson.dumps(document)) + 1
        if size > MOST_BYTES:
            break
        kept.append(document)
    return kept[::-1]


def _entry(document: Any) -> LogEntry | None:
    try:
        return LogEntry(**document)
    except (MetadataError, TypeError):
        _log.warning("the deployment's log has an entry that this release cannot read: %r", document)
        return None


def _key(entry: LogEntry) -> tuple[object, ...]:
    return entry.when, entry.action, entry.from_version, entry.to_version, entry.proof
