"""Uploads and downloads by signed URLs: raw bytes, as on IBM Cloud, or the file of a form, as on Cloud Pak for Data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.multipart import MultipartParser, parse_options_header

from wml_deployer.server.errors import InvalidRequestError, NotFoundError
from wml_deployer.server.http.not_served import NotServedError
from wml_deployer.server.http.routing import Download, JsonResponse, Route
from wml_deployer.server.http.signatures import SIGNED_PATH
from wml_deployer.server.storage.records import Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from python_multipart.multipart import MultipartCallbacks
    from starlette.requests import Request

    from wml_deployer.server.http.routing import Call, StreamingCall

__all__ = ["DRIVERS", "ROUTES", "list_drivers", "receive", "send"]

DRIVERS = "dbdrivers"
"""Folder of the database drivers on the real service."""


async def receive(stream: StreamingCall) -> JsonResponse:
    """Upload the content of a signed URL."""
    if stream.path["folder"] == DRIVERS:
        # Both clients upload database drivers to this path without asking for a signed URL.
        raise NotServedError(f"The embedded service does not accept database drivers ({stream.path['token']}).")
    grant = stream.context.signatures.verify(stream.path["token"], writing=True)
    context = stream.context
    async with context.blobs.receive(_content(stream.request), limit=context.limits.content) as blob:
        with context.store.transaction() as transaction:
            record = transaction.get(grant.kind, grant.id)
            if record is None:
                raise NotFoundError("The resource of the signed URL does not exist any more.")
            transaction.attach(record, Content(blob, grant.slot))
        return JsonResponse(201, {"size": blob.size})


def list_drivers(_call: Call) -> JsonResponse:
    """List the database drivers, of which there are none."""
    return JsonResponse(200, {"resources": []})


def send(call: Call) -> Download:
    """Download the content of a signed URL."""
    grant = call.context.signatures.verify(call.path["token"], writing=False)
    record = call.transaction.get(grant.kind, grant.id)
    content = call.transaction.content(record, number=grant.number, slot=grant.slot) if record is not None else None
    if content is None:
        raise NotFoundError("The resource of the signed URL has no content.", code="content_does_not_exist")
    return Download(call.context.blobs.path(content.blob.digest), content.media_type)


async def _content(request: Request) -> AsyncIterator[bytes]:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        async for chunk in request.stream():
            yield chunk
        return
    async for chunk in _file_of_form(request, options.get(b"boundary", b"")):
        yield chunk


async def _file_of_form(request: Request, boundary: bytes) -> AsyncIterator[bytes]:
    """Yield the chunks of the one file of a form.

    Raises:
        InvalidRequestError: The form is malformed or incomplete, or does not have exactly one file.

    """
    chunks: list[bytes] = []
    seen: list[str] = []
    callbacks: MultipartCallbacks = {
        "on_part_data": lambda data, start, end: chunks.append(data[start:end]),
        "on_part_begin": lambda: seen.append("part"),
        "on_end": lambda: seen.append("end"),
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        async for chunk in request.stream():
            parser.write(chunk)
            while chunks:
                yield chunks.pop(0)
    except ValueError as error:
        raise InvalidRequestError(f"The form cannot be read: {error}.") from error
    if seen != ["part", "end"]:
        raise InvalidRequestError("The form must contain exactly one file, and must be complete.")


ROUTES = (
    Route("GET", f"{SIGNED_PATH}/{DRIVERS}", list_drivers, gives="200 Resources"),
    Route("PUT", f"{SIGNED_PATH}/{{folder}}/{{token}}", receive, public=True, takes="bytes", gives="201 Size"),
    Route("GET", f"{SIGNED_PATH}/{{folder}}/{{token}}", send, public=True, gives="200 bytes"),
)
"""The routes of signed URLs."""
