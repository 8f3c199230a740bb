"""Faults and the log of requests, as users' tests meet them."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import urllib3

if TYPE_CHECKING:
    from tests.server.conftest import Client
    from wml_deployer.testing import LocalServer


def test_a_status_is_answered_as_often_as_asked(client: Client, server: LocalServer) -> None:
    """The fault meets two requests, and the third goes well."""
    server.fault("GET", "^/v2/spaces$", status=503, times=2, headers={"Retry-After": "7"})

    answers = [client("GET", "/v2/spaces") for _ in range(3)]

    assert [503, 503, 200] == [answer.status for answer in answers]
    assert "7" == answers[0].headers["retry-after"]


@pytest.mark.parametrize(("drop", "made"), [("before", 0), ("after", 1)])
def test_a_dropped_connection_leaves_the_work(drop: str, made: int, client: Client, server: LocalServer) -> None:
    """Dropped before: nothing was done; after: it was, but nobody heard of it."""
    name = f"{drop} {time.monotonic_ns()}"
    server.fault("POST", "^/v2/spaces$", drop="before" if drop == "before" else "after")

    with pytest.raises(urllib3.exceptions.ProtocolError):
        client("POST", "/v2/spaces", {"name": name})

    assert made == len(client("GET", f"/v2/spaces?name={name.replace(' ', '%20')}").json["resources"])


def test_skipped_requests_go_well(client: Client, server: LocalServer) -> None:
    """The fault meets the second request."""
    server.fault(None, "^/v2/spaces$", status=500, skip=1)

    assert [200, 500] == [client("GET", "/v2/spaces").status for _ in range(2)]


def test_the_log_tells_what_was_asked(client: Client, server: LocalServer) -> None:
    """Method, path, query, status and connection of each request, in order."""
    server.clear_requests()
    client("GET", "/v2/spaces?limit=1")
    client("GET", "/v2/nowhere")

    logged = server.requests

    assert [("GET", "/v2/spaces", "limit=1", 200), ("GET", "/v2/nowhere", "", 404)] == [
        (entry.method, entry.path, entry.query, entry.status) for entry in logged
    ]
    assert logged[0].connection == logged[1].connection


def test_what_was_asked_before_the_log_was_cleared_stays_out_of_it(client: Client, server: LocalServer) -> None:
    """Also where it is answered afterwards: a silence of one test does not stand in the log of the next."""
    server.fault("GET", "^/v2/spaces$", stall=0.5)
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(client, "GET", "/v2/spaces")
        while server._call("GET", "/faults")["resources"][0]["times"]:
            time.sleep(0.01)
        server.clear_requests()

        assert (200, []) == (silent.result().status, server.requests)


def test_each_connection_has_its_own_number(client: Client, server: LocalServer) -> None:
    """Also where a client comes again from the same port."""
    server.clear_requests()
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    trust = ssl.create_default_context(cafile=str(server.info.ca_bundle))
    port = 0
    for _ in "12":
        plain = socket.create_connection(address, source_address=("127.0.0.1", port))
        port = plain.getsockname()[1]
        # Closing resets the connection, which frees the port at once.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(b"GET /ml/wml_services/v2/version HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(1000)

    first, second = server.requests

    assert first.connection != second.connection


def test_an_answer_comes_in_one_piece(client: Client, server: LocalServer) -> None:
    """Head and body are one TLS record: a client that reads wakes up once."""
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    trust = ssl.create_default_context(cafile=str(server.info.ca_bundle))
    with trust.wrap_socket(socket.create_connection(address), server_hostname="127.0.0.1") as connection:
        connection.sendall(b"GET /ml/wml_services/v2/version HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = connection.recv(100_000).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["version"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
def test_a_client_that_does_not_read_costs_no_memory(client: Client, server: LocalServer) -> None:
    """A large content is read from the disk as fast as the client takes it."""
    size = 64 * 2**20
    model_id = client.store(random.Random(0).randbytes(size))
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    trust = ssl.create_default_context(cafile=str(server.info.ca_bundle))
    path = f"/ml/v4/models/{model_id}/download?{client.scope}"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n\r\n"
    with trust.wrap_socket(socket.create_connection(address), server_hostname="127.0.0.1") as connection:
        before = resident()
        connection.sendall(head.encode())
        started = connection.recv(100)
        time.sleep(0.5)
        grown = resident() - before

    assert started.startswith(b"HTTP/1.1 200")
    assert grown < size // 4


def resident() -> int:
    """Bytes of this process, and so of the service in it, that are in memory."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_a_stall_delays(client: Client, server: LocalServer) -> None:
    """The request waits first, and then goes well."""
    server.clear_requests()
    server.fault("GET", "^/v2/spaces$", stall=0.2)
    started = time.monotonic()

    assert 200 == client("GET", "/v2/spaces").status
    assert time.monotonic() - started >= 0.2


def test_a_slow_body_arrives_whole(client: Client, server: LocalServer) -> None:
    """Spread over time, the answer is the same."""
    quick = client("GET", "/v2/hardware_specifications").content
    server.fault("GET", "hardware", slow=0.2)

    assert quick == client("GET", "/v2/hardware_specifications").content
