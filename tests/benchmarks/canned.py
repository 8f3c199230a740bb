"""A service in a process of its own that logs everybody in and answers so many canned predictions in no time.

``python canned.py CERTIFICATE DELAY`` prints its port and, for each line that it is sent, how many connections it
took and how many requests it answered so far, not counting looks at what it serves. The delay, in seconds, stands
before each answer, like a network's.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

ROW = b"[1,[0.06057910314628456,0.9394208968537154]],"
TOKEN = b'{"token":"canned"}'
PIECE = 1 << 20
DEPLOYMENT = {
    "metadata": {"id": "canned", "modified_at": "2026-01-31T12:00:00Z"},
    "entity": {"asset": {"id": "canned", "rev": "1"}, "status": {"state": "ready"}},
}
"""What a look at any deployment tells; looks are not counted."""


class Canned:
    """The process, for as long as a ``with`` block lasts.

    Args:
        certificate: PEM file of the server's key and certificate.
        delay: Seconds before each answer.

    """

    def __init__(self, certificate: Path, delay: float = 0.0) -> None:
        """Start it."""
        command = [sys.executable, __file__, str(certificate), str(delay)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"https://127.0.0.1:{self._line()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def counts(self) -> tuple[int, int]:
        """Connections and requests so far."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        connections, requests = json.loads(self._line())
        return connections, requests

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def serve(certificate: str, delay: float) -> None:
    """Answer until this process is killed; each connection on a thread."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    counts = [0, 0]

    def accept(listener: socket.socket) -> None:
        while True:
            raw, _ = listener.accept()
            counts[0] += 1
            threading.Thread(target=converse, args=(raw, context, delay, counts), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - how it says where it is
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        for _ in sys.stdin:
            print(json.dumps(counts), flush=True)  # noqa: T201


def converse(raw: socket.socket, context: ssl.SSLContext, delay: float, counts: list[int]) -> None:
    """Answer one connection until the client closes it."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
        buffer = bytearray(PIECE)
        while request := read_head(connection):
            head, body = request
            length = int((re.search(rb"content-length: *(\d+)", head, re.IGNORECASE) or [0, 0])[1])
            rows = count_rows(connection, buffer, body, length)
            line = head.split(b"\r\n", 1)[0]
            is_look = line.startswith(b"GET /ml/v4/deployments/")
            counts[1] += not is_look
            time.sleep(delay)
            connection.sendall(TOKEN_ANSWER if b"authorize" in line else LOOK_ANSWER if is_look else answer(rows))


def read_head(connection: ssl.SSLSocket) -> tuple[bytes, bytes] | None:
    """The request's head, and what of its body came along."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(16_384)
        if not piece:
            return None
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    return head, body


def count_rows(connection: ssl.SSLSocket, buffer: bytearray, body: bytes, length: int) -> int:
    """Read the body to its end, keeping nothing of it; a row ends with its bracket."""
    left, rows, view = length - len(body), body.count(b"]"), memoryview(buffer)
    while left:
        size = connection.recv_into(view[: min(left, PIECE)])
        rows += buffer.count(b"]", 0, size)
        left -= size
    # A bracket closes the fields' list, one the values, one the blocks.
    return rows - 3


def whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@lru_cache(maxsize=64)
def answer(rows: int) -> bytes:
    """So many times the same row."""
    values = (ROW * rows)[:-1]
    return whole(b'{"predictions":[{"fields":["prediction","probability"],"values":[' + values + b"]}]}")


TOKEN_ANSWER = whole(TOKEN)
LOOK_ANSWER = whole(json.dumps(DEPLOYMENT).encode())


def arguments() -> tuple[Any, ...]:
    certificate, delay = sys.argv[1:]
    return certificate, float(delay)


if __name__ == "__main__":
    serve(*arguments())
