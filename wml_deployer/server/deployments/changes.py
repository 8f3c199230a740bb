"""Changes of deployments: metadata at once, assets and copies once they are loaded."""

from __future__ import annotations

import logging
from copy import deepcopy
from enum import Enum
from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments import models, snapshots
from wml_deployer.server.deployments.models import BusyError, DeploymentError
from wml_deployer.server.deployments.snapshots import serving_spec_of
from wml_deployer.server.errors import check_tags
from wml_deployer.server.http.patch import Operation, apply
from wml_deployer.server.runtimes import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.runtimes import WorkerPool
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["Following", "bring_up", "message", "resume", "scaling_text", "settle", "update"]

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


class Following(Enum):
    """What remains to be done after a change.

    Attributes:
        NOTHING: It is done.
        LOAD: A new content, or a new number of copies, is to be loaded.
        RELEASE: What is loaded is out of date; the next one who needs it loads it anew.

    """

    NOTHING = "nothing"
    LOAD = "load"
    RELEASE = "release"


def update(context: Context, transaction: Transaction, record: Record, operations: list[Operation]) -> Following:
    """Patch a deployment.

    Raises:
        DeploymentError: The patch is about what cannot be changed, or asks for what cannot be.
        BusyError: It asks for an asset or for copies while such a change is being made.

    """
    roots = {operation.root for operation in operations}
    _check(record, operations)
    method = "online" if "online" in record.entity else "batch"
    # Copies: a patch may reach into them.
    before = {key: deepcopy(record.entity.get(key)) for key in ("asset", "deployed_asset_type", "hardware_spec")}
    for operation in operations:
        _apply(record, operation)
    if not isinstance(record.entity.get(method, {}), dict):
        raise DeploymentError(f"/{method} of a deployment is an object.")
    record.name = record.metadata["name"] = models.check_name(record.entity.get("name"))
    check_tags(record.metadata.get("tags"))
    models.check_serving_name(transaction, record)
    following = Following.NOTHING
    if "asset" in roots:
        following = _change_asset(transaction, record, before)
    elif "hardware_spec" in roots:
        following = _scale(context, transaction, record, before["hardware_spec"] or {})
    record.metadata["modified_at"] = context.clock.stamp()
    transaction.save(record)
    return following


def settle(context: Context, transaction: Transaction, record: Record, failure: dict[str, Any] | None) -> None:
    """Finish the initialization, update or scaling of a deployment.

    Args:
        context: The running service.
        transaction: Where it is stored.
        record: The deployment.
        failure: Why what it was to serve cannot be served; None when it is being served.

    """
    status = record.entity["status"]
    previous, scaling = record.private.pop("previous", None), status.pop("scaling", None)
    status.pop("message", None)
    if previous is not None or scaling is not None:
        record.metadata["modified_at"] = context.clock.stamp()
    if failure is None:
        snapshots.activate(transaction, record)
        status["state"] = "ready"
        _say_what_was_done(record, previous, scaling)
    else:
        snapshots.discard(transaction, record)
        status["failure"] = failure
        record.entity.update(previous or {})
        # What never served anything has nothing to go back to.
        status["state"] = "ready" if snapshots.SERVING in record.private else "failed"
    transaction.save(record)


def _check(record: Record, operations: list[Operation]) -> None:
    roots = {operation.root for operation in operations}
    if any(operation.root == "online" and len(operation.path) == 1 for operation in operations) or (
        "online" in roots and "batch" in record.entity
    ):
        raise DeploymentError("A deployment stays online or batch, as it was made.")
    for unknown in sorted(roots - set(_PATCHABLE)):
        raise DeploymentError(f"/{unknown} of a deployment cannot be changed.")
    for operation in operations:
        if operation.kind == "remove" and operation.root in ("asset", "hardware_spec"):
            raise DeploymentError(f"The {operation.root} of a deployment can be replaced, not removed.")
    if not roots & {"asset", "hardware_spec"}:
        return
    if {"asset", "hardware_spec"} <= roots:
        raise DeploymentError("The asset and the hardware_spec of a deployment are changed one after the other.")
    status = record.entity["status"]
    if status["state"] in models.UNSETTLED or "scaling" in status:
        raise BusyError(f"Deployment with id '{record.id}' is being updated. Try again once its state is ready.")


def _apply(record: Record, operation: Operation) -> None:
    """Names and descriptions stand in both halves of the document; tags and owner in its metadata alone."""
    if operation.root in (*_IN_METADATA, *_IN_BOTH):
        apply(record.metadata, operation)
    if operation.root not in _IN_METADATA:
        apply(record.entity, operation)


