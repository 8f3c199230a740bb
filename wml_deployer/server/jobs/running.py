"""Run jobs in the background, at most two of a deployment at a time: read the input, score, store the output."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from wml_deployer.server.assets import models as assets
from wml_deployer.server.deployments import models as deployments
from wml_deployer.server.deployments import snapshots
from wml_deployer.server.deployments.snapshots import serving_spec_of
from wml_deployer.server.errors import ServiceError
from wml_deployer.server.http.tokens import Caller
from wml_deployer.server.jobs import models
from wml_deployer.server.jobs.tables import read_table, write_table
from wml_deployer.server.runtimes import LoadError, PredictionError
from wml_deployer.server.storage.records import Content, Record, can_be_stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.blobs import Blob
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["DataReferenceError", "input_path", "resume", "run", "save_output"]

_LOGGER = logging.getLogger(__name__)


async def run(context: Context, job_id: str) -> None:
    """Run a job when a slot of its deployment is free."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, job_id)
    if record is None:
        return
    async with context.job_slots.of(record.entity["deployment"]["id"]):
        await _run(context, job_id)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Restart jobs that were interrupted by the end of the last process."""
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
        await context.control.pacing.wait(models.KIND, job_id)
        await _deliver(context, record, predictions)
    except (LoadError, PredictionError, DataReferenceError, ServiceError) as error:
        _fail(context, job_id, str(error))
    except Exception as error:
        # Any error must end the job: clients would wait for it forever, and each restart would run it again.
        _LOGGER.exception("Job %s failed.", job_id)
        _fail(
            context,
            job_id,
            f"The service failed to run the job ({type(error).__name__}: {error}). Its log has the traceback.",
        )


async def _score(context: Context, record: Record) -> list[Any]:
    body = orjson.dumps({"input_data": await _input(context, record)})
    with context.store.transaction() as transaction:
        deployment = transaction.get(deployments.KIND, record.entity["deployment"]["id"])
    if deployment is None:
        raise LoadError("deployment_does_not_exist", "The deployment of the job does not exist any more.")
    answer = await context.serving.predict(
        deployment.id, lambda: serving_spec_of(context, deployment, snapshots.SERVING), body
    )
    predictions: list[Any] = orjson.loads(answer)["predictions"]
    if not can_be_stored(predictions):
        raise DataReferenceError("The predictions are nested too deeply to be stored.")
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
    """Store the predictions in the job, or in its output asset."""
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
    """Complete the job, unless it was canceled or deleted meanwhile."""
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


class DataReferenceError(ValueError):
    """A reference to input or output data cannot be resolved, or the data are invalid."""


def input_path(context: Context, transaction: Transaction, container: str, reference: Any) -> Path:
    """Return the file of an input reference.

    Raises:
        DataReferenceError: The reference is not of a data asset with content in the same space.

    """
    record = _asset(transaction, container, reference)
    if record is None:
        raise DataReferenceError("The input is not a data asset in the space of the deployment.")
    for document in record.document["attachments"]:
        content = transaction.content(record, slot=assets.slot(document["id"]))
        if content is not None:
            return context.blobs.path(content.blob.digest)
    raise DataReferenceError(f"The data asset with id '{record.id}' has no content.")


def save_output(context: Context, transaction: Transaction, job: Record, reference: Any, blob: Blob) -> dict[str, Any]:
    """Store the output in the referenced data asset, which is created if missing; return the reference to it.

    Raises:
        DataReferenceError: The reference is not of a data asset.

    """
    if not isinstance(reference, dict) or reference.get("type") != "data_asset":
        raise DataReferenceError("The output must be a data asset: this service has no connections.")
    record = _asset(transaction, job.container, reference)
    if record is None:
        name = str(_location(reference).get("name") or "").strip() or f"output of {job.name}"
        record = _new_asset(context, transaction, job, name)
    attachment = assets.attach(context, transaction, record, {"name": record.name, "mime": "text/csv"})
    for document in record.document["attachments"][:-1]:
        assets.detach(transaction, record, assets.attachment(record, document["id"]))
    attachment.document["size"] = record.metadata["size"] = blob.size
    transaction.attach(record, Content(blob, assets.slot(attachment.id), "text/csv"))
    transaction.save(record)
    return {**reference, "location": {**_location(reference), "href": assets.href(record.metadata)}}


def _asset(transaction: Transaction, container: str, reference: Any) -> Record | None:
    if not isinstance(reference, dict) or reference.get("type") != "data_asset":
        raise DataReferenceError("The input must be data assets: this service has no connections.")
    location = _location(reference)
    identifier = location.get("id") or urlsplit(str(location.get("href", ""))).path.rpartition("/")[2]
    record = transaction.get(assets.KIND, str(identifier))
    return record if record is not None and record.container == container else None


def _location(reference: dict[str, Any]) -> dict[str, Any]:
    location = reference.get("location")
    return location if isinstance(location, dict) else {}


def _new_asset(context: Context, transaction: Transaction, job: Record, name: str) -> Record:
    document = {
        "metadata": {"name": name, "asset_type": "data_asset"},
        "entity": {"data_asset": {"mime_type": "text/csv"}},
    }
    container = transaction.get("space", job.container) or transaction.get("project", job.container)
    if container is None:
        raise DataReferenceError("The space of the job does not exist any more.")
    caller = Caller(job.private["username"], job.private["flavour"])
    return assets.create(context, transaction, caller, document, container=container)
