"""The ``httpx.Client`` that IBM's newer client is given: its requests go over this library's transport.

Its own one sends a request up to four times, also those that create something, waits half an hour for an answer, and
uploads a file that it has already read. Here nothing is sent twice that creates something, and every call ends.
"""

from __future__ import annotations

from typing import Any

import httpx

from wml_deployer._clients.exchange import RequestFailedError, running

__all__ = ["asynchronous_client", "synchronous_client"]

_BODY = "wml_deployer_body"
# The pool says these itself, and decodes what it asks for.
_OF_THE_CONNECTION = frozenset({"accept-encoding", "connection", "host", "transfer-encoding"})
# The body is decoded and whole already; httpx would decode it again.
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class _Client(httpx.Client):
    """Keeps an open file beside the request that is made of it: sent once more, it must be read again."""

    def build_request(self, *args: Any, content: Any = None, extensions: Any = None, **options: Any) -> httpx.Request:
        """Build a request, and keep the file that it sends."""
        kept = {_BODY: content} if hasattr(content, "seek") else {}
        return super().build_request(*args, content=content, extensions={**(extensions or {}), **kept}, **options)


class _Transport(httpx.BaseTransport):
    """Hands each request to the exchange that is running."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole answer."""
        exchange = running()
        if exchange is None:
            raise RequestFailedError("IBM's client asked for something outside of a call of this library.")
        body = request.extensions.get(_BODY) or request.read() or None
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        answer = exchange.send(request.method, str(request.url), headers, body)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_WIRE}
        return httpx.Response(answer.status, headers=kept, content=answer.body)


class _NoTransport(httpx.AsyncBaseTransport):
    """The door makes no asynchronous call."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse."""
        raise RequestFailedError(f"IBM's client asked for {request.url.path} asynchronously.")


def synchronous_client() -> httpx.Client:
    """Return what IBM's client takes as ``httpx_client``."""
    # The environment's proxies and certificates are the transport's affair.
    return _Client(transport=_Transport(), trust_env=False)


def asynchronous_client() -> httpx.AsyncClient:
    """Return what IBM's client takes as ``async_httpx_client``; without, it makes one and reads all certificates."""
    return httpx.AsyncClient(transport=_NoTransport(), trust_env=False)
