"""What units share: a TLS server whose every byte a test decides, and short answers read as long ones are."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trustme

from wml_deployer import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class ScriptedServer:
    """Answers the nth request with the nth behaviour; the last one stays."""

    ca: Path
    port: int
    behaviours: list[Callable[[ssl.SSLSocket, bytes], None]] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    reads_bodies: bool = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer requests on one connection until the client closes it."""
        while (request := _read_request(connection, whole=self.reads_bodies)) is not None:
            behaviour = self.behaviours[min(len(self.requests), len(self.behaviours) - 1)]
            self.requests.append(request)
            behaviour(connection, request)


def _read_request(connection: ssl.SSLSocket, *, whole: bool) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while whole and lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[ScriptedServer]:
    """Run a scripted server on a free port with a certificate of its own authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "cpd.example.com").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    server = ScriptedServer(tmp_path / "ca.pem", listener.getsockname()[1])

    def handle(raw: socket.socket) -> None:
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                server.serve(connection)
        except OSError:
            # Clients that refuse the certificate or give up close the connection: what the tests are about.
            raw.close()

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threading.Thread(target=handle, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture(scope="module")
def fast_reading_of_short_answers() -> Iterator[None]:
    """Have the fast way tried on short answers too, on which tests are: it is for long ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payload, "FEW_BYTES", 0)
        yield
