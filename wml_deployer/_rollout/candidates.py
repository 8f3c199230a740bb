"""A candidate: a second deployment beside the live one, to be compared, promoted or discarded.

The service has no split of traffic. A candidate is found again by what stands in its ``custom``, so that it survives
the process that made it and needs no place in metadata.lock.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

from wml_deployer._rollout.assets import asset_of, version_served
from wml_deployer._rollout.deploying import create_only, delete, remove, serves_another
from wml_deployer._rollout.orphans import CUSTOM_KEY
from wml_deployer._rollout.waiting import serve, wait_until_serving, wait_until_settled
from wml_deployer._verification.verify import verify
from wml_deployer.errors import ConflictError, VersionError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._verification.sample import Sample
    from wml_deployer.metadata import Metadata, Version

__all__ = ["CANDIDATE_KEY", "candidate_of", "candidates_of", "finish", "require_candidate", "start", "version_of"]

CANDIDATE_KEY = "candidate_of"
"""The key for the project of a candidate, which is not that of a live deployment: neither is taken for the other."""

_log = logging.getLogger(__name__)


def candidate_of(client: Client, project: str) -> DeploymentRecord | None:
    """Find the project's candidate."""
    return next(iter(candidates_of(client, project)), None)


def candidates_of(client: Client, project: str) -> list[DeploymentRecord]:
    """List the candidates of a project, the oldest first; there is one, unless two are being made at the same time."""
    ours = [d for d in client.deployments() if d.custom.get(CUSTOM_KEY, {}).get(CANDIDATE_KEY) == project]
    return sorted(ours, key=lambda record: (record.created_at, record.id))


def require_candidate(client: Client, project: str, operation: str) -> DeploymentRecord:
    """Find the project's candidate.

    Raises:
        VersionError: There is none.

    """
    record = candidate_of(client, project)
    if record is None:
        raise VersionError(
            f"{project} has no candidate.", operation=operation, next_step="Call candidate(model) to deploy one."
        )
    return record


def version_of(metadata: Metadata, record: DeploymentRecord) -> Version:
    """Return the version that a candidate serves.

    Raises:
        ConflictError: It serves what metadata.lock does not know.

    """
    version = version_served(metadata.versions, record)
    if version is not None:
        return version
    raise ConflictError(
        f"The candidate serves revision {record.revision} of model {record.model_id}, which metadata.lock does not "
        "know: somebody else deployed it, or the file is not the newest.",
        next_step="Get the newest metadata.lock, or rebuild it from the space with recover().",
    )


def start(client: Client, project: str, version: Version, sample: Sample | None) -> DeploymentRecord:
    """Let a candidate serve a version, and verify it; it is removed if that fails.

    Args:
        client: The deployment space.
        project: Name of the project.
        version: The version to serve, in place of what an existing candidate serves.
        sample: Rows to verify it with.

    Raises:
        RolloutError: It failed, or did not answer as the local model does.
        ConflictError: Somebody else made a candidate, or let this one serve another version, at the same time.

    """
    there = candidate_of(client, project)
    if there is None:
        there = started = _create(client, project, version)
    else:
        there = wait_until_settled(client, there)
        started = there if asset_of(there) == asset_of(version) else serve(client, there.id, version)
    try:
        ready = wait_until_serving(client, started, version.model_id, version.revision, there)
        verify(client, ready.id, sample)
    except BaseException as error:
        if not serves_another(client, there, version):
            remove(client, there.id, error)
        raise
    _log.info("candidate %s serves %s", ready.id, version.name)
    return ready


def finish(client: Client, project: str, version: Version) -> None:
    """Remove the candidate that was promoted; one that serves another version by now is somebody else's."""
    record = candidate_of(client, project)
    if record is not None and asset_of(record) == asset_of(version):
        delete(client, record.id)


def _create(client: Client, project: str, version: Version) -> DeploymentRecord:
    call = {CANDIDATE_KEY: project, "version": version.name, "digest": version.digest, "call": uuid4().hex}
    return create_only(
        client,
        f"{project}-Candidate",
        version,
        {CUSTOM_KEY: call},
        (CUSTOM_KEY, project, "candidate"),
        existing=lambda: candidates_of(client, project),
    )
