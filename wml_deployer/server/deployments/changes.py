"""Change deployments: metadata immediately, the asset and the number of copies once workers have loaded them."""

from __future__ import annotations

import logging
from copy import deepcopy
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments import history, models, snapshots
from wml_deployer.server.deployments.models import BusyError, DeploymentError
from wml_deployer.server.deployments.snapshots import serving_spec_of
from wml_deployer.server.deployments.verification import verify
from wml_deployer.server.errors import check_labels
from wml_deployer.server.http.patch import Operation, apply
from wml_deployer.server.runtimes import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.runtimes import WorkerPool
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "FollowUp",
    "finish_change",
    "load_pending",
    "message",
    "request_verification",
    "resume",
    "scaling_text",
    "update",
]

_IN_METADATA = ("tags", "owner")
_IN_BOTH = ("name", "description")
_PATCHABLE = (
    *_IN_METADATA,
    *_IN_BOTH,
    "asset",
    "custom",
    "hardware_spec",
    "hybrid_pipeline_hardware_specs",
    "online",
)
_LOGGER = logging.getLogger(__name__)


class FollowUp(Enum):
    """What remains to be done after a patch.

    Attributes:
        NOTHING: Nothing.
        LOAD: Load the new content or number of copies.
        RELEASE: Stop the outdated workers; the next job starts new ones.

    """

    NOTHING = "nothing"
    LOAD = "load"
    RELEASE = "release"


def update(context: Context, transaction: Transaction, record: Record, operations: list[Operation]) -> FollowUp:
    """Patch a deployment.

    Raises:
        DeploymentError: The patch changes a fixed field, or a value is invalid.
        BusyError: The asset or the number of copies is already being changed.

    """
    roots = {operation.root for operation in operations}
    _check(record, operations)
    method = "online" if "online" in record.entity else "batch"
    # Deep copies: a patch may change nested values.
    before = {key: deepcopy(record.entity.get(key)) for key in ("asset", "deployed_asset_type", "hardware_spec")}
    for operation in operations:
        _apply(record, operation)
    if not isinstance(record.entity.get(method, {}), dict):
        raise DeploymentError(f"The {method} of a deployment must be an object.")
    record.name = record.metadata["name"] = models.check_name(record.entity.get("name"))
    check_labels(record.metadata)
    models.check_serving_name(transaction, record)
    follow_up = FollowUp.NOTHING
    if "asset" in roots:
        follow_up = _change_asset(transaction, record, before)
    elif "hardware_spec" in roots:
        follow_up = _scale(context, transaction, record, before["hardware_spec"] or {})
    record.metadata["modified_at"] = context.clock.stamp()
    transaction.save(record)
    return follow_up


def request_verification(context: Context, record: Record, entry: dict[str, Any]) -> None:
    """Let a change of the asset that has just begun be verified, and written to the deployment's log.

    Args:
        context: The running service.
        record: The deployment.
        entry: What its log is to say, without time and verification.

    """
    entry = {**entry, "verification": "skipped"}
    if record.entity["status"]["state"] in models.TRANSIENT_STATES:
        record.private["entry"] = entry
    else:
        _log(context, record, entry, None)


def finish_change(context: Context, transaction: Transaction, record: Record, failure: dict[str, Any] | None) -> None:
    """Finish the initialization, update or scaling of a deployment.

    Args:
        context: The running service.
        transaction: The current transaction.
        record: The deployment.
        failure: Why the new content could not be loaded; None for success.

    """
    status = record.entity["status"]
    previous, scaling = record.private.pop("previous", None), status.pop("scaling", None)
    entry = record.private.pop("entry", None)
    if entry is not None:
        _log(context, record, entry, failure)
    status.pop("message", None)
    if previous is not None or scaling is not None:
        record.metadata["modified_at"] = context.clock.stamp()
    if failure is None:
        snapshots.activate(transaction, record)
        status["state"] = "ready"
        _set_message(record, previous, scaling)
    else:
        snapshots.discard(transaction, record)
        status["failure"] = failure
        record.entity.update(previous or {})
        # Without an earlier content there is nothing to revert to.
        status["state"] = "ready" if snapshots.SERVING in record.private else "failed"
    transaction.save(record)


