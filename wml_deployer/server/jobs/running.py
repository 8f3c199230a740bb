"""Run jobs in the background, at most two of a deployment at a time."""

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
from wml_deployer.server.storage.records import Content, Record, can_be_kept

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


class DataReferenceError(ValueError):
    """A data reference cannot be resolved."""


def input_path(context: Context, transaction: Transaction, container: str, reference: Any) -> Path:
    """Return the file that a reference leads to.

    Raises:
        DataReferenceError: It leads to none.

    """
    record = _asset(transaction, container, reference)
    if record is None:
        raise DataReferenceError("the input is no data asset of the deployment's space")
    for document in record.document["attachments"]:
        content = transaction.content(record, slot=assets.slot(document["id"]))
        if content is not None:
            return context.blobs.path(content.blob.digest)
    raise DataReferenceError(f"the data asset with id '{record.id}' has no content")


def save_output(context: Context, transaction: Transaction, job: Record, reference: Any, blob: Blob) -> dict[str, Any]:
    """Store the output where the reference leads, in a new data asset if need be; return the reference to it.

    Raises:
        DataReferenceError: It leads to where this service does not go.

    """
    if not isinstance(reference, dict) or reference.get("type") != "data_asset":
        raise DataReferenceError("the output is to be a data asset: this service has no connections")
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
        raise DataReferenceError("the input is to be data assets: this service has no connections")
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
        raise DataReferenceError("the space is gone")
    caller = Caller(job.private["username"], job.private["flavour"])
    return assets.create(context, transaction, caller, document, container=container)
