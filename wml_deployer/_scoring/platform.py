"""The project's batch deployment, and how its jobs are named."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from wml_deployer._rollout.deploying import batch_deployments_of
from wml_deployer._rollout.left_over import CUSTOM_KEY
from wml_deployer._rollout.waiting import wait_until_serving
from wml_deployer._transport.idempotency import send_once

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord

__all__ = ["batch_deployment", "is_job_of", "job_name"]


def batch_deployment(client: Client, project: str, model_id: str, revision: str | None) -> DeploymentRecord:
    """Return the project's batch deployment, serving this revision; made or changed where needed.

    Args:
        client: The deployment space.
        project: Name of the project.
        model_id: The model that shall score.
        revision: Its revision.

    """
    ours = batch_deployments_of(client, project)
    if not ours:
        before = record = _created(client, project, model_id, revision)
    else:
        before = record = ours[0]
        if (before.model_id, before.revision) != (model_id, revision):
            record = client.serve(before.id, model_id, revision or "")
    return wait_until_serving(client, record, model_id, revision, before)


def _created(client: Client, project: str, model_id: str, revision: str | None) -> DeploymentRecord:
    facts = {CUSTOM_KEY: {"project": project, "kind": "batch"}}
    return send_once(
        lambda: client.create_batch_deployment(f"{project}-Batch", model_id, revision or "", facts),
        lambda: next(iter(batch_deployments_of(client, project)), None),
    )


def job_name(project: str) -> str:
    """Make a name that no other job has: a lost answer's job is found by it."""
    return f"{project}-{uuid4()}"


def is_job_of(project: str, name: str) -> bool:
    """Say whether a job's name is one of this project's."""
    # What follows the project's name is the dash and the 36 characters of the id.
    return name.startswith(f"{project}-") and len(name) == len(project) + 37
