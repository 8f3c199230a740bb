"""The service's HTTP connections: answers leave as one piece, and requests know the connection that they came by."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CONNECTION", "Connection"]

CONNECTION = "wml_deployer.connection"
"""Where a request's scope has its connection."""
_MOST = 16 * 2**10


class Connection(HttpToolsProtocol):
    """uvicorn's connection, on a transport that gathers: it writes heads and bodies on their own.

    Each write is a TLS record and a system call here, and wakes the client up there.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with a transport that gathers."""
        super().connection_made(cast("asyncio.Transport", _Gathering(cast("asyncio.Transport", transport))))

    def on_message_begin(self) -> None:
        """Tell the application which connection the request came by."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[CONNECTION] = self

    def abort(self) -> None:
        """Drop it, as a network that breaks does."""
        self.transport.abort()


class _Gathering:
    """Writes what was written in one turn of the event loop as one piece; more than a little goes on at once.

    A download never waits for the loop's next turn but when the transport says that the client is slow.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts:
            self._transport.write(b"".join(parts))
