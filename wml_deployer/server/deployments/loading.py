"""Load what deployments are to serve, in the background."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments import models, snapshots
from wml_deployer.server.deployments.changes import settle
from wml_deployer.server.deployments.serving_specs import serving_spec_of
from wml_deployer.server.runtimes import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.runtimes import WorkerPool
    from wml_deployer.server.storage.records import Record

__all__ = ["bring_up", "resume"]

_LOGGER = logging.getLogger(__name__)


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
