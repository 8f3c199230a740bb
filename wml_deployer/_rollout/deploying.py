"""Find, create and remove the deployment of a project."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.assets import asset_of, find, removal_as_conflict
from wml_deployer._rollout.orphans import CUSTOM_KEY, project_of
from wml_deployer._rollout.storing import facts
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note, send_once
from wml_deployer.errors import ConflictError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Metadata, ServingOptions, Version

__all__ = [
    "batch_deployments_of",
    "create",
    "create_only",
    "delete",
    "deployment_of",
    "deployments_of",
    "remove",
    "serves_another",
]


_log = logging.getLogger(__name__)


def deployments_of(client: Client, project: str) -> list[DeploymentRecord]:
    """List the deployments of a project, the oldest first; there is one, unless two were made at the same time."""
    ours = [record for record in client.deployments() if project_of(record) == project]
    return sorted(ours, key=lambda record: (record.created_at, record.id))


def batch_deployments_of(client: Client, project: str) -> list[DeploymentRecord]:
    """List a project's batch deployments."""
    return [record for record in client.batch_deployments() if project_of(record) == project]


def deployment_of(client: Client, metadata: Metadata) -> DeploymentRecord | None:
    """Find a project's deployment: the one in metadata.yaml, or else the oldest one tagged with its name."""
    known = metadata.deployment_uid
    if known is not None:
        record = find(lambda: client.deployment(known))
        if record is not None:
            return record
        _log.warning("deployment %s of metadata.yaml is gone", known)
    return next(iter(deployments_of(client, metadata.project_name)), None)


def create(client: Client, metadata: Metadata, version: Version, options: ServingOptions) -> DeploymentRecord:
    """Create the project's deployment exactly once, even if a response is lost.

    Raises:
        ConflictError: Somebody else deployed the project at the same time; theirs is the older one and stays. Or
            somebody removed the version's model.

    """
    project = metadata.project_name
    return create_only(
        client,
        f"{project}-Deployment",
        version,
        facts(metadata, version.name, version.digest),
        (CUSTOM_KEY, project),
        existing=lambda: deployments_of(client, project),
        options=options,
    )


def create_only(
    client: Client,
    name: str,
    version: Version,
    custom: dict[str, Any],
    tags: Sequence[str],
    *,
    existing: Callable[[], Sequence[DeploymentRecord]],
    options: ServingOptions | None = None,
) -> DeploymentRecord:
    """Create a deployment of which a project has one, exactly once, even if a response is lost.

    Two machines can make it at the same time, because the service does not refuse the second one. Each looks what there
    is afterwards: the oldest stays, and whoever made another one removes it.

    Args:
        client: The deployment space.
        name: Name of the deployment.
        version: What it serves.
        custom: Its facts, which name the call that makes it.
        tags: Its tags.
        existing: Lists the deployments of this kind that the project has, the oldest first.
        options: How it is served.

    Raises:
        ConflictError: Somebody else made it at the same time, or removed the version's model.

    """

    def created() -> DeploymentRecord | None:
        return next((record for record in existing() if record.custom == custom), None)

    try:
        with removal_as_conflict("deploy"):
            record = send_once(
                lambda: client.create_deployment(
                    name, version.model_id, version.revision, custom, tags, options=options
                ),
                created,
            )
        _refuse_second(name, record, first=next(iter(existing()), record))
    except BaseException as error:
        with cleanup_deadline():
            _remove_created(client, existing, custom, error)
        raise
    return record


def serves_another(client: Client, record: DeploymentRecord, version: Version) -> bool:
    """Return whether somebody else uses a deployment for another version by now; ``False`` if nobody can tell."""
    try:
        with cleanup_deadline():
            now = client.deployment(record.id)
    except WMLDeployerError:
        return False
    return asset_of(now) not in {asset_of(version), (version.model_id, None)}


def delete(client: Client, deployment_id: str) -> None:
    """Delete a deployment, even if a response is lost; one that no longer exists is not an error."""
    send_once(lambda: _deleted(client, deployment_id), lambda: _is_gone(client, deployment_id) or None)


def remove(client: Client, deployment_id: str, error: BaseException) -> bool:
    """Clean up the deployment of a failed call. Return whether it is gone; if not, add a note to ``error``."""
    try:
        with cleanup_deadline():
            delete(client, deployment_id)
    except WMLDeployerError as failure:
        add_note(
            error,
            f"Deployment {deployment_id} stays in {client.scope}, for it could not be removed "
            f"({failure.message}); the next call goes on from it.",
        )
        return False
    return True


def _refuse_second(name: str, record: DeploymentRecord, first: DeploymentRecord) -> None:
    if first.id != record.id:
        raise ConflictError(
            f"Somebody else made {name} at the same time, as deployment {first.id}.",
            operation="deploy",
            next_step="Call recover() to learn what it serves, and then again.",
        )


def _remove_created(
    client: Client,
    existing: Callable[[], Sequence[DeploymentRecord]],
    custom: dict[str, Any],
    error: BaseException,
) -> None:
    try:
        made = [record.id for record in existing() if record.custom == custom]
    except WMLDeployerError:
        add_note(error, f"A deployment may be left in {client.scope}; the next call goes on from it.")
        return
    for deployment_id in made:
        remove(client, deployment_id, error)


def _deleted(client: Client, deployment_id: str) -> bool:
    try:
        client.delete_deployment(deployment_id)
    except NotFoundError:
        if not _is_gone(client, deployment_id):
            client.delete_deployment(deployment_id)
    return True


def _is_gone(client: Client, deployment_id: str) -> bool:
    return find(lambda: client.deployment(deployment_id)) is None
