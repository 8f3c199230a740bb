"""Batch deployments and their jobs.

IBM's clients send the creation of a job again after a lost answer, print, and leave waiting to a loop without an end.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._clients.records import DeploymentRecord, JobRecord
from wml_deployer._transport.idempotency import send_once
from wml_deployer.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.scope import Scope
    from wml_deployer._transport.responses import Response

__all__ = ["BatchCalls"]


class BatchCalls:
    """The calls of batch scoring; how they are sent is the subclass's affair."""

    scope: Scope

    @abstractmethod
    def _call(self, method: str, path: str, operation: str, **options: Any) -> Response:
        """Send one request on the deployment space."""

    @abstractmethod
    def _pages(self, path: str, operation: str) -> Iterator[Document]:
        """List a collection, all of it."""

    def create_batch_deployment(self, name: str, model_id: str, revision: str, custom: Document) -> DeploymentRecord:
        """Start a batch deployment of a revision."""
        entity = {
            "name": name,
            **self.scope.query,
            "asset": {"id": model_id, "rev": revision},
            "batch": {},
            "hardware_spec": {"name": "S", "num_nodes": 1},
            "custom": custom,
        }
        created = self._call("POST", "/ml/v4/deployments", "create the batch deployment", json=entity)
        return DeploymentRecord.from_document(created.document())

    def batch_deployments(self) -> Sequence[DeploymentRecord]:
        """List every batch deployment of the space."""
        listed = self._pages("/ml/v4/deployments", "list the batch deployments")
        return [DeploymentRecord.from_document(item) for item in listed if "batch" in item.get("entity", {})]

    def start_job(self, deployment_id: str, name: str, body: bytes) -> JobRecord:
        """Start a job on ``input_data`` bytes, once: after a lost response the job of this name is looked for."""
        head = {"name": name, **self.scope.query, "deployment": {"id": deployment_id}}
        # The rows are not decoded only to be encoded again.
        document = orjson.dumps(head)[:-1] + b',"scoring":' + body + b"}"
        headers = {"Content-Type": "application/json"}

        def start() -> JobRecord:
            started = self._call("POST", "/ml/v4/deployment_jobs", "start the job", body=document, headers=headers)
            return JobRecord.from_document(started.document())

        return send_once(start, lambda: next((job for job in self.jobs() if job.name == name), None))

    def job(self, job_id: str) -> JobRecord:
        """Ask for a job."""
        return JobRecord.from_document(
            self._call("GET", f"/ml/v4/deployment_jobs/{job_id}", "look up the job").document()
        )

    def jobs(self) -> Sequence[JobRecord]:
        """List the space's jobs that score rows; the service keeps the newest few hundred."""
        listed = self._pages("/ml/v4/deployment_jobs", "list the jobs")
        return [JobRecord.from_document(item) for item in listed if "scoring" in item.get("entity", {})]

    def cancel_job(self, job_id: str) -> None:
        """Stop a job and forget it; one that is gone already is stopped."""
        path = f"/ml/v4/deployment_jobs/{job_id}"
        try:
            self._call("DELETE", path, "cancel the job", params={"hard_delete": "true"}, repeatable=True)
        except NotFoundError:
            return
