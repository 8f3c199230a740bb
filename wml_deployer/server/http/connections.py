"""The service's HTTP connections: bounded, and known to the requests that came by them; answers leave as one piece."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["CONNECTION", "HttpConnection"]

CONNECTION = "wml_deployer.connection"
"""Where a request's scope has its connection."""
_MOST = 16 * 2**10
_LARGEST_HEAD = 64 * 2**10
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1000 if files == resource.RLIM_INFINITY else min(1000, files // 2)


class HttpConnection(HttpToolsProtocol):
    """uvicorn's connection, with bounds for callers who need no token for them, on a transport that gathers writes.

    A head has at most so many bytes and seconds, and so has a connection until its first request; where there are too
    many connections, the one that has been idle for longest makes room.
    """

    #: How many there may be; half of the file descriptors are left to workers, contents and the database.
    most = _most_connections()
    #: How long, in seconds, the head of a request may take.
    patience = 30.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with a transport that gathers."""
        super().connection_made(cast("asyncio.Transport", _Gathering(cast("asyncio.Transport", transport))))
        # Bytes since the parser last made something of what came, and when that has to be.
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
        """Feed the parser, and cut off what never becomes a request."""
        self._unread += len(data)
        super().data_received(data)
        # Heads, and the fields behind a body that comes in chunks, are kept until they are whole.
        if self._unread > _LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            # Closing waits for the other side, which may go on sending for good.
            self.loop.call_later(1, self.abort)
        self._watch()

    def on_message_begin(self) -> None:
        """Tell the application which connection the request came by."""
        super().on_message_begin()
        self._within_head = True
        cast("dict[str, Any]", self.scope)[CONNECTION] = self

    def on_headers_complete(self) -> None:
        """Take the head."""
        self._within_head, self._unread = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of the request."""
        self._unread, self.active_at = 0, self.loop.time()
        super().on_message_complete()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an answer on it."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abort()

    def _watch(self) -> None:
        """Start or cancel the timer for an incomplete head; nearly all heads come in one piece and need none."""
        if self._within_head and self._timer is None:
            self._timer = self.loop.call_later(self.patience, self.abort)
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
