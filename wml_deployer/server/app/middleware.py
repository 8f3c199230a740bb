"""Middleware around the application: path cleanup, injected faults and the request log."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import orjson

from wml_deployer.server.errors import MORE_INFO
from wml_deployer.server.http.connections import CONNECTION
from wml_deployer.server.http.request_log import Entry
from wml_deployer.server.http.routing import CONSOLE, CONTROL, FAVICON

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from wml_deployer.server.context import Context
    from wml_deployer.server.control.faults import Fault
    from wml_deployer.server.http.connections import HttpConnection

__all__ = ["Middleware"]

_LOGGER = logging.getLogger(__name__)
_SLICES = 10
#: Longest path and query that the log keeps.
_LONGEST = 1000
_WITH_KEYS = ("/identity/token", "/oidc/token")


class Middleware:
    """Logs each request, and injects the faults that tests have asked for.

    Args:
        app: The application to wrap.
        context: The running service.

    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        """Wrap the application."""
        self._app, self._context = app, context
        self._numbers = itertools.count(1)
        self._connections: WeakKeyDictionary[HttpConnection, int] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Both clients join the host and the link to the next page with two slashes.
        scope["path"] = re.sub("/{2,}", "/", scope["path"])
        # Requests from the console and the control API are not logged.
        if scope["path"] in ("/", FAVICON) or scope["path"].startswith((CONTROL, CONSOLE)):
            inner = dict(scope)
            # Keep the token of a sign-in link out of uvicorn's access log.
            scope["query_string"] = b""
            await self._app(inner, receive, send)
            return
        await self._respond_logged(scope, receive, send)

    async def _respond_logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._respond_with_faults(scope, receive, send_and_note_status)
        finally:
            seconds = time.perf_counter() - started
            # The query can contain the API key, which must not be logged.
            secret = scope["path"] in _WITH_KEYS
            query = "" if secret else scope["query_string"][:_LONGEST].decode("latin-1")
            number, at = self._number(scope[CONNECTION]), self._context.clock.now()
            entry = Entry(scope["method"], scope["path"][:_LONGEST], query, status, seconds, number, at)
            self._context.control.log.add(entry, started)
            # Log the raw path: decoded, it could contain a line break.
            raw_path = scope["raw_path"][:_LONGEST].decode("latin-1")
            _LOGGER.info("%s %s %d %.1f ms", scope["method"], raw_path, status, seconds * 1000)

    def _number(self, connection: HttpConnection) -> int:
        number = self._connections.get(connection)
        if number is None:
            number = self._connections[connection] = next(self._numbers)
        return number

    async def _respond_with_faults(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._context.control.fault_for(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.stall)
        if fault.drop == "before":
            await self._drop(scope)
        elif fault.status is not None:
            await _drain(receive)
            await self._refuse(fault, fault.status, send)
        elif fault.drop == "after":
            await self._app(scope, receive, _swallow)
            await self._drop(scope)
        elif fault.drop == "within":
            await self._app(scope, receive, _halved(send))
            # Let the sent bytes arrive before the connection is closed.
            await asyncio.sleep(0.01)
            await self._drop(scope)
        else:
            await self._app(scope, receive, _slowed(send, fault.slow))

    async def _drop(self, scope: Scope) -> None:
        scope[CONNECTION].abort()
        # The transport notifies the protocol in the next iteration of the event loop; return only after that.
        await asyncio.sleep(0.01)

    async def _refuse(self, fault: Fault, status: int, send: Send) -> None:
        error = {"code": fault.code, "message": fault.message, "more_info": MORE_INFO}
        body = {"trace": self._context.identifiers.trace(), "errors": [error], "status_code": str(status)}
        headers = {"content-type": "application/json", **fault.headers}
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})


async def _drain(receive: Receive) -> None:
    """Read the rest of the request, so that the client gets a response instead of a broken pipe."""
    while (await receive()).get("more_body", False):
        pass


async def _swallow(_message: Message) -> None:
    """Discard a message."""


def _halved(send: Send) -> Send:
    """Return a `send` that sends only half of the body, and never completes it."""

    async def half(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] == "http.response.start":
            await send(message)
        elif body:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})

    return half


def _slowed(send: Send, seconds: float) -> Send:
    """Return a `send` that spreads each body over the given number of seconds."""

    async def slow(message: Message) -> None:
        body = message.get("body", b"")
        if not seconds or len(body) < _SLICES:
            await send(message)
            return
        size = -(-len(body) // _SLICES)
        for start in range(0, len(body), size):
            await asyncio.sleep(seconds / _SLICES)
            last = start + size >= len(body)
            more = message.get("more_body", False) or not last
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": more})

    return slow