def _log(context: Context, record: Record, entry: dict[str, Any], failure: dict[str, Any] | None) -> None:
    when = context.clock.now().replace(microsecond=0).isoformat().replace("+00:00", "Z")
    if failure is None:
        live = {"version": entry.get("to"), "digest": entry.get("digest")}
        history.add_entry(record, {"when": when, **entry}, live=live if all(live.values()) else {})
    else:
        history.add_entry(record, {"when": when, **entry, "verification": "failed"}, live=None)


def _check(record: Record, operations: list[Operation]) -> None:
    roots = {operation.root for operation in operations}
    if any(operation.root == "online" and len(operation.path) == 1 for operation in operations) or (
        "online" in roots and "batch" in record.entity
    ):
        raise DeploymentError("A deployment cannot be changed from online to batch or back. Create another one.")
    for unknown in sorted(roots - set(_PATCHABLE)):
        raise DeploymentError(f"/{unknown} of a deployment cannot be changed.")
    for operation in operations:
        if operation.kind == "remove" and operation.root in ("asset", "hardware_spec"):
            raise DeploymentError(f"The {operation.root} of a deployment can be replaced, but not removed.")
    if not roots & {"asset", "hardware_spec"}:
        return
    if {"asset", "hardware_spec"} <= roots:
        raise DeploymentError("A patch cannot change both the asset and the hardware_spec of a deployment.")
    status = record.entity["status"]
    if status["state"] in models.TRANSIENT_STATES or "scaling" in status:
        raise BusyError(f"Deployment with id '{record.id}' is being updated. Try again once its state is ready.")


def _apply(record: Record, operation: Operation) -> None:
    """Apply an operation to metadata or entity. Both have name and description; only metadata has tags and owner."""
    if operation.root in (*_IN_METADATA, *_IN_BOTH):
        apply(record.metadata, operation)
    if operation.root not in _IN_METADATA:
        apply(record.entity, operation)


def _change_asset(transaction: Transaction, record: Record, before: dict[str, Any]) -> FollowUp:
    asset = models.asset_reference(transaction, record.container, record.entity.get("asset"))
    record.entity.update(asset=asset, deployed_asset_type=models.deployed_type(transaction, asset["id"]))
    snapshots.set_pending(transaction, record, asset)
    status = record.entity["status"]
    status.pop("failure", None)
    if "batch" in record.entity:
        snapshots.activate(transaction, record)
        return FollowUp.RELEASE
    if status["state"] == "ready":
        record.private["previous"] = {key: before[key] for key in ("asset", "deployed_asset_type")}
    status["state"] = "updating" if status["state"] == "ready" else "initializing"
    return FollowUp.LOAD


def _scale(context: Context, transaction: Transaction, record: Record, before: dict[str, Any]) -> FollowUp:
    """Start scaling. The response still contains the old number of copies (recorded)."""
    given, present = record.entity.get("hardware_spec"), before.get("num_nodes", 1)
    if not isinstance(given, dict):
        raise DeploymentError("The hardware_spec must be an object.", target={"type": "field", "name": "hardware_spec"})
    requested = models.check_copies(given.get("num_nodes", present))
    if "batch" in record.entity:
        record.entity["hardware_spec"] = models.hardware_of(
            transaction, record.container, {**given, "num_nodes": requested}
        )
        return FollowUp.RELEASE
    status = record.entity["status"]
    if status["state"] == "failed":
        raise DeploymentError(f"Deployment with id '{record.id}' has failed and cannot be scaled.")
    record.entity["hardware_spec"] = before
    if requested == present:
        return FollowUp.NOTHING
    status["message"] = message(scaling_text("inprogress", requested, present))
    status["scaling"] = {
        "attempted_at": context.clock.stamp(),
        "deployed_replicas": present,
        "requested_replicas": requested,
        "state": "in_progress",
    }
    return FollowUp.LOAD


