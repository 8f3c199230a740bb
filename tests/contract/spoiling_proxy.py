"""A reverse proxy in front of the embedded service that loses or spoils one response on its way back."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from socketserver import StreamRequestHandler
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tests.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from socket import socket

__all__ = ["WAYS", "SpoilingProxy", "Way"]


class Answer(NamedTuple):
    """A response of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Way(NamedTuple):
    """A way to spoil a response.

    Attributes:
        works: Whether the service does the work.
        write: Makes the bytes that are sent in place of the response; without any, the connection is closed.

    """

    works: bool
    write: Callable[[Answer], bytes]


def head(status: int, **headers: str) -> bytes:
    """Write status line and headers."""
    lines = [f"HTTP/1.1 {status} Any", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Write a response that is soundly framed."""
    return head(status, Content_Length=str(len(body)), **headers) + body


PAGE = b"<!DOCTYPE html><html><head><title>Gateway</title></head><body>Please log in.</body></html>"
ERROR = json.dumps({"errors": [{"code": "internal", "message": "Try again later."}], "trace": "t"}).encode()
NOTHING = Answer(0, {}, b"")

WAYS: dict[str, Way] = {
    "closed before the work": Way(False, lambda _: b""),
    "closed after the work": Way(True, lambda _: b""),
    "cut off in the body": Way(
        True, lambda a: head(a.status, Content_Length=str(len(a.body) + 9)) + a.body[: len(a.body) // 2]
    ),
    "a length of 10**15": Way(True, lambda a: head(a.status, Content_Length=str(10**15)) + a.body),
    "a length that is too short": Way(
        True, lambda a: head(a.status, Content_Length=str(len(a.body) // 2)) + (a.body or b"HTTP/1.1 200")
    ),
    "a chunk without a size": Way(
        True, lambda a: head(a.status, Transfer_Encoding="chunked") + b"\r\n" + a.body + b"\r\n0\r\n\r\n"
    ),
    "a coding that it does not have": Way(True, lambda a: whole(a.status, a.body or b"{}", Content_Encoding="gzip")),
    "200 without a body": Way(True, lambda _: whole(200)),
    "401 without a body": Way(False, lambda _: whole(401)),
    "404 without a body": Way(True, lambda _: whole(404)),
    "500 without a body": Way(True, lambda _: whole(500)),
    "502 without a body": Way(False, lambda _: whole(502)),
    "503 after the work": Way(True, lambda _: whole(503, ERROR, Content_Type="application/json")),
    "a web page of a gateway": Way(True, lambda _: whole(504, PAGE, Content_Type="text/html")),
    "a web page": Way(True, lambda _: whole(200, PAGE, Content_Type="text/html")),
    "half of the JSON": Way(True, lambda a: whole(a.status, a.body[: len(a.body) // 2] or b'{"metadata": {"id')),
    "JSON of another shape": Way(True, lambda a: whole(a.status, b"[]")),
    "a redirect": Way(True, lambda _: whole(302, Location="https://login.example.com/")),
}


@dataclass
class _Order:
    """Which response to spoil: that of the next matching request after ``skip`` others."""

    method: str
    path: str
    skip: int
    way: Way


class SpoilingProxy(LoopbackServer):
    """Passes requests on to the service, and spoils the response to one of them when asked.

    Args:
        url: The service.
        directory: The service's folder, whose certificate the proxy shows as well.

    """

    def __init__(self, url: str, directory: Path) -> None:
        """Listen; requests are answered within a ``with`` block."""
        super().__init__(_Handler)
        self.tokens: set[str] = set()
        self._order: _Order | None = None
        self._target = urlsplit(url).netloc
        self._trust = ssl.create_default_context(cafile=directory / "ca.pem")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(directory / "server.pem")
        self.url = f"https://{self.place}"

    def finish_request(self, request: socket, client_address: object) -> None:  # type: ignore[override]
        """Negotiate TLS in the connection's own thread."""
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def spoil(self, method: str, path: str, skip: int, way: Way) -> None:
        """Spoil the response to one request that is to come.

        Args:
            method: HTTP method.
            path: Regular expression of the path.
            skip: How many such requests pass first.
            way: How.

        """
        self._order = _Order(method, path, skip, way)

    def stop_spoiling(self) -> bool:
        """Pass everything on again; return whether a response was spoilt."""
        order, self._order = self._order, None
        return order is None

    def way_for(self, method: str, path: str) -> Way | None:
        """Return how to spoil the response to this request, if it is the one."""
        order = self._order
        if order is None or method != order.method or not re.search(order.path, path):
            return None
        order.skip -= 1
        if order.skip >= 0:
            return None
        self._order = None
        return order.way

    def connect(self) -> http.client.HTTPSConnection:
        """Open a connection to the service."""
        return http.client.HTTPSConnection(self._target, context=self._trust, timeout=60)


class _Handler(StreamRequestHandler):
    """One connection."""

    server: SpoilingProxy
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        """Pass on one request after another, until either side ends."""
        upstream = self.server.connect()
        try:
            while self._pass_on(upstream):
                self.wfile.flush()
        finally:
            upstream.close()

    def _pass_on(self, upstream: http.client.HTTPSConnection) -> bool:
        """Answer one request; return whether the connection stays open."""
        line = self.rfile.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = http.client.parse_headers(self.rfile)
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        self.server.tokens.update(headers.get("Authorization", "").split()[-1:])
        way = self.server.way_for(method, target.partition("?")[0])
        answer = NOTHING
        if way is None or way.works:
            upstream.request(method, target, body, dict(headers.items()))
            response = upstream.getresponse()
            answer = Answer(response.status, dict(response.getheaders()), response.read())
        if way is not None:
            self.wfile.write(way.write(answer))
            return False
        dropped = {"content-length", "transfer-encoding", "connection"}
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in dropped}
        self.wfile.write(whole(answer.status, answer.body, **kept))
        return True
