"""The transport against a server whose every byte is scripted."""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from wml_deployer._transport.deadline import deadline
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import CertificateError, DeadlineError, TransportError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.conftest import ScriptedServer
    from wml_deployer._transport.responses import Response


def reply(status: str = "200 OK", body: bytes = b"{}", headers: str = "") -> Callable[[ssl.SSLSocket, bytes], None]:
    """Answer whole."""
    text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    return lambda connection, _: connection.sendall(text)


def drop(connection: ssl.SSLSocket, _: bytes) -> None:
    """Close without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def stall(connection: ssl.SSLSocket, _: bytes) -> None:
    """Never answer."""
    connection.recv(1)


def drip(connection: ssl.SSLSocket, _: bytes) -> None:
    """Answer a byte at a time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def truncate(connection: ssl.SSLSocket, _: bytes) -> None:
    """Promise more than is sent."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a"')
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def transport(scripted: ScriptedServer) -> Transport:
    """Trust the scripted server's authority."""
    return Transport(scripted.ca)


def test_one_connection_serves_many_requests(scripted: ScriptedServer, transport: Transport) -> None:
    """Connections are kept alive."""
    scripted.behaviours = [reply()]

    for _ in range(5):
        transport.request("GET", scripted.url)

    assert 1 == scripted.connections


def test_a_compressed_answer_is_read_as_what_it_stands_for(scripted: ScriptedServer, transport: Transport) -> None:
    """A server or a proxy may compress without being asked."""
    scripted.behaviours = [reply(body=gzip.compress(b'{"a":1}'), headers="Content-Encoding: gzip\r\n")]

    assert {"a": 1} == transport.request("POST", scripted.url, body=b"{}").json()


def test_an_answer_that_ends_with_its_connection_is_whole(scripted: ScriptedServer, transport: Transport) -> None:
    """Where no length is told, the connection's end is the answer's; the next request opens another one."""

    def until_the_end(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"a":1}')
        connection.unwrap()

    scripted.behaviours = [until_the_end]
    answers = [transport.request("POST", scripted.url, body=b"{}").json() for _ in range(2)]

    assert ([{"a": 1}] * 2, 2) == (answers, scripted.connections)


def test_a_foreign_certificate_is_refused_before_anything_is_sent(scripted: ScriptedServer) -> None:
    """Without the authority's certificate nothing reaches the server."""
    scripted.behaviours = [reply()]

    with pytest.raises(CertificateError, match="not trusted"):
        Transport().request("POST", scripted.url, headers={"Authorization": "Bearer secret"}, body=b"x")

    assert [] == scripted.requests


def test_a_given_ca_bundle_beats_the_environment(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE does not replace the bundle of the credentials."""
    scripted.behaviours = [reply()]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))

    assert 200 == Transport(scripted.ca).request("GET", scripted.url).status


def test_the_environment_names_the_trusted_authorities(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE is trusted where the credentials name no bundle."""
    scripted.behaviours = [reply()]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(scripted.ca))

    assert 200 == Transport().request("GET", scripted.url).status


@pytest.mark.parametrize("behaviour", [stall, drip], ids=["never answers", "a byte at a time"])
def test_the_deadline_ends_a_call(
    scripted: ScriptedServer, transport: Transport, behaviour: Callable[[ssl.SSLSocket, bytes], None]
) -> None:
    """A server that does not come to an end does not hold the caller."""
    scripted.behaviours = [behaviour]

    with pytest.raises(DeadlineError, match="time for the call is over"), deadline(0.3):
        transport.request("GET", scripted.url)