def _set_message(record: Record, previous: dict[str, Any] | None, scaling: dict[str, Any] | None) -> None:
    status = record.entity["status"]
    if scaling is not None:
        copies = scaling["requested_replicas"]
        record.entity["hardware_spec"] = {**record.entity.get("hardware_spec", {}), "num_nodes": copies}
        status["message"] = message(scaling_text("completed", copies, copies))
    elif previous is not None:
        status["message"] = message("Successfully patched the asset.")


def message(text: str) -> dict[str, str]:
    """Return a status message; the service gives all of them the level ``warning``."""
    return {"level": "warning", "text": text}


def scaling_text(state: str, requested: int, deployed: int) -> str:
    """Return the status message about scaling (recorded text).

    Example:
        >>> scaling_text("inprogress", 2, 1)[:62]
        'scaling_status: inprogress; requested_copies: 2; deployed_copi'

    """
    return (
        f"scaling_status: {state}; requested_copies: {requested}; deployed_copies: {deployed};"
        " more_info: Successfully patched the asset."
    )


async def load_pending(context: Context, deployment_id: str) -> None:
    """Load the pending content of a deployment, serve it, and record the result."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, deployment_id)
    if record is None:
        return
    pool, failure = await _load(context, record)
    is_current = False
    try:
        await context.control.pacing.wait(models.KIND, deployment_id)
        is_current = _finish(context, record, failure)
    finally:
        # Also if the service stops meanwhile: these workers are not registered anywhere yet.
        if pool is not None and not is_current:
            await pool.stop()
    if pool is not None and is_current:
        await context.serving.replace(deployment_id, pool)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Resume changes that were interrupted by the end of the last process."""
    for record in records:
        status = record.entity["status"]
        if status["state"] in models.TRANSIENT_STATES or "scaling" in status:
            context.spawn(load_pending(context, record.id))


async def _load(context: Context, record: Record) -> tuple[WorkerPool | None, dict[str, Any] | None]:
    """Return workers that have loaded the content, or the failure."""
    try:
        slot = snapshots.PENDING if snapshots.PENDING in record.private else snapshots.SERVING
        spec = serving_spec_of(context, record, slot)
        pool = await context.serving.start(spec, partial(_report, context, record))
    except LoadError as error:
        return None, _failure(context, error.code, error.message)
    except Exception as error:
        # Any error must end the change: clients would wait for the deployment forever.
        _LOGGER.exception("Deployment %s was not loaded.", record.id)
        message = f"The service failed to load the asset ({type(error).__name__}: {error}). Its log has the traceback."
        return None, _failure(context, "model_load_failed", message)
    answers = context.answers.of(record.id, record.entity["asset"]) if "entry" in record.private else ()
    fault = await verify(pool, answers)
    if answers:
        record.private["entry"]["verification"] = "failed" if fault else "passed"
    if fault is None:
        return pool, None
    await pool.stop()
    return None, _failure(context, "verification_failed", f"The version did not pass its verification. {fault}")


def _report(context: Context, loaded: Record, text: str) -> None:
    """Say in the status of a deployment what is being installed for it."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, loaded.id)
        if record is not None and record.entity["asset"] == loaded.entity["asset"]:
            record.entity["status"]["message"] = message(text)
            transaction.save(record)


def _finish(context: Context, loaded: Record, failure: dict[str, Any] | None) -> bool:
    """Finish the change; return False if the deployment was deleted or got another asset meanwhile."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, loaded.id)
        if record is None or record.entity["asset"] != loaded.entity["asset"]:
            return False
        if "entry" in loaded.private:
            record.private["entry"] = loaded.private["entry"]
        finish_change(context, transaction, record, failure)
        return True


def _failure(context: Context, code: str, message: str) -> dict[str, Any]:
    return {"trace": context.identifiers.trace(), "errors": [{"code": code, "message": message}]}
