"""Assets over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.artifacts.models import KINDS
from wml_deployer.server.assets import models, transfers
from wml_deployer.server.assets.search import search
from wml_deployer.server.errors import InvalidRequestError
from wml_deployer.server.http import patch
from wml_deployer.server.http.routing import JsonResponse, Route
from wml_deployer.server.http.signatures import Grant
from wml_deployer.server.spaces.containers import requested_container

if TYPE_CHECKING:
    from wml_deployer.server.assets.models import Attachment
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = [
    "ROUTES",
    "attach",
    "commit",
    "complete",
    "create",
    "delete",
    "detach",
    "list_revisions",
    "show",
    "show_attachment",
    "update",
    "update_attributes",
]


def create(call: Call) -> JsonResponse:
    """Create an asset."""
    container = requested_container(call)
    record = models.create(call.context, call.transaction, call.caller, call.fields, container=container)
    return JsonResponse(201, _shown(call, record.document, record))


def show(call: Call) -> JsonResponse:
    """Show an asset, one of its revisions, or an artifact as an asset."""
    record = _record(call)
    if record.kind in KINDS:
        return JsonResponse(200, _shown(call, models.artifact_as_asset(record), record))
    document = models.at_revision(call.transaction, record, call.query.get("revision_id"))
    return JsonResponse(200, _shown(call, document, record))


def update(call: Call) -> JsonResponse:
    """Patch an asset."""
    record = _own(call)
    models.update(call.context, call.transaction, record, patch.parse(call.body))
    return JsonResponse(200, _shown(call, record.document, record))


def update_attributes(call: Call) -> JsonResponse:
    """Patch one attribute of an asset: the part of its entity that the path names."""
    record, attribute = _own(call), call.path["attribute"]
    operations = [
        patch.Operation(operation.kind, ("entity", attribute, *operation.path), operation.value)
        for operation in patch.parse(call.body)
    ]
    models.update(call.context, call.transaction, record, operations)
    return JsonResponse(200, record.entity.get(attribute, {}))


def delete(call: Call) -> JsonResponse:
    """Delete an asset. Clients delete models and functions in this way, too."""
    record = _record(call)
    if record.kind in KINDS:
        artifacts.delete(call.transaction, record)
    else:
        call.transaction.remove(record)
    return JsonResponse(204)


def attach(call: Call) -> JsonResponse:
    """Create an attachment; the response contains the URL to upload it to."""
    record = _own(call)
    attachment = models.attach(call.context, call.transaction, record, call.fields)
    document = {**attachment.document, "attachment_id": attachment.id}
    if not attachment.document["is_remote"]:
        document["url1"] = _url(call, record, attachment, writing=True)
    return JsonResponse(201, document)


def show_attachment(call: Call) -> JsonResponse:
    """Show an attachment; the response contains the URL to download it from."""
    record = _own(call)
    attachment = models.attachment(record, call.path["attachment_id"])
    revision = call.query.get("revision_id")
    number = 0
    if revision is not None:
        models.at_revision(call.transaction, record, revision)
        number = models.revision_number(record, revision)
    url = {} if attachment.document["is_remote"] else {"url": _url(call, record, attachment, number)}
    return JsonResponse(200, {**attachment.document, "attachment_id": attachment.id, **url})


def complete(call: Call) -> JsonResponse:
    """Complete an attachment after its upload.

    Raises:
        InvalidRequestError: Nothing was uploaded.

    """
    record = _own(call)
    attachment = models.attachment(record, call.path["attachment_id"])
    content = call.transaction.content(record, slot=models.slot(attachment.id))
    if content is None:
        raise InvalidRequestError(f"No content was uploaded to the attachment with id '{attachment.id}'.")
    attachment.document["size"] = content.blob.size
    record.metadata["size"] = sum(each.get("size", 0) for each in record.document["attachments"])
    call.transaction.save(record)
    return JsonResponse(200, {**attachment.document, "attachment_id": attachment.id})


def detach(call: Call) -> JsonResponse:
    """Delete an attachment with its content."""
    record = _own(call)
    models.detach(call.transaction, record, models.attachment(record, call.path["attachment_id"]))
    return JsonResponse(204)


def commit(call: Call) -> JsonResponse:
    """Create a revision of an asset."""
    record = _own(call)
    message = call.body.get("commit_message") if isinstance(call.body, dict) else None
    document = models.commit(call.context, call.transaction, record, message)
    return JsonResponse(201, _shown(call, document, record))


def list_revisions(call: Call) -> JsonResponse:
    """List the revisions of an asset, newest first."""
    record = _own(call)
    documents = call.transaction.revisions(record)
    results = [_shown(call, document, record) for document in documents]
    return JsonResponse(200, {"total_rows": len(results), "results": results})


def _record(call: Call) -> Record:
    return models.find(call.transaction, requested_container(call), call.path["asset_id"])


def _own(call: Call) -> Record:
    """Return an asset that is not an artifact: artifacts are changed under /ml/v4."""
    record = _record(call)
    if record.kind in KINDS:
        raise InvalidRequestError(
            f"The asset is a {record.kind}. Change it under /ml/v4/{KINDS[record.kind].collection}."
        )
    return record


def _url(call: Call, record: Record, attachment: Attachment, number: int = 0, *, writing: bool = False) -> str:
    grant = Grant(record.kind, record.id, models.slot(attachment.id), number, writing)
    return call.signed_url(record.metadata["asset_type"], grant)


def _shown(call: Call, document: dict[str, Any], record: Record) -> dict[str, Any]:
    href = models.href({**document["metadata"], "asset_id": record.id})
    return {**document, "href": href if call.caller.flavour == "software" else call.url + href}


_ASSET = "/v2/assets/{asset_id}"
_ATTACHMENT = f"{_ASSET}/attachments/{{attachment_id}}"

ROUTES = (
    Route("POST", "/v2/assets", create, query="scope", takes="NewAsset", gives="201 Asset"),
    Route("GET", _ASSET, show, query="scope revision_id", gives="200 Asset"),
    Route("PATCH", _ASSET, update, query="scope", takes="AssetPatch", gives="200 Asset"),
    Route("DELETE", _ASSET, delete, query="scope", gives="204"),
    Route(
        *("PATCH", f"{_ASSET}/attributes/{{attribute}}", update_attributes),
        query="scope",
        takes="AttributePatch",
        gives="200 Attributes",
    ),
    Route("POST", f"{_ASSET}/attachments", attach, query="scope", takes="NewAttachment", gives="201 Attachment"),
    Route("GET", _ATTACHMENT, show_attachment, query="scope revision_id", gives="200 Attachment"),
    Route("DELETE", _ATTACHMENT, detach, query="scope", gives="204"),
    Route("POST", f"{_ATTACHMENT}/complete", complete, query="scope", gives="200 Attachment"),
    Route("POST", f"{_ASSET}/revisions", commit, query="scope", takes="Commit", gives="201 Asset"),
    Route("GET", f"{_ASSET}/revisions", list_revisions, query="scope", gives="200 AssetRevisions"),
    Route("POST", "/v2/asset_types/{asset_type}/search", search, query="scope", takes="Search", gives="200 Found"),
    *transfers.ROUTES,
)
"""The routes of assets."""
