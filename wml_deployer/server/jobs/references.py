"""Where a job's input comes from and its output goes to: data assets of the same space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wml_deployer.server.assets import models as assets
from wml_deployer.server.http.caller import Caller
from wml_deployer.server.storage.records import Content, Record

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.blobs import Blob
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["DataReferenceError", "input_path", "save_output"]


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
