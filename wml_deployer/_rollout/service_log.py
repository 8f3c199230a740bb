"""Keep a copy of the log in the deployment on the service, from which that of a lost metadata.lock is rebuilt.

The names of versions that are no longer stored stand beside it, for nothing else on the service tells them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.orphans import CUSTOM_KEY
from wml_deployer._rollout.rollback import live_version
from wml_deployer._transport.deadline import deadline
from wml_deployer.errors import MetadataError, WMLDeployerError
from wml_deployer.metadata import LogEntry

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Metadata

__all__ = ["merged", "read_log", "read_retired", "write_log"]

WRITE_SECONDS = 10.0
MOST_BYTES = 16384
"""IBM documents no limit of ``custom``; it comes with every look at the deployment, and is to stay small."""
MOST_NAMES = 40
LONGEST_WHY = 200

_log = logging.getLogger(__name__)


def write_log(client: Client, record: DeploymentRecord, metadata: Metadata) -> None:
    """Write the newest part of log and retired names, and what is live, beside what others wrote to the deployment.

    One that cannot be written fails nothing: metadata.lock has it, and the next change writes all of it again.

    Args:
        client: The deployment space.
        record: The project's deployment.
        metadata: The project, as its files say now.

    """
    live = live_version(metadata)
    # A file that another machine's changes have not reached yet may list a version that is no longer stored.
    retired = {**read_retired(record), **retired_names(metadata, metadata.versions)}
    facts = {
        "project": metadata.project_name,
        "log": _newest(merged(metadata.log, read_log(record))),
        "retired": dict([*retired.items()][-MOST_NAMES:]),
    }
    facts |= {"version": live.name, "digest": live.digest} if live else {}
    custom = {**record.custom, CUSTOM_KEY: {**record.custom.get(CUSTOM_KEY, {}), **facts}}
    try:
        with deadline(WRITE_SECONDS):
            client.describe_deployment(record.id, custom)
    except WMLDeployerError as error:
        _log.warning("the newest history is in metadata.lock alone, not on the service: %s", error.message)


def read_log(record: DeploymentRecord) -> tuple[LogEntry, ...]:
    """Read the log that a deployment keeps, as far as this release understands it."""
    listed = record.custom.get(CUSTOM_KEY, {}).get("log", ())
    found = map(_entry, listed) if isinstance(listed, list) else ()
    return tuple(entry for entry in found if entry is not None)


def read_retired(record: DeploymentRecord) -> dict[str, str]:
    """Read which names of versions that are no longer stored a deployment keeps, each with its content's digest."""
    listed = record.custom.get(CUSTOM_KEY, {}).get("retired", {})
    return {str(name): str(digest) for name, digest in listed.items()} if isinstance(listed, dict) else {}


def merged(kept: tuple[LogEntry, ...], told: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
    """Merge two logs of one project into one, each entry once, each log in its own order.

    The clocks of two machines differ, so times alone do not give the order: they only place what one log has alone
    among what the other one has alone.

    Args:
        kept: What metadata.lock has; its entries are whole.
        told: What the service has: what others did, too.

    """
    merged_log: list[LogEntry] = []
    rest, alone = list(kept), list[LogEntry]()
    for entry in told:
        place = next((place for place, other in enumerate(rest) if _key(other) == _key(entry)), None)
        if place is None:
            alone.append(entry)
        else:
            merged_log += [*_by_time(rest[:place], alone), rest[place]]
            rest, alone = rest[place + 1 :], []
    return (*merged_log, *_by_time(rest, alone))


def _by_time(kept: list[LogEntry], told: list[LogEntry]) -> list[LogEntry]:
    """Merge two stretches of logs; of two entries of one second, the service's comes first."""
    found, rest = list[LogEntry](), list(told)
    for entry in kept:
        while rest and rest[0].when <= entry.when:
            found.append(rest.pop(0))
        found.append(entry)
    return found + rest


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
    return (
        entry.when,
        entry.action,
        entry.from_version,
        entry.to_version,
        entry.model_id,
        entry.revision,
        entry.verification,
    )
