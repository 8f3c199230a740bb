"""HTTP connections: uvicorn's, with limits for unauthenticated clients, and with writes gathered into one."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["CONNECTION", "HttpConnection"]

CONNECTION = "wml_deployer.connection"
"""Key of the connection in the ASGI scope of a request."""
_MOST = 16 * 2**10
_LARGEST_HEAD = 64 * 2**10
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1000 if files == resource.RLIM_INFINITY else min(1000, files // 2)


class HttpConnection(HttpToolsProtocol):
    """uvicorn's connection, with limits that hold before a token is checked, on a transport that gathers writes.

    The head of a request is limited in bytes and seconds, also that of the first request. If there are too many
    connections, the one that has been idle for longest is closed.
    """

    #: Most connections; half of the file descriptors are left for workers, contents and the database.
    most = _most_connections()
    #: How long the head of a request may take, in seconds.
    head_timeout = 30.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wrap the transport in one that gathers writes."""
        super().connection_made(cast("asyncio.Transport", _Gathering(cast("asyncio.Transport", transport))))
        # Bytes since the parser last recognized something.
        self._unread = 0
        self._within_head = True
        self._timer: asyncio.TimerHandle | None = None
        self.active_at = self.loop.time()
        self._watch()
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._within_head = False
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and close a connection whose bytes do not become a request."""
        self._unread += len(data)
        super().data_received(data)
        # The parser buffers heads, and the trailers of a chunked body, until they are complete.
        if self._unread > _LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            # Closing waits for the client, which may keep sending forever.
            self.loop.call_later(1, self.abort)
        self._watch()

    def on_message_begin(self) -> None:
        """Put the connection into the scope, for the application."""
        super().on_message_begin()
        self._within_head = True
        cast("dict[str, Any]", self.scope)[CONNECTION] = self

    def on_headers_complete(self) -> None:
        """Note that the head is complete."""
        self._within_head, self._unread = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that a part of the body was received."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._unread, self.active_at = 0, self.loop.time()
        super().on_message_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no response is pending."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def abort(self) -> None:
        """Close the connection immediately."""
        self.transport.abort()

    def _watch(self) -> None:
        """Start or cancel the timer for an incomplete head; nearly all heads arrive in one piece and need none."""
        if self._within_head and self._timer is None:
            self._timer = self.loop.call_later(self.head_timeout, self.abort)
        elif not self._within_head and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self) -> None:
        idle = [
            each for each in self.connections if isinstance(each, HttpConnection) and each.is_idle and each is not self
        ]
        if idle:
            min(idle, key=lambda each: each.active_at).abort()


class _Gathering:
    """Joins the writes of one iteration of the event loop; more than 16 KB are written immediately.

    A short response, which uvicorn writes in several parts, thus becomes one TLS record and one packet.
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
