"""The frames that the service and its workers exchange: one byte of kind, eight of length, then the body."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

__all__ = ["ENDED", "EVENT", "HEADER", "LARGEST_ANSWER", "STARTED", "Kind", "receive", "send"]

HEADER = struct.Struct("<BQ")
"""One byte of kind, eight bytes of length, little endian."""

LARGEST_ANSWER = 512 * 2**20
"""Most bytes of a worker's answer; the service makes room for no more, whatever a header announces."""

EVENT = struct.Struct("!cii")
"""What the fork server tells of a worker: what happened, to which process, and its exit status."""

STARTED = b"s"
"""A worker was forked."""

ENDED = b"e"
"""A worker is gone."""


class Kind(IntEnum):
    """What a frame means."""

    LOAD = 1
    PREDICT = 2
    DONE = 3
    FAILED = 4


def send(connection: socket.socket, kind: Kind, body: bytes) -> None:
    """Send one frame; blocks until it is out."""
    # In one piece: the other side wakes up once.
    connection.sendall(HEADER.pack(kind, len(body)) + body)


def receive(connection: socket.socket) -> tuple[Kind, bytearray] | None:
    """Wait for one frame; None once the other side is gone."""
    header = _exactly(connection, HEADER.size)
    if header is None:
        return None
    kind, length = HEADER.unpack(header)
    body = _exactly(connection, length)
    return None if body is None else (Kind(kind), body)


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = connection.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return buffer
