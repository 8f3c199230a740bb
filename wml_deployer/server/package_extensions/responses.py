"""Package extensions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.containers import container_of
from wml_deployer.server.http.routing import Answer
from wml_deployer.server.http.signatures import Grant
from wml_deployer.server.package_extensions import models
from wml_deployer.server.transfers.responses import signed_url

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = ["complete", "create", "delete", "listing", "show"]


def create(call: Call) -> Answer:
    """Create a package extension; the answer has the URL to upload it to."""
    record = models.create(call.context, call.transaction, call.caller, call.fields, container=container_of(call))
    return Answer(201, _document(call, record, writing=True))


def listing(call: Call) -> Answer:
    """List the package extensions of a space, or those of a name."""
    where = {"metadata.name": call.query["name"]} if "name" in call.query else None
    found = call.transaction.find(models.KIND, container_of(call).id, where=where)
    return Answer(200, {"total_results": len(found), "resources": [_document(call, record) for record in found]})


def show(call: Call) -> Answer:
    """Show a package extension; the answer has the URL to download it from."""
    return Answer(200, _document(call, _record(call)))


def complete(call: Call) -> Answer:
    """Complete a package extension once it is uploaded."""
    models.complete(call.transaction, _record(call))
    return Answer(204)


def delete(call: Call) -> Answer:
    """Delete a package extension."""
    call.transaction.remove(_record(call))
    return Answer(204)


def _record(call: Call) -> Record:
    return models.find(call.transaction, container_of(call).id, call.path["extension_id"])


def _document(call: Call, record: Record, *, writing: bool = False) -> dict[str, Any]:
    """Return the document with a signed URL, whose last but one part must be the kind's name."""
    url = signed_url(call, models.KIND, Grant(record.kind, record.id, models.SLOT, writing=writing))
    return {"metadata": record.metadata, "entity": {models.KIND: {**record.entity[models.KIND], "href": url}}}