def test_the_deadline_covers_connecting(transport: Transport) -> None:
    """A server that accepts and never shakes hands does not hold the caller."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DeadlineError), deadline(0.3):
        transport.request("GET", f"https://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize("behaviour", [drop, truncate], ids=["dropped", "truncated"])
def test_a_lost_answer_to_a_repeatable_request_is_asked_for_again(
    scripted: ScriptedServer, transport: Transport, behaviour: Callable[[ssl.SSLSocket, bytes], None]
) -> None:
    """GET is sent again."""
    scripted.behaviours = [behaviour, reply(body=b"whole")]

    assert b"whole" == transport.request("GET", scripted.url).body


def test_a_lost_download_is_read_again_from_its_beginning(scripted: ScriptedServer, transport: Transport) -> None:
    """What the first answer began with is not taken for a part of the second."""
    scripted.behaviours = [truncate, reply(body=b"whole")]
    read: list[bytes] = []
    response = transport.request("GET", scripted.url, read=lambda chunks: read.append(b"".join(chunks)))

    assert ([b"whole"], b"", 200) == (read, response.body, response.status)


def test_a_download_is_never_held_as_a_whole(scripted: ScriptedServer, transport: Transport) -> None:
    """64 MB pass through 8."""
    scripted.behaviours = [reply(body=bytes(1 << 26))]
    seen: list[int] = []
    tracemalloc.start()
    try:
        transport.request("GET", scripted.url, read=lambda chunks: seen.append(sum(map(len, chunks))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert ([1 << 26], True) == (seen, peak < 1 << 23)


def test_a_refused_download_is_an_answer_as_any(scripted: ScriptedServer, transport: Transport) -> None:
    """The error's document is not taken for content."""
    scripted.behaviours = [reply("404 Not Found", b"not here")]
    response = transport.request("GET", scripted.url, read=lambda _: pytest.fail("read as content"))

    assert (404, b"not here") == (response.status, response.body)


def test_a_download_that_is_not_read_to_its_end_leaves_no_rest_to_the_next_request(
    scripted: ScriptedServer, transport: Transport
) -> None:
    """The disk was full, for instance: the next request has a connection of its own."""
    scripted.behaviours = [reply(body=bytes(1 << 22)), reply(body=b"next")]
    with pytest.raises(OSError, match="full"):
        transport.request("GET", scripted.url, read=fill)

    assert b"next" == transport.request("GET", scripted.url).body


def fill(chunks: Iterator[bytes]) -> None:
    """Take one chunk, and no more."""
    next(chunks)
    raise OSError("The disk is full.")


@pytest.mark.parametrize("behaviour", [drop, truncate], ids=["dropped", "truncated"])
def test_a_lost_answer_to_another_request_is_an_error(
    scripted: ScriptedServer, transport: Transport, behaviour: Callable[[ssl.SSLSocket, bytes], None]
) -> None:
    """POST may have been worked on: it is not sent twice."""
    scripted.behaviours = [behaviour]

    with pytest.raises(TransportError):
        transport.request("POST", scripted.url, body=b"x")

    assert 1 == len(scripted.requests)


def test_too_many_requests_is_waited_out(scripted: ScriptedServer, transport: Transport) -> None:
    """429 was not worked on: even a POST is sent again, after the time that the service asks for."""
    scripted.behaviours = [reply("429 Too Many Requests", headers="Retry-After: 0\r\n"), reply(body=b"now")]

    assert b"now" == transport.request("POST", scripted.url, body=b"x").body


def test_a_retry_after_beyond_the_deadline_ends_the_call(scripted: ScriptedServer, transport: Transport) -> None:
    """Nobody waits for what cannot be reached in time."""
    scripted.behaviours = [reply("429 Too Many Requests", headers="Retry-After: 30\r\n")]

    with pytest.raises(DeadlineError, match="asks to wait 30"), deadline(1):
        transport.request("POST", scripted.url, body=b"x")


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_a_busy_service_is_asked_again_where_that_does_no_harm(
    scripted: ScriptedServer, transport: Transport, status: str
) -> None:
    """A repeatable request survives a busy moment."""
    scripted.behaviours = [reply(status), reply(body=b"now")]

    assert b"now" == transport.request("POST", scripted.url, body=b"x", repeatable=True).body


