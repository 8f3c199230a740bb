"""Run jobs in the background, at most two of a deployment at a time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.server.deployments import models as deployments
from wml_deployer.server.deployments import snapshots
from wml_deployer.server.deployments.serving_specs import serving_spec_of
from wml_deployer.server.errors import ServiceError
from wml_deployer.server.jobs import models
from wml_deployer.server.jobs.references import DataReferenceError, input_path, save_output
from wml_deployer.server.jobs.tables import read_table, write_table
from wml_deployer.server.runtimes import LoadError, PredictionError
from wml_deployer.server.storage.records import can_be_kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.blobs import Blob
    from wml_deployer.server.storage.records import Record

__all__ = ["resume", "run"]

_LOGGER = logging.getLogger(__name__)


async def run(context: Context, job_id: str) -> None:
    """Run a job when its turn comes."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, job_id)
    if record is None:
        return
    async with context.job_slots.of(record.entity["deployment"]["id"]):
        await _run(context, job_id)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Restart the jobs that the end of the last process interrupted."""
    for record in records:
        if models.status_of(record)["state"] in models.OPEN:
            context.spawn(run(context, record.id))


async def _run(context: Context, job_id: str) -> None:
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, job_id)
        if record is None or models.status_of(record)["state"] not in models.OPEN:
            return
        models.start(context, transaction, record)
    try:
        predictions = await _score(context, record)
        await context.control.pacing.hold(models.KIND, job_id)
        await _deliver(context, record, predictions)
    except (LoadError, PredictionError, DataReferenceError, ServiceError) as error:
        _fail(context, job_id, str(error))
    except Exception as error:
        # Whatever it is: a job that never ends is what no client can deal with, and a restart would try it again.
        _LOGGER.exception("job %s failed", job_id)
        _fail(context, job_id, f"The service failed to run the job; its log says more: {type(error).__name__}: {error}")


async def _score(context: Context, record: Record) -> list[Any]:
    body = orjson.dumps({"input_data": await _input(context, record)})
    with context.store.transaction() as transaction:
        deployment = transaction.get(deployments.KIND, record.entity["deployment"]["id"])
    if deployment is None:
        raise LoadError("deployment_does_not_exist", "The deployment does not exist any more.")
    answer = await context.serving.predict(
        deployment.id, lambda: serving_spec_of(context, deployment, snapshots.SERVING), body
    )
    predictions: list[Any] = orjson.loads(answer)["predictions"]
    if not can_be_kept(predictions):
        raise DataReferenceError("the predictions are nested too deeply to be kept")
    return predictions


async def _input(context: Context, record: Record) -> Any:
    scoring = record.entity["scoring"]
    if scoring.get("input_data"):
        return scoring["input_data"]
    with context.store.transaction() as transaction:
        references = scoring["input_data_references"]
        paths = [input_path(context, transaction, record.container, reference) for reference in references]
    try:
        return [await asyncio.to_thread(read_table, path) for path in paths]
    except ValueError as error:
        raise DataReferenceError(str(error)) from error


async def _deliver(context: Context, job: Record, predictions: list[Any]) -> None:
    """Store the predictions where the job asks for them."""
    if "output_data_reference" not in job.entity["scoring"]:
        _finish(context, job, predictions, None)
        return
    try:
        table = await asyncio.to_thread(write_table, predictions)
    except ValueError as error:
        raise DataReferenceError(str(error)) from error
    async with context.blobs.receive(_once(table), limit=context.limits.content) as blob:
        _finish(context, job, predictions, blob)


def _finish(context: Context, job: Record, predictions: list[Any], blob: Blob | None) -> None:
    """Store the results, unless the job was canceled or deleted meanwhile."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, job.id)
        if record is None or models.status_of(record)["state"] != "running":
            return
        if blob is None:
            models.finish(context, transaction, record, predictions=predictions)
            return
        reference = record.entity["scoring"]["output_data_reference"]
        saved = save_output(context, transaction, record, reference, blob)
        models.finish(context, transaction, record, output_data_reference=saved)


def _fail(context: Context, job_id: str, reason: str) -> None:
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, job_id)
        if record is not None and models.status_of(record)["state"] == "running":
            models.finish(context, transaction, record, failure=reason)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
