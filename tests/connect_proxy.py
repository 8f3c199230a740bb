"""A real proxy on loopback: every host that it is asked for is the embedded service."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler
from typing import TYPE_CHECKING

import trustme

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HOSTS", "ConnectProxy", "write_certificates"]

HOSTS = (
    "cpd.example.com",
    "*.ml.cloud.ibm.com",
    "*.eu-de.ml.cloud.ibm.com",
    "iam.cloud.ibm.com",
    "resource-controller.cloud.ibm.com",
    "*.dataplatform.cloud.ibm.com",
    "*.eu-de.dataplatform.cloud.ibm.com",
    "*.api.eu-de.dataplatform.cloud.ibm.com",
    "*.dai.cloud.ibm.com",
    "*.au-syd.dai.cloud.ibm.com",
    "*.aws.wxai.ibm.com",
    "*.ap-south-1.aws.data.ibm.com",
    "account-iam.platform.saas.ibm.com",
)
"""A Cloud Pak and the hosts of IBM Cloud, which the certificate of the service is good for in the tests."""


def write_certificates(directory: Path) -> None:
    """Lay certificates for the hosts of IBM Cloud where the embedded service keeps its own."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost", *HOSTS)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))


class ConnectProxy(LoopbackServer):
    """Tunnels every ``CONNECT`` to one port of this machine, and notes which host was asked for.

    Args:
        port: Where the tunnels end.

    """

    def __init__(self, port: int) -> None:
        """Listen; the tunnels open within a ``with`` block."""
        super().__init__(_Tunnel)
        self.hosts: list[str] = []
        self.headers: list[bytes] = []
        self.target = port
        self.url = f"http://{self.place}"


class _Tunnel(StreamRequestHandler):
    """One tunnel."""

    server: ConnectProxy

    def handle(self) -> None:
        """Read the request, and carry bytes both ways until one side ends."""
        line = self.rfile.readline().split()
        proxy = self.server
        while (header := self.rfile.readline()) not in {b"\r\n", b""}:
            proxy.headers.append(header)
        proxy.hosts.append(line[1].decode().partition(":")[0])
        with socket.create_connection(("127.0.0.1", proxy.target)) as service:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_carry, args=[service, self.connection], daemon=True)
            back.start()
            _carry(self.connection, service)
            back.join(timeout=30)


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source ends."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
