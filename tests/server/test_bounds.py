"""What callers without a token can use up: heads, time, connections and the log are bounded."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server.http.connections import HttpConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer

VERSION = b"GET /ml/wml_services/v2/version HTTP/1.1\r\nHost: x\r\n"
LIMIT = 64 * 2**10


@pytest.fixture
def trust(server: LocalServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.info.ca_bundle))


@pytest.fixture
def few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpConnection, "most", 20)


def connect(server: LocalServer, trust: ssl.SSLContext) -> ssl.SSLSocket:
    """Open a connection and say nothing yet."""
    plain = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10)
    return trust.wrap_socket(plain, server_hostname="127.0.0.1")


def feed(connection: ssl.SSLSocket, start: bytes, piece: bytes) -> None:
    """Send, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    connection.sendall(start)
    while time.monotonic() < deadline:
        connection.sendall(piece)
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /", b"a" * 1000),
        (VERSION, b"X-Filler: " + b"a" * 1000 + b"\r\n"),
        (VERSION + b"X-One: ", b"a" * 1000),
        (b"", b"\r\n" * 500),
        (b"POST /v2/spaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-After: a\r\n" * 100),
        (b"POST /v2/spaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-One: ", b"a" * 1000),
    ],
    ids=["path", "headers", "one header", "blank lines", "trailers", "one trailer"],
)
def test_a_head_without_an_end_is_cut_off(
    start: bytes, piece: bytes, server: LocalServer, trust: ssl.SSLContext
) -> None:
    """What a head, or what stands behind a body, is read into does not grow with what is sent."""
    with connect(server, trust) as connection, pytest.raises(OSError, match=r"reset|pipe|EOF|closed"):
        feed(connection, start, 10 * piece)


def test_a_head_that_is_too_large_is_told(server: LocalServer, trust: ssl.SSLContext) -> None:
    """Status 431, which HTTP has for it."""
    with connect(server, trust) as connection:
        connection.sendall(VERSION + b"X-Filler: " + b"a" * (LIMIT + 1000))
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_long_head_is_answered(client: Client) -> None:
    """Cookies and tokens of other programs may be long."""
    assert 200 == client("GET", "/v2/spaces", headers={"X-Filler": "a" * (LIMIT - 4000)}).status


@pytest.mark.parametrize("said", [b"", VERSION], ids=["nothing", "half a head"])
def test_a_connection_that_asks_nothing_is_dropped(
    said: bytes, server: LocalServer, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, whatever it began to say."""
    monkeypatch.setattr(HttpConnection, "head_timeout", 0.2)
    with connect(server, trust) as connection:
        connection.sendall(said)
        started = time.monotonic()
        try:
            ended = connection.recv(100)
        except ConnectionError:
            ended = b""

    assert b"" == ended
    assert time.monotonic() - started < 5


def test_a_body_may_take_longer_than_a_head(
    client: Client, server: LocalServer, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploads over slow lines go on."""
    monkeypatch.setattr(HttpConnection, "head_timeout", 0.2)
    head = f"POST /v2/spaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nContent-Length: 2\r\n\r\n{{"
    with connect(server, trust) as connection:
        connection.sendall(head.encode())
        time.sleep(0.5)
        connection.sendall(b"}")
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.fixture
def crowd(server: LocalServer, trust: ssl.SSLContext, few_connections: None) -> Iterator[list[ssl.SSLSocket]]:
    """Twice as many idle connections as the service keeps."""
    connections = [connect(server, trust) for _ in range(40)]
    yield connections
    for connection in connections:
        connection.close()


def test_idle_connections_lock_nobody_out(
    crowd: list[ssl.SSLSocket], server: LocalServer, trust: ssl.SSLContext
) -> None:
    """Whoever comes is answered; those that have been idle for longest make room."""
    port = int(server.url.rpartition(":")[2])
    for _ in range(5):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trust)
        connection.request("GET", "/ml/wml_services/v2/version")
        assert 200 == connection.getresponse().status
        connection.close()


def test_a_connection_that_waits_for_an_answer_keeps_its_place(
    few_connections: None, client: Client, server: LocalServer, trust: ssl.SSLContext
) -> None:
    """However many others come meanwhile."""
    server.fault("GET", "v2/version$", stall=0.5)
    with connect(server, trust) as waiting:
        waiting.sendall(VERSION + b"\r\n")
        time.sleep(0.1)
        others = [connect(server, trust) for _ in range(40)]
        answer = waiting.recv(1000)
    for other in others:
        other.close()

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_log_keeps_the_start_of_long_paths(client: Client, server: LocalServer) -> None:
    """Ten thousand requests of any length would fill the memory."""
    server.clear_requests()
    client("GET", f"/v2/{'p' * 30_000}?q={'q' * 30_000}", token="")

    (entry,) = server.requests

    assert (True, 1000, 1000) == (entry.path.startswith("/v2/ppp"), len(entry.path), len(entry.query))
