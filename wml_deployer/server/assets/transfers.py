"""Bytes that travel by signed URLs: raw, as on the cloud, or as the file of a form, as on Cloud Pak for Data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.multipart import MultipartParser, parse_options_header

from wml_deployer.server.errors import InvalidRequestError, NotFoundError
from wml_deployer.server.http.not_served import NotServedError
from wml_deployer.server.http.routing import Answer, Download, Route
from wml_deployer.server.http.signatures import SIGNED_PATH
from wml_deployer.server.storage.records import Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from python_multipart.multipart import MultipartCallbacks
    from starlette.requests import Request

    from wml_deployer.server.http.routing import Call, Stream

__all__ = ["DRIVERS", "ROUTES", "list_drivers", "receive", "send"]

DRIVERS = "dbdrivers"
"""Where the real service keeps the drivers that connections need."""


async def receive(stream: Stream) -> Answer:
    """Upload the content of a signed URL."""
    if stream.path["folder"] == DRIVERS:
        # Neither client says that it is no content that it was given a URL for.
        raise NotServedError(f"The embedded service does not take drivers of databases: {stream.path['sealed']}.")
    grant = stream.context.signatures.open(stream.path["sealed"], writing=True)
    context = stream.context
    async with context.blobs.receive(_content(stream.request), limit=context.limits.content) as blob:
        with context.store.transaction() as transaction:
            record = transaction.get(grant.kind, grant.id)
            if record is None:
                raise NotFoundError("What the signed URL was for does not exist any more.")
            transaction.attach(record, Content(blob, grant.slot))
        return Answer(201, {"size": blob.size})


def list_drivers(_call: Call) -> Answer:
    """List the drivers of databases, of which there are none."""
    return Answer(200, {"resources": []})


def send(call: Call) -> Download:
    """Download the content of a signed URL."""
    grant = call.context.signatures.open(call.path["sealed"], writing=False)
    record = call.transaction.get(grant.kind, grant.id)
    content = call.transaction.content(record, number=grant.number, slot=grant.slot) if record is not None else None
    if content is None:
        raise NotFoundError("Nothing was uploaded to where the signed URL leads.", code="content_does_not_exist")
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
    """Yield the one file of a form, as it comes.

    Raises:
        InvalidRequestError: It is no form, one without a file or with several, or one that is cut off.

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
        raise InvalidRequestError("The form has to hold one file, and its end.")


ROUTES = (
    Route("GET", f"{SIGNED_PATH}/{DRIVERS}", list_drivers, gives="200 Resources"),
    Route("PUT", f"{SIGNED_PATH}/{{folder}}/{{sealed}}", receive, public=True, takes="bytes", gives="201 Size"),
    Route("GET", f"{SIGNED_PATH}/{{folder}}/{{sealed}}", send, public=True, gives="200 bytes"),
)
"""The routes of signed URLs."""