def _change_asset(transaction: Transaction, record: Record, before: dict[str, Any]) -> Following:
    asset = models.asset_reference(transaction, record.container, record.entity.get("asset"))
    record.entity.update(asset=asset, deployed_asset_type=models.deployed_type(transaction, asset["id"]))
    snapshots.set_pending(transaction, record, asset)
    status = record.entity["status"]
    status.pop("failure", None)
    if "batch" in record.entity:
        snapshots.activate(transaction, record)
        return Following.RELEASE
    if status["state"] == "ready":
        record.private["previous"] = {key: before[key] for key in ("asset", "deployed_asset_type")}
    status["state"] = "updating" if status["state"] == "ready" else "initializing"
    return Following.LOAD


def _scale(context: Context, transaction: Transaction, record: Record, before: dict[str, Any]) -> Following:
    """Ask for more or fewer copies: the answer still says the old number (recorded)."""
    given, present = record.entity.get("hardware_spec"), before.get("num_nodes", 1)
    if not isinstance(given, dict):
        raise DeploymentError("The hardware_spec is an object.", target={"type": "field", "name": "hardware_spec"})
    wanted = models.check_copies(given.get("num_nodes", present))
    if "batch" in record.entity:
        record.entity["hardware_spec"] = models.hardware_of(
            transaction, record.container, {**given, "num_nodes": wanted}
        )
        return Following.RELEASE
    status = record.entity["status"]
    if status["state"] == "failed":
        raise DeploymentError(f"Deployment with id '{record.id}' has failed: there is nothing to scale.")
    record.entity["hardware_spec"] = before
    if wanted == present:
        return Following.NOTHING
    status["message"] = message(scaling_text("inprogress", wanted, present))
    status["scaling"] = {
        "attempted_at": context.clock.stamp(),
        "deployed_replicas": present,
        "requested_replicas": wanted,
        "state": "in_progress",
    }
    return Following.LOAD


def _say_what_was_done(record: Record, previous: dict[str, Any] | None, scaling: dict[str, Any] | None) -> None:
    status = record.entity["status"]
    if scaling is not None:
        copies = scaling["requested_replicas"]
        record.entity["hardware_spec"] = {**record.entity.get("hardware_spec", {}), "num_nodes": copies}
        status["message"] = message(scaling_text("completed", copies, copies))
    elif previous is not None:
        status["message"] = message("Successfully patched the asset.")


def message(text: str) -> dict[str, str]:
    """Return a message for the status; the service gives all of them the level warning."""
    return {"level": "warning", "text": text}


def scaling_text(state: str, requested: int, deployed: int) -> str:
    """Return the message about scaling.

    Example:
        >>> scaling_text("inprogress", 2, 1)[:62]
        'scaling_status: inprogress; requested_copies: 2; deployed_copi'

    """
    return (
        f"scaling_status: {state}; requested_copies: {requested}; deployed_copies: {deployed};"
        " more_info: Successfully patched the asset."
    )


async def bring_up(context: Context, deployment_id: str) -> None:
    """Load what the deployment should serve, serve it, and record what came of it."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, deployment_id)
    if record is None:
        return
    pool, failure = await _load(context, record)
    arrived = False
    try:
        await context.control.pacing.hold(models.KIND, deployment_id)
        arrived = _settle(context, record, failure)
    finally:
        # Also where the service ends meanwhile: nobody else knows of these workers yet.
        if pool is not None and not arrived:
            await pool.stop()
    if pool is not None and arrived:
        await context.serving.replace(deployment_id, pool)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Resume the changes that the end of the last process interrupted."""
    for record in records:
        status = record.entity["status"]
        if status["state"] in models.UNSETTLED or "scaling" in status:
            context.spawn(bring_up(context, record.id))


async def _load(context: Context, record: Record) -> tuple[WorkerPool | None, dict[str, Any] | None]:
    """Return the workers that have loaded what the deployment should serve, or why there are none."""
    try:
        slot = snapshots.PENDING if snapshots.PENDING in record.private else snapshots.SERVING
        return await context.serving.start(serving_spec_of(context, record, slot)), None
    except LoadError as error:
        return None, _failure(context, error.code, error.message)
    except Exception as error:
        # Whatever it is: a deployment that never arrives is what no client can deal with.
        _LOGGER.exception("deployment %s was not loaded", record.id)
        message = f"The service failed to load the asset; its log says more: {type(error).__name__}: {error}"
        return None, _failure(context, "model_load_failed", message)


def _settle(context: Context, loaded: Record, failure: dict[str, Any] | None) -> bool:
    """Finish the change; tell whether the deployment is still there and still to serve what was loaded."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, loaded.id)
        if record is None or record.entity["asset"] != loaded.entity["asset"]:
            return False
        settle(context, transaction, record, failure)
        return True


def _failure(context: Context, code: str, message: str) -> dict[str, Any]:
    return {"trace": context.identifiers.trace(), "errors": [{"code": code, "message": message}]}
