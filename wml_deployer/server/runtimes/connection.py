"""The service's end of a worker's socket: one question, one answer, without copies."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from wml_deployer.server.runtimes.frames import HEADER, LARGEST_ANSWER, Kind

__all__ = ["BrokenFrameError", "WorkerConnection", "socket_pair"]


# What one write takes without waiting for the other side: a thousand rows in one go are eight times cheaper than in
# pieces. The system may allow less.
_BUFFER = 4 * 2**20
# Most answers come with their header in one read of this size.
_READ = 64 * 2**10


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Make the service's end and the worker's end of a connection."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return ours, theirs


class BrokenFrameError(ConnectionResetError):
    """The process broke the protocol: the model wrote into its socket."""


class WorkerConnection(asyncio.BufferedProtocol):
    """Sends a frame to a worker, and receives the frame that answers it.

    A short answer takes one read; of a long one, the event loop reads the rest straight into a buffer of the announced
    length, so that megabytes are never copied.
    """

    def __init__(self) -> None:
        """Wait for a header."""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[Kind, bytearray]] | None = None
        self._first = bytearray(_READ)
        self._kind: Kind | None = None
        self._body = bytearray()
        self._filled = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the frame knows its length
        """Hand out room for a header and what comes with it, or what a body still lacks."""
        return memoryview(self._first if self._kind is None else self._body)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Go from header to body, and from body to the waiting caller."""
        self._filled += nbytes
        if self._kind is None and self._filled >= HEADER.size and not self._open_body():
            self._refuse()
            return
        if self._kind is not None and self._filled == len(self._body):
            answer = (self._kind, self._body)
            self._kind, self._filled = None, 0
            if self._answer is None or self._answer.done():
                # Nobody asked: it would be taken for the answer of the next question.
                self._refuse()
            else:
                self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the waiting caller that no answer will come."""
        self._transport = None
        error = ConnectionResetError("the worker is gone")
        error.__cause__ = exc
        self._fail(error)

    @property
    def is_open(self) -> bool:
        """Whether the worker can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close without waiting for what is still to be written."""
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, kind: Kind, body: bytes, *, seconds: float) -> tuple[Kind, bytearray]:
        """Send a frame and wait for its answer; a caller who gives up leaves it to :meth:`answer`.

        Raises:
            ConnectionResetError: The worker is gone.
            asyncio.TimeoutError: No answer in time; one that came later would be taken for the next request's.

        """
        if self._transport is None:
            raise ConnectionResetError("the worker is gone")
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        timer = loop.call_later(seconds, self._fail, asyncio.TimeoutError())
        self._answer.add_done_callback(lambda _: timer.cancel())
        # asyncio logs an error that nobody has looked at, and here nobody may be waiting for it any more.
        self._answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._transport.writelines((HEADER.pack(kind, len(body)), body))
        return await self.answer()

    async def answer(self) -> tuple[Kind, bytearray]:
        """Wait for the answer of the last frame sent."""
        if self._answer is None:
            raise ConnectionResetError("nothing was asked")
        return await asyncio.shield(self._answer)

    def _refuse(self) -> None:
        """Close the connection to a process that does not keep to the protocol."""
        self._fail(BrokenFrameError("the process sent what is no answer"))
        self.close()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _open_body(self) -> bool:
        """Allocate the announced body; return whether the header is valid."""
        kind, length = HEADER.unpack_from(self._first)
        rest = self._filled - HEADER.size
        # The model has the same socket, and can write into it what it likes.
        if kind not in (Kind.DONE, Kind.FAILED) or length > LARGEST_ANSWER or rest > length:
            return False
        self._kind, self._body = Kind(kind), bytearray(length)
        # One question at a time: what came with the header is of this answer.
        self._body[: self._filled - HEADER.size] = self._first[HEADER.size : self._filled]
        self._filled -= HEADER.size
        return True
