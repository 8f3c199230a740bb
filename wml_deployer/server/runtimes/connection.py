"""The service's end of the socket to a worker: one request and one response at a time, without copies.

A worker answers each frame with one frame. `WorkerConnection` is an asyncio protocol that reads the response straight
into a buffer of the announced length, since predictions can have many megabytes.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from wml_deployer.server.runtimes.frames import HEADER, LARGEST_ANSWER, Kind

__all__ = ["BrokenFrameError", "WorkerConnection", "socket_pair"]


# Size of the send buffer: sending a thousand rows in one write is eight times cheaper than in pieces. The system may
# allow less.
_BUFFER = 4 * 2**20
# Most responses arrive with their header in one read of this size.
_READ = 64 * 2**10


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Create a connection; return the end of the service and the end of the worker."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return ours, theirs


class BrokenFrameError(ConnectionResetError):
    """The worker violated the protocol: the model wrote to its socket."""


class WorkerConnection(asyncio.BufferedProtocol):
    """Sends a frame to a worker, and receives the response.

    A short response takes one read. The rest of a long one is read straight into a buffer of the announced length.
    """

    def __init__(self) -> None:
        """Expect a header."""
        self._transport: asyncio.Transport | None = None
        self._pending: asyncio.Future[tuple[Kind, bytearray]] | None = None
        self._first = bytearray(_READ)
        self._kind: Kind | None = None
        self._body = bytearray()
        self._filled = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the frame knows its length
        """Return the buffer for a header and what follows it, or for the rest of a body."""
        return memoryview(self._first if self._kind is None else self._body)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Process a complete header or body."""
        self._filled += nbytes
        if self._kind is None and self._filled >= HEADER.size and not self._open_body():
            self._refuse()
            return
        if self._kind is not None and self._filled == len(self._body):
            answer = (self._kind, self._body)
            self._kind, self._filled = None, 0
            if self._pending is None or self._pending.done():
                # Without a request, it would be taken for the response to the next one.
                self._refuse()
            else:
                self._pending.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request."""
        self._transport = None
        error = ConnectionResetError("The worker has ended.")
        error.__cause__ = exc
        self._fail(error)

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close immediately, discarding unsent data."""
        if self._transport is not None:
            self._transport.abort()

    async def request(self, kind: Kind, body: bytes, *, seconds: float) -> tuple[Kind, bytearray]:
        """Send a frame and wait for the response. After a cancellation, wait for it with :meth:`response`.

        Raises:
            ConnectionResetError: The worker has ended.
            asyncio.TimeoutError: There was no response in time. The connection must not be used any more.

        """
        if self._transport is None:
            raise ConnectionResetError("The worker has ended.")
        loop = asyncio.get_running_loop()
        self._pending = loop.create_future()
        timer = loop.call_later(seconds, self._fail, asyncio.TimeoutError())
        self._pending.add_done_callback(lambda _: timer.cancel())
        # asyncio logs errors that were never retrieved, but here the caller may have been canceled.
        self._pending.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._transport.writelines((HEADER.pack(kind, len(body)), body))
        return await self.response()

    async def response(self) -> tuple[Kind, bytearray]:
        """Wait for the response to the last frame."""
        if self._pending is None:
            raise ConnectionResetError("No request was sent.")
        return await asyncio.shield(self._pending)

    def _refuse(self) -> None:
        """Close the connection to a worker that violated the protocol."""
        self._fail(BrokenFrameError("The worker sent an invalid response."))
        self.close()

    def _fail(self, error: Exception) -> None:
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(error)

    def _open_body(self) -> bool:
        """Allocate the announced body; return whether the header is valid."""
        kind, length = HEADER.unpack_from(self._first)
        rest = self._filled - HEADER.size
        # The model has access to the socket, and can write anything.
        if kind not in (Kind.DONE, Kind.FAILED) or length > LARGEST_ANSWER or rest > length:
            return False
        self._kind, self._body = Kind(kind), bytearray(length)
        # There is one request at a time, so the rest belongs to this response.
        self._body[: self._filled - HEADER.size] = self._first[HEADER.size : self._filled]
        self._filled -= HEADER.size
        return True
