"""The frames between the service and its workers: one byte of kind, eight bytes of length, then the body."""

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
"""Largest response of a worker, in bytes; the service never allocates more."""

EVENT = struct.Struct("!cii")
"""A message of the fork server about a worker: event, process id, exit status."""

STARTED = b"s"
"""A worker was forked."""

ENDED = b"e"
"""A worker has ended."""


class Kind(IntEnum):
    """Kind of a frame."""

    LOAD = 1
    PREDICT = 2
    DONE = 3
    FAILED = 4


def send(connection: socket.socket, kind: Kind, body: bytes) -> None:
    """Send a frame; blocks until it is sent."""
    # In one piece, so that the receiver wakes up once.
    connection.sendall(HEADER.pack(kind, len(body)) + body)


def receive(connection: socket.socket) -> tuple[Kind, bytearray] | None:
    """Receive a frame; None if the connection was closed."""
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