def test_a_busy_service_is_not_asked_again_for_what_may_be_done(scripted: ScriptedServer, transport: Transport) -> None:
    """A POST that may have been worked on returns the 503."""
    scripted.behaviours = [reply("503 Service Unavailable")]

    assert 503 == transport.request("POST", scripted.url, body=b"x").status
    assert 1 == len(scripted.requests)


def test_a_dropped_upload_is_sent_again_whole(scripted: ScriptedServer, transport: Transport, tmp_path: Path) -> None:
    """The second try starts at the file's beginning."""
    content = os.urandom(1000)
    (tmp_path / "model").write_bytes(content)
    scripted.behaviours = [drop, reply("201 Created")]

    with (tmp_path / "model").open("rb") as file:
        transport.request("PUT", scripted.url, headers={"Content-Length": "1000"}, body=file, repeatable=True)

    assert [content, content] == [request.partition(b"\r\n\r\n")[2] for request in scripted.requests]


def test_an_unreachable_service_says_what_to_check(transport: Transport) -> None:
    """A refused connection names the address and the next step."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(TransportError, match=f"127.0.0.1:{port}") as caught:
        transport.request("GET", f"https://127.0.0.1:{port}")

    assert "HTTPS_PROXY" in str(caught.value.next_step)


def test_redirects_are_not_followed(scripted: ScriptedServer, transport: Transport) -> None:
    """A token never travels to a host that an answer names."""
    scripted.behaviours = [reply("302 Found", headers="Location: https://elsewhere.invalid/\r\n")]

    assert 302 == transport.request("GET", scripted.url).status


def test_a_forked_child_opens_its_own_connection(scripted: ScriptedServer, transport: Transport) -> None:
    """Parent and child never write into one connection."""
    scripted.behaviours = [reply()]
    transport.request("GET", scripted.url)

    child = os.fork()
    if child == 0:
        os._exit(0 if transport.request("GET", scripted.url).status == 200 else 1)
    _, status = os.waitpid(child, 0)

    assert (0, 2) == (os.waitstatus_to_exitcode(status), scripted.connections)


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "503 Service Unavailable"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_empty_body_is_no_bytes(scripted: ScriptedServer, transport: Transport, method: str, status: str) -> None:
    """Load balancers answer so with any status."""
    scripted.behaviours = [reply(status, b"", "Retry-After: 0\r\n")]

    assert b"" == transport.request(method, scripted.url, body=b"{}").body


def test_an_empty_stream_is_an_empty_body(scripted: ScriptedServer, transport: Transport) -> None:
    """A stream without bytes is sent as such."""
    scripted.behaviours = [reply()]

    transport.request("PUT", scripted.url, headers={"Content-Length": "0"}, body=io.BytesIO())

    assert scripted.requests[0].endswith(b"\r\n\r\n")


def test_no_http_library_is_imported() -> None:
    """Whatever replaces urllib3 in an environment, as niquests does, changes nothing here."""
    program = (
        "import sys, wml_deployer._transport.pool;"
        "print(sorted({'urllib3', 'requests', 'httpx', 'niquests'} & sys.modules.keys()))"
    )

    assert b"[]" == subprocess.check_output([sys.executable, "-c", program]).strip()


def test_closing_waits_for_the_requests_of_other_threads(scripted: ScriptedServer, transport: Transport) -> None:
    """An iterator of scores that was given up has some under way."""
    arrived = threading.Event()
    responses: list[Response] = []

    def answer_late(connection: ssl.SSLSocket, request: bytes) -> None:
        arrived.set()
        time.sleep(0.2)
        reply()(connection, request)

    scripted.behaviours = [answer_late]
    thread = threading.Thread(target=lambda: responses.append(transport.request("GET", scripted.url)))
    thread.start()
    arrived.wait(10)
    transport.close()
    found = [response.status for response in responses]
    thread.join()

    assert [200] == found
