"""Artifacts over HTTP. The first argument of each handler is the kind of artifact, set by the table of routes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models
from wml_deployer.server.artifacts.models import KINDS, MODEL
from wml_deployer.server.errors import wrong_field
from wml_deployer.server.http import patch
from wml_deployer.server.http.paging import link, page, size_of, start_of
from wml_deployer.server.http.routing import Download, JsonResponse, Route
from wml_deployer.server.spaces.containers import find_in_container, find_named, requested_container
from wml_deployer.server.specifications.models import Specifications
from wml_deployer.server.storage.records import Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server.artifacts.models import Kind
    from wml_deployer.server.http.routing import Call, StreamingCall
    from wml_deployer.server.storage.records import Record


__all__ = ["ROUTES", "commit", "create", "delete", "download", "list_revisions", "listing", "show", "update", "upload"]

#: Query parameters that filter a list, and their paths in the document.
_FILTERS = {"name": "metadata.name", "tag.value": "metadata.tags[]", "type": "entity.type"}


def create(kind: Kind, call: Call) -> JsonResponse:
    """Create an artifact."""
    record = models.create(
        call.context, call.transaction, call.caller, call.fields, kind=kind, container=requested_container(call)
    )
    return JsonResponse(201, _document(record.document))


def listing(kind: Kind, call: Call) -> JsonResponse:
    """List the artifacts of a space."""
    where = {path: call.query[key] for key, path in _FILTERS.items() if key in call.query}
    container = requested_container(call).id
    if "software_spec" in call.query:
        # Given by id or name.
        named = Specifications(call.transaction, call.caller.flavour).list(container, call.query["software_spec"])
        where["entity.software_spec.id"] = named[0].id if named else call.query["software_spec"]
    return JsonResponse(200, page(call, kind.name, container, lambda record: _document(record.document), where=where))


def show(kind: Kind, call: Call) -> JsonResponse:
    """Show an artifact, or one of its revisions."""
    return JsonResponse(
        200, _document(models.at_revision(call.transaction, _record(kind, call), call.query.get("rev")))
    )


def update(kind: Kind, call: Call) -> JsonResponse:
    """Patch the document of an artifact."""
    record = _record(kind, call)
    models.update(call.context, call.transaction, call.caller, record, patch.parse(call.body))
    return JsonResponse(200, _document(record.document))


def delete(kind: Kind, call: Call) -> JsonResponse:
    """Delete an artifact with its revisions and contents."""
    models.delete(call.transaction, _record(kind, call))
    return JsonResponse(204)


async def upload(kind: Kind, stream: StreamingCall) -> JsonResponse:
    """Upload the content of an artifact."""
    with stream.context.store.transaction() as transaction:
        _addressed(kind, stream, transaction)
    # Ignore the content type: both clients send gzip streams as JSON.
    context = stream.context
    async with context.blobs.receive(stream.request.stream(), limit=context.limits.content) as blob:
        with context.store.transaction() as transaction:
            record = _addressed(kind, stream, transaction)
            models.attach(context, transaction, record, Content(blob))
            attachment = context.identifiers.new()
    form = stream.query.get("content_format", "native")
    return JsonResponse(201, {"attachment_id": attachment, "content_format": form, "persisted": True})


def download(kind: Kind, call: Call) -> Download:
    """Download the content of an artifact, or of one of its revisions."""
    revision = call.query.get("revision_id") or call.query.get("rev")
    content = models.content_of(call.transaction, _record(kind, call), revision)
    return Download(call.context.blobs.path(content.blob.digest), content.media_type)


def commit(kind: Kind, call: Call) -> JsonResponse:
    """Create a revision of an artifact."""
    message = call.fields.get("commit_message")
    if message is not None and not isinstance(message, str):
        raise wrong_field("commit_message", "The commit_message must be a string.")
    return JsonResponse(201, _document(models.commit(call.context, call.transaction, _record(kind, call), message)))


def list_revisions(kind: Kind, call: Call) -> JsonResponse:
    """List the revisions of an artifact, newest first, without their entities."""
    limit = size_of(call)
    found = call.transaction.revisions(_record(kind, call), before=start_of(call), limit=limit + 1)
    resources = [{"metadata": document["metadata"]} for document in found[:limit]]
    listed = {"first": {"href": link(call.location, limit, None)}, "limit": limit, "resources": resources}
    if len(found) > limit:
        listed["next"] = {"href": link(call.location, limit, int(resources[-1]["metadata"]["rev"]))}
    return JsonResponse(200, listed)


def _record(kind: Kind, call: Call) -> Record:
    identifier = call.path["artifact_id"]
    return find_in_container(call, kind.name, identifier, error=models.not_found(kind, identifier))


def _addressed(kind: Kind, stream: StreamingCall, transaction: Any) -> Record:
    container = find_named(transaction, stream.query)
    record: Record | None = transaction.get(kind.name, stream.path["artifact_id"])
    if record is None or record.container != container.id:
        raise models.not_found(kind, stream.path["artifact_id"])
    return record


def _document(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "system": {"warnings": []}}


def _routes(kind: Kind) -> Iterator[Route]:
    collection = f"/ml/v4/{kind.collection}"
    one = f"{collection}/{{artifact_id}}"
    new = "NewModel" if kind is MODEL else "NewArtifact" if kind.runs else "NewComposition"
    shown, narrowed = "Artifact", "scope page name tag software_spec"
    yield Route("POST", collection, partial(create, kind), query="scope", takes=new, gives=f"201 {shown}")
    yield Route("GET", collection, partial(listing, kind), query=narrowed, gives="200 Artifacts")
    yield Route("GET", one, partial(show, kind), query="scope rev", gives=f"200 {shown}")
    patched = partial(update, kind)
    yield Route("PATCH", one, patched, query="scope", takes="ArtifactPatch", gives=f"200 {shown}")
    yield Route("DELETE", one, partial(delete, kind), query="scope", gives="204")
    revisions = f"{one}/revisions"
    yield Route("POST", revisions, partial(commit, kind), query="scope", takes="Commit", gives=f"201 {shown}")
    listed = partial(list_revisions, kind)
    yield Route("GET", revisions, listed, query="scope page", gives="200 Revisions")
    if kind.content is not None:
        receives, content = partial(upload, kind), f"{one}/{kind.content}"
        yield Route("PUT", content, receives, query="scope content_format", takes="bytes", gives="201 Uploaded")
        sends = partial(download, kind)
        yield Route("GET", f"{one}/{kind.download}", sends, query="scope revision_id", gives="200 bytes")


ROUTES = tuple(route for kind in KINDS.values() for route in _routes(kind))
"""The routes of artifacts."""
