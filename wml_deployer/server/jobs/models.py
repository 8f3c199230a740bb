"""Deployment jobs: queued, running, and then completed, failed or canceled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments import models as deployments
from wml_deployer.server.deployments.models import not_found as deployment_not_found
from wml_deployer.server.errors import InvalidRequestError, NotFoundError, check_labels, error_text, wrong_field
from wml_deployer.server.http.not_served import NotServedError
from wml_deployer.server.platform.models import require_credentials
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["KIND", "OPEN", "cancel", "create", "finish", "not_found", "start", "status_of"]

KIND = "job"
"""Kind of the records of jobs."""
OPEN = ("queued", "running")
"""States of unfinished jobs."""

#: Number of jobs that the service keeps for each space.
_KEPT = 300


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, container: Record
) -> Record:
    """Queue a job.

    Raises:
        InvalidRequestError: The input is missing or invalid, the deployment is not a batch deployment, or the caller
            lacks task credentials.
        ForbiddenError: The plan allows no more jobs.
        NotFoundError: The deployment does not exist.

    """
    deployment = _deployment(transaction, container, fields.get("deployment"))
    scoring = _scoring(fields)
    require_credentials(context, transaction, caller)
    context.control.quota.check_jobs(transaction.count(KIND))
    check_labels(fields)
    identifier = context.identifiers.new()
    name = fields.get("name") or f"name_{context.identifiers.new()}"
    if not isinstance(name, str):
        raise wrong_field("name", "The name of a job must be a string.")
    optional = {key: fields[key] for key in ("description", "tags") if key in fields}
    kept = {key: fields[key] for key in ("hardware_spec", "hybrid_pipeline_hardware_specs") if key in fields}
    document: dict[str, Any] = {
        "metadata": {
            "created_at": context.clock.stamp(),
            **optional,
            "id": identifier,
            "name": name,
            f"{container.kind}_id": container.id,
        },
        "entity": {
            "deployment": {"id": deployment.id},
            **kept,
            "platform_job": {"job_id": context.identifiers.new(), "run_id": context.identifiers.new()},
            "scoring": {**scoring, "status": {"completed_at": "", "running_at": "", "state": "queued"}},
        },
    }
    # The output asset will belong to the caller.
    private = {"flavour": caller.flavour, "username": caller.username}
    record = Record(KIND, identifier, container.id, name, document, private)
    transaction.add(record)
    for old in transaction.find(KIND, container.id)[:-_KEPT]:
        transaction.remove(old)
    return record


def status_of(record: Record) -> dict[str, Any]:
    """Return the status of a job."""
    status: dict[str, Any] = record.entity["scoring"]["status"]
    return status


def start(context: Context, transaction: Transaction, record: Record) -> None:
    """Mark a job as running."""
    status_of(record).update(state="running", running_at=context.clock.stamp())
    transaction.save(record)


def finish(
    context: Context, transaction: Transaction, record: Record, *, failure: str | None = None, **results: Any
) -> None:
    """Mark a job as completed or failed.

    Args:
        context: The running service.
        transaction: The current transaction.
        record: The job.
        failure: Why it failed; None for success.
        results: Fields to add to its scoring section.

    """
    now = context.clock.stamp()
    status = status_of(record)
    status.update(state="completed" if failure is None else "failed", completed_at=now)
    if failure is not None:
        error = {"code": "job_failed", "message": error_text(failure)}
        status["failure"] = {"trace": context.identifiers.trace(), "errors": [error]}
    record.entity["scoring"].update(results)
    record.metadata["modified_at"] = now
    transaction.save(record)


def cancel(context: Context, transaction: Transaction, record: Record) -> None:
    """Cancel a job, unless it has finished."""
    if status_of(record)["state"] in OPEN:
        status_of(record).update(state="canceled", completed_at=context.clock.stamp())
        record.metadata["modified_at"] = context.clock.stamp()
        transaction.save(record)


def not_found(identifier: str) -> NotFoundError:
    """Return the error for a missing job."""
    return NotFoundError(
        f"The deployment job with id '{identifier}' does not exist.", code="deployment_job_does_not_exist"
    )


def _deployment(transaction: Transaction, container: Record, reference: Any) -> Record:
    identifier = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(identifier, str):
        raise wrong_field("deployment", "A job needs the id of a deployment.")
    record = transaction.get(deployments.KIND, identifier)
    if record is None or record.container != container.id:
        raise deployment_not_found(identifier)
    if "batch" not in record.entity:
        raise InvalidRequestError(
            f"Deployment with id '{identifier}' is not a batch deployment, so it cannot have jobs."
        )
    return record


def _scoring(fields: dict[str, Any]) -> dict[str, Any]:
    if "decision_optimization" in fields:
        raise NotServedError("The embedded service does not solve decision optimization models.")
    scoring = fields.get("scoring")
    if not isinstance(scoring, dict) or not (scoring.get("input_data") or scoring.get("input_data_references")):
        raise wrong_field("scoring", "A job needs input_data or input_data_references.")
    for key, kind, article in (
        ("input_data", list, "a list"),
        ("input_data_references", list, "a list"),
        ("output_data_reference", dict, "an object"),
    ):
        if scoring.get(key) is not None and not isinstance(scoring[key], kind):
            raise wrong_field(f"scoring.{key}", f"The {key} of a job must be {article}.")
    return {key: value for key, value in scoring.items() if key not in ("status", "predictions") and value is not None}
