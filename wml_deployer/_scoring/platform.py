"""The project's batch deployments, and how its jobs are named.

A batch deployment scores its jobs with what it serves when their turn comes, which may be long after they were started.
So one is only switched to another version once its jobs are done; while some are waiting, another one is made. A job's
name tells which revision it was started for: the service does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.deploying import batch_deployments_of
from wml_deployer._rollout.left_over import CUSTOM_KEY
from wml_deployer._rollout.waiting import wait_until_serving
from wml_deployer._transport.idempotency import send_once
from wml_deployer.errors import ConflictError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, JobRecord

__all__ = ["JOB_STATES_OVER", "Asset", "asset_of_job", "is_job_of", "job_name", "start_job"]

JOB_STATES_OVER = frozenset({"completed", "failed", "canceled"})
"""States that a job does not leave."""

ATTEMPTS = 3

_ID = r"[0-9a-z-]{36}"
_NAME = re.compile(rf"(?:(?P<model>{_ID})\.(?P<revision>[^.-]*)-)?{_ID}")


class Asset(NamedTuple):
    """A revision of a model."""

    model_id: str
    revision: str | None


def start_job(client: Client, project: str, asset: Asset, body: bytes) -> JobRecord:
    """Start a job on a batch deployment of the project that serves this revision; made or changed where needed.

    Args:
        client: The deployment space.
        project: Name of the project.
        asset: The revision that is to score.
        body: The rows, as ``input_data`` bytes.

    Raises:
        ConflictError: Others switch the batch deployment all the time.

    """
    for _ in range(ATTEMPTS):
        deployment = _batch_deployment(client, project, asset)
        job = client.start_job(deployment.id, job_name(project, asset), body)
        if asset_of(client.deployment(deployment.id)) == asset:
            return job
        # Somebody else found it idle at the same time.
        client.cancel_job(job.id)
    raise ConflictError(
        f"The batch deployment of {project} was switched to another version again and again.",
        operation="score in batch",
        next_step="Score again once nobody else starts jobs for another version.",
    )


def _batch_deployment(client: Client, project: str, asset: Asset) -> DeploymentRecord:
    ours = batch_deployments_of(client, project)
    serving = [record for record in ours if asset_of(record) == asset]
    if serving:
        return wait_until_serving(client, serving[0], *asset, serving[0])
    busy = {job.deployment_id for job in client.jobs() if job.state not in JOB_STATES_OVER} if ours else set()
    idle = [record for record in ours if record.id not in busy]
    if not idle:
        created = _create(client, project, asset)
        return wait_until_serving(client, created, *asset, created)
    changed = client.serve(idle[0].id, asset.model_id, asset.revision or "")
    return wait_until_serving(client, changed, *asset, idle[0])


def _create(client: Client, project: str, asset: Asset) -> DeploymentRecord:
    facts = {CUSTOM_KEY: {"project": project, "kind": "batch", "call": uuid4().hex}}
    return send_once(
        lambda: client.create_batch_deployment(f"{project}-Batch", asset.model_id, asset.revision or "", facts),
        lambda: next((made for made in batch_deployments_of(client, project) if made.custom == facts), None),
    )


def job_name(project: str, asset: Asset) -> str:
    """Make a name that no other job has: a lost answer's job is found by it.

    Example:
        >>> asset = Asset("0a5b5c6e-0c63-4f3b-9d2c-f6f0c1d2e3a4", "3")
        >>> asset_of_job("churn", job_name("churn", asset)) == asset
        True

    """
    return f"{project}-{asset.model_id}.{asset.revision or ''}-{uuid4()}"


def is_job_of(project: str, name: str) -> bool:
    """Say whether a job's name is one of this project's."""
    return name.startswith(f"{project}-") and _NAME.fullmatch(name, len(project) + 1) is not None


def asset_of_job(project: str, name: str) -> Asset | None:
    """Return the revision that a job of the project was started for; ``None`` where its name does not tell."""
    found = _NAME.fullmatch(name, len(project) + 1)
    if found is None or found["model"] is None:
        return None
    return Asset(found["model"], found["revision"] or None)
