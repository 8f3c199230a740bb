"""Routes as data, and the two kinds of handlers behind them.

A plain handler is a function of a `Call`. It runs in one transaction, which is committed before the response is sent,
and rolled back if the handler raises. A streaming handler is a coroutine function of a `StreamingCall`. It receives
bytes of any size or waits for a model, and opens its own short transactions.

Hand-written on Starlette, because each route is also a row of the OpenAPI document and of the documentation.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import parse_qsl

import orjson
from starlette.responses import Response, StreamingResponse

from wml_deployer.server.errors import InvalidRequestError, TooLargeError
from wml_deployer.server.http.signatures import SIGNED_PATH
from wml_deployer.server.http.tokens import Caller
from wml_deployer.server.storage.records import can_be_stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

    from wml_deployer.server.context import Context
    from wml_deployer.server.http.signatures import Grant
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "CONSOLE",
    "CONTROL",
    "FAVICON",
    "Call",
    "Download",
    "JsonResponse",
    "Route",
    "StreamingCall",
    "form_fields",
    "respond",
]

CONTROL = "/control/v1"
"""Prefix of the control API; its requests are not logged and get no faults."""
CONSOLE = "/console/"
"""Prefix of the console, whose first page is ``/``; the same holds for its requests."""
FAVICON = "/favicon.ico"
"""What browsers ask for beside a page, whatever it says about its icon."""

_ANONYMOUS = Caller("", "software")
_CHUNK = 256 * 1024
_MOST_FIELDS = 20


@dataclass(frozen=True)
class JsonResponse:
    """A JSON response.

    Attributes:
        status: HTTP status.
        body: The JSON data; None for a response without a body.
        compact: Whether to write it on one line, as tokens and predictions are. Documents are indented and sorted, so
            that ``entity`` precedes ``metadata`` (both recorded): scripts without a JSON parser rely on the lines.

    """

    status: int
    body: Any = None
    compact: bool = False

    def response(self) -> Response:
        """Render the response."""
        if self.body is None:
            return Response(status_code=self.status)
        # Zip maps of ONNX models have integer keys. orjson writes NaN as null.
        style = 0 if self.compact else orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
        content = orjson.dumps(self.body, option=orjson.OPT_NON_STR_KEYS | style)
        return Response(content, self.status, media_type="application/json")


@dataclass(frozen=True)
class Download:
    """A response with stored content.

    Attributes:
        path: The file.
        media_type: Its media type.

    """

    path: Path
    media_type: str = "application/octet-stream"

    def response(self) -> Response:
        """Render the response; the file is opened now, so that it can be read even if it is removed meanwhile."""
        file = self.path.open("rb")
        size = os.fstat(file.fileno()).st_size
        return StreamingResponse(_chunks(file), media_type=self.media_type, headers={"content-length": str(size)})


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


@dataclass
class StreamingCall:
    """A request to a streaming handler.

    Attributes:
        context: The running service.
        request: The HTTP request.
        caller: The caller; an anonymous one for a public route.

    """

    context: Context
    request: Request
    caller: Caller

    @property
    def path(self) -> Mapping[str, Any]:
        """The path parameters."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters. Both clients repeat some when paging: the first value counts."""
        return dict(reversed(self.request.query_params.multi_items()))

    @property
    def url(self) -> str:
        """URL under which the caller reaches the service."""
        return f"https://{self.request.headers.get('host') or self.context.url.removeprefix('https://')}"

    async def body(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            TooLargeError: The body is larger than `limit` bytes.

        """
        parts, size = [], 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size > limit:
                raise TooLargeError(f"The request is larger than {limit} bytes, the most that this service accepts.")
            parts.append(chunk)
        return b"".join(parts)


@dataclass
class Call:
    """A request to a plain handler.

    Attributes:
        context: The running service.
        transaction: The transaction of the request.
        caller: The caller.
        url: URL under which the caller reaches the service.
        path: The path parameters.
        query: The query parameters.
        location: Path and query of the request, for links to pages.
        body: The parsed JSON body; None without one.
        afterwards: Callbacks that run once the transaction is committed.

    """

    context: Context
    transaction: Transaction
    caller: Caller
    url: str
    path: Mapping[str, Any]
    query: Mapping[str, str]
    location: str
    body: Any = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidRequestError: It is not an object.

        """
        if not isinstance(self.body, dict):
            raise InvalidRequestError("The request body must be a JSON object.")
        return self.body

    def signed_url(self, folder: str, grant: Grant) -> str:
        """Return a signed URL: relative for Cloud Pak for Data, absolute for the cloud, as the clients expect."""
        path = f"{SIGNED_PATH}/{folder}/{self.context.signatures.sign(grant)}"
        return path if self.caller.flavour == "software" else self.url + path


PlainHandler: TypeAlias = Callable[[Call], "JsonResponse | Download"]
StreamHandler: TypeAlias = Callable[[StreamingCall], Awaitable["Response | JsonResponse"]]


@dataclass(frozen=True)
class Route:
    """An operation of the API.

    Attributes:
        method: HTTP method.
        path: Template of the path.
        handler: The handler; the first line of its docstring describes the operation.
        public: Whether it needs no token.
        query: Its query parameters, as names of `schemas.PARAMETERS`.
        takes: Schema of the request body, as a name of `schemas.SCHEMAS`; ``bytes`` for any content.
        gives: Statuses and schemas of the responses, as in ``"200 Model, 204"``.

    """

    method: str
    path: str
    handler: PlainHandler | StreamHandler
    public: bool = False
    query: str = ""
    takes: str = ""
    gives: str = "200"


async def respond(route: Route, context: Context, request: Request) -> Response:
    """Respond to a request for a route."""
    caller = _ANONYMOUS if route.public else context.tokens.verify(request.headers.get("authorization"))
    if not route.path.startswith(CONTROL):
        context.control.rate.take()
    stream = StreamingCall(context, request, caller)
    if inspect.iscoroutinefunction(route.handler):
        answer: JsonResponse | Download | Response = await cast("StreamHandler", route.handler)(stream)
    else:
        answer = await _plain(cast("PlainHandler", route.handler), stream)
    return answer if isinstance(answer, Response) else answer.response()


async def _plain(handler: PlainHandler, stream: StreamingCall) -> JsonResponse | Download:
    body = _parse(await stream.body(stream.context.limits.document))
    with stream.context.store.transaction() as transaction:
        call = Call(
            context=stream.context,
            transaction=transaction,
            caller=stream.caller,
            url=stream.url,
            path=stream.path,
            query=stream.query,
            location=_location(stream.request),
            body=body,
        )
        answer = handler(call)
    for work in call.afterwards:
        work()
    return answer


def _parse(body: bytes) -> Any:
    if not body:
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(
            f"The request body is not valid JSON: {error}.", code="json_validation_error"
        ) from error
    if not can_be_stored(document):
        raise InvalidRequestError(
            "The request body is nested too deeply for this service.", code="json_validation_error"
        )
    return document


def _location(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def form_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a URL-encoded form; of a repeated one, the first value.

    Raises:
        InvalidRequestError: There are more fields than any form of this service has.

    Example:
        >>> form_fields(b"apikey=k3y&grant_type=")
        {'grant_type': '', 'apikey': 'k3y'}

    """
    text = body.decode("utf-8", errors="replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequestError(f"The form has more than {_MOST_FIELDS} fields.") from error
    return dict(reversed(pairs))
