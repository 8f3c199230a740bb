"""Remove old models, but never one that may be needed again."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from wml_deployer._rollout.assets import delete_model, is_gone
from wml_deployer._rollout.derived import remove_unused
from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.orphans import refuse_unknown_versions
from wml_deployer._rollout.rollback import find_version, live_version, rollback_target
from wml_deployer._rollout.service_log import write_log
from wml_deployer.errors import ConflictError, VersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Metadata, MetadataFile, Version

__all__ = ["prune"]

_log = logging.getLogger(__name__)


def prune(
    client: Client, file: MetadataFile, record: DeploymentRecord | None, keep: int, named: Sequence[str]
) -> tuple[str, ...]:
    """Delete the models that hold nothing but old versions, and forget those but for their names.

    Args:
        client: The deployment space.
        file: The project's metadata.yaml; its lock is held by the caller.
        record: The project's deployment, if there is one.
        keep: How many of the newest versions stay.
        named: Further versions that stay.

    Returns:
        Names of the versions that are gone, oldest first.

    Raises:
        VersionError: A named version is not there; nothing was deleted.
        ConflictError: The service has a version that metadata.lock does not know; nothing was deleted.

    """
    metadata = file.read()
    deployed = (*client.deployments(), *client.batch_deployments())
    kept = _kept(client, metadata, keep, named) | {record.model_id for record in deployed}
    # Oldest first: where somebody stops it half-way, the newer ones are still there.
    old = [model_id for model_id in dict.fromkeys(v.model_id for v in metadata.versions) if model_id not in kept]
    refuse_unknown_versions(client, metadata, old, "prune")
    gone = []
    for model_id in old:
        if _delete(client, metadata, model_id):
            gone += [version.name for version in metadata.versions if version.model_id == model_id]
            _forget(file, model_id)
    if gone and record is not None:
        write_log(client, record, file.read())
    remove_unused(client)
    return tuple(gone)


def _forget(file: MetadataFile, model_id: str) -> None:
    metadata = file.read()
    rest = tuple(version for version in metadata.versions if version.model_id != model_id)
    left: dict[str, object] = {"versions": rest, "retired": retired_names(metadata, rest)}
    if metadata.model_uid == model_id:
        live = live_version(metadata)
        left["model_uid"] = live.model_id if live else rest[-1].model_id if rest else None
    file.write(metadata.model_copy(update=left))


def _kept(client: Client, metadata: Metadata, keep: int, named: Sequence[str]) -> set[str]:
    """Ids of the models that hold a version which stays."""
    staying = _newest(metadata, keep) + [find_version(metadata, name, "prune") for name in named]
    live = live_version(metadata)
    if live is not None:
        staying.append(live)
        try:
            staying.append(rollback_target(metadata, live, None, partial(is_gone, client)))
        except VersionError:
            _log.debug("%s has no earlier good version", metadata.project_name)
    return {version.model_id for version in staying}


def _newest(metadata: Metadata, keep: int) -> list[Version]:
    if keep < 0:
        raise VersionError(f"keep={keep} versions cannot be kept.", operation="prune", next_step="Give 0 or more.")
    by_age = sorted(metadata.versions, key=lambda version: version.stored_at)
    return by_age[len(by_age) - min(keep, len(by_age)) :]


def _delete(client: Client, metadata: Metadata, model_id: str) -> bool:
    try:
        # Once more just before it goes: another machine may have stored a version in it since.
        refuse_unknown_versions(client, metadata, [model_id], "prune")
        delete_model(client, model_id)
    except ConflictError as error:
        _log.warning("model %s stays: %s", model_id, error.message)
        return False
    return True
