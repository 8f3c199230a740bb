"""A project's one deployment: found, made, and removed."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from wml_deployer._rollout.left_over import CUSTOM_KEY, project_of
from wml_deployer._rollout.removals import removal_as_conflict
from wml_deployer._rollout.storing import facts
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note, send_once
from wml_deployer.errors import ConflictError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Metadata, Version

__all__ = ["batch_deployments_of", "create", "delete", "deployment_of", "deployments_of", "remove"]


_log = logging.getLogger(__name__)


def deployments_of(client: Client, project: str) -> list[DeploymentRecord]:
    """List the deployments of a project, the oldest first; there is one, unless two were made at the same time."""
    ours = [record for record in client.deployments() if project_of(record) == project]
    return sorted(ours, key=lambda record: (record.created_at, record.id))


def batch_deployments_of(client: Client, project: str) -> list[DeploymentRecord]:
    """List what scores for a project in batch."""
    return [record for record in client.batch_deployments() if project_of(record) == project]


def deployment_of(client: Client, metadata: Metadata) -> DeploymentRecord | None:
    """Find a project's deployment: the one that metadata.yaml names, or else the one that says whose it is."""
    if metadata.deployment_uid is not None:
        try:
            return client.deployment(metadata.deployment_uid)
        except NotFoundError:
            _log.warning("deployment %s of metadata.yaml is gone", metadata.deployment_uid)
    return next(iter(deployments_of(client, metadata.project_name)), None)


def create(client: Client, metadata: Metadata, version: Version) -> DeploymentRecord:
    """Make the deployment, once, whatever answers get lost.

    Raises:
        ConflictError: Somebody else deployed the project at the same time; theirs is the older one and stays. Or
            somebody removed the version's model.

    """
    custom = facts(metadata, version.name, version.digest)
    what = (f"{metadata.project_name}-Deployment", version.model_id, version.revision)
    tags = (CUSTOM_KEY, metadata.project_name)

    def made() -> DeploymentRecord | None:
        return next((d for d in deployments_of(client, metadata.project_name) if d.custom == custom), None)

    try:
        with removal_as_conflict("deploy"):
            record = send_once(lambda: client.create_deployment(*what, custom, tags), made)
        _refuse_second(client, metadata.project_name, record)
    except BaseException as error:
        with cleanup_deadline():
            _remove_made(client, metadata.project_name, custom, error)
        raise
    return record


def delete(client: Client, deployment_id: str) -> None:
    """Delete a deployment, whatever answers get lost; one that is gone already is no failure."""
    send_once(lambda: _deleted(client, deployment_id), lambda: _is_gone(client, deployment_id) or None)


def remove(client: Client, deployment_id: str, error: BaseException) -> bool:
    """Remove the deployment of a call that failed; say whether it is gone, and in the error if it is not."""
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


def _refuse_second(client: Client, project: str, record: DeploymentRecord) -> None:
    first = deployments_of(client, project)[0]
    if first.id != record.id:
        raise ConflictError(
            f"Somebody else deployed {project} at the same time, as deployment {first.id}.",
            operation="deploy",
            next_step="Call release(model) to serve yours instead.",
        )


def _remove_made(client: Client, project: str, custom: dict[str, object], error: BaseException) -> None:
    try:
        made = [record.id for record in deployments_of(client, project) if record.custom == custom]
    except WMLDeployerError:
        add_note(error, f"A deployment may be left in {client.scope}; the next call goes on from it.")
        return
    for deployment_id in made:
        remove(client, deployment_id, error)


def _deleted(client: Client, deployment_id: str) -> bool:
    with suppress(NotFoundError):
        client.delete_deployment(deployment_id)
    return True


def _is_gone(client: Client, deployment_id: str) -> bool:
    try:
        client.deployment(deployment_id)
    except NotFoundError:
        return True
    return False
