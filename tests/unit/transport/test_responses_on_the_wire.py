"""Damaged, oversized and hostile responses: each is a typed error, and every call ends."""

from __future__ import annotations

import gzip
import io
import random
import socket
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer._transport import body, pool
from wml_deployer._transport.body import Framing
from wml_deployer._transport.deadline import deadline
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import DeadlineError, InvalidResponseError, TransportError, WMLDeployerError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.unit.conftest import ScriptedServer

BOMB = gzip.compress(bytes(1 << 24))
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

DAMAGED = {
    "no HTTP": b"<html>It works!</html>\r\n\r\n",
    "HTTP/0.9": b"hello",
    "HTTP/2 in plain text": b"HTTP/2 200\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of 4,000 digits": b"HTTP/1.1 " + b"2" * 4000 + b" OK\r\n\r\n",
    "a status line without an end": b"HTTP/1.1 200 " + b"O" * 70_000,
    "a header without a colon": OK + b"Content-Length 2\r\n\r\n{}",
    "a header with a blank before its colon": OK + b"Content-Length : 2\r\n\r\n{}",
    "a folded header": OK + b"X-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\n{}",
    "a header of 20 KiB": OK + b"X-A: " + b"a" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "10,000 headers": OK + b"X-A: 1234\r\n" * 10_000 + b"\r\n",
    "a negative length": OK + b"Content-Length: -2\r\n\r\n{}",
    "a length in words": OK + b"Content-Length: two\r\n\r\n{}",
    "a length of 10**15": OK + b"Content-Length: 1000000000000000\r\n\r\n{}",
    "a length of 5,000 digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative chunk": CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk of a size in words": CHUNKED + b"two\r\n{}\r\n0\r\n\r\n",
    "a chunk with an underscore": CHUNKED + b"1_0\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a line of a chunk without an end": CHUNKED + b"1" * 20_000,
    "trailers without an end": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-A: 1\r\n" * 200,
    "chunks of an unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a coding that nobody asked for": OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "two codings": OK + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
    "gzip that is none": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "gzip that ends early": OK
    + b"Content-Encoding: gzip\r\nContent-Length: 15\r\n\r\n"
    + gzip.compress(b"{}" * 99)[:15],
}
CUT_OFF = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "half a head": OK + b"Content-Le",
    "half a body": OK + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": CHUNKED + b"64\r\n{",
    "no last chunk": CHUNKED + b"2\r\n{}\r\n",
    "no end of the last chunk": CHUNKED + b"2\r\n{}\r\n0\r\n",
}
SOUND = {
    "a length": OK + b"Content-Length: 2\r\n\r\n{}",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "chunks": CHUNKED + b"1;x=y\r\n{\r\n1 \r\n}\r\n0\r\nX-A: 1\r\n\r\n",
    "no length": OK + b"\r\n{}",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
    "lines that end in a newline alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "accents in a header": OK + "X-A: ção\r\nContent-Length: 2\r\n\r\n{}".encode("latin-1"),
    "information before it": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\n{}",
    "gzip": OK + b"Content-Encoding: GZip\r\n\r\n" + gzip.compress(b"{}"),
    "gzip in two files": OK + b"Content-Encoding: x-gzip\r\n\r\n" + gzip.compress(b"{") + gzip.compress(b"}"),
    "zlib": OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"{}"),
    "identity": OK + b"Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
}


def send(response: bytes) -> Callable[[ssl.SSLSocket, bytes], None]:
    """Send these bytes and close the connection."""

    def behave(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(response)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


@pytest.fixture
def transport(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """Trust the server, do not pause, and read at most 1 MiB."""
    monkeypatch.setattr(pool, "RESPONSE_BYTES", 1 << 20)
    monkeypatch.setattr(pool, "DOWNLOAD_BYTES", 1 << 20)
    return Transport(scripted.ca, pauses=(0.0,))


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_damaged_response_is_typed(scripted: ScriptedServer, transport: Transport, method: str, name: str) -> None:
    """The error says where, what is wrong and what to do."""
    scripted.behaviours = [send(DAMAGED[name])]

    with (
        pytest.raises((InvalidResponseError, TransportError), match=f"{method} {scripted.url}") as caught,
        deadline(10),
    ):
        transport.request(method, scripted.url)

    assert caught.value.next_step


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_response_that_is_cut_off_is_lost(scripted: ScriptedServer, transport: Transport, name: str) -> None:
    """What may be repeated is repeated."""
    scripted.behaviours = [send(CUT_OFF[name]), send(SOUND["a length"])]

    assert b"{}" == transport.request("GET", scripted.url).body
    assert 2 == len(scripted.requests)


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_lost_response_to_a_creation_is_an_error(scripted: ScriptedServer, transport: Transport, name: str) -> None:
    """It is sent once."""
    scripted.behaviours = [send(CUT_OFF[name]), send(SOUND["a length"])]

    with pytest.raises(TransportError):
        transport.request("POST", scripted.url, body=b"x")

    assert 1 == len(scripted.requests)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_response_is_read(scripted: ScriptedServer, transport: Transport, name: str) -> None:
    """However it is framed, compressed and spaced."""
    scripted.behaviours = [send(SOUND[name])]

    assert b"{}" == transport.request("POST", scripted.url, body=b"x").body


@pytest.mark.parametrize("framing", [b"Content-Length: %d\r\n\r\n" % len(BOMB), b"\r\n"], ids=["length", "end"])
@pytest.mark.parametrize("download", [False, True])
def test_a_decompression_bomb_is_bounded(
    scripted: ScriptedServer, transport: Transport, framing: bytes, download: bool
) -> None:
    """16 KiB that become 16 MiB are read to the limit of 1 MiB."""
    scripted.behaviours = [send(OK + b"Content-Encoding: gzip\r\n" + framing + BOMB)]

    with pytest.raises(InvalidResponseError, match="larger than 1 MiB"):
        transport.request("GET", scripted.url, read=(lambda pieces: sum(map(len, pieces))) if download else None)


@pytest.mark.parametrize("limit", [body.RESPONSE_BYTES, body.DOWNLOAD_BYTES])
def test_the_limits_are_stated(limit: int) -> None:
    """In the docstring of the transport, and where users look them up."""
    assert (512 << 20, 16 << 30) == (body.RESPONSE_BYTES, body.DOWNLOAD_BYTES)
    assert f"{limit >> 30} GiB" in str(Transport.request.__doc__) or f"{limit >> 20} MiB" in str(
        Transport.request.__doc__
    )


def test_a_response_to_half_a_request_counts(scripted: ScriptedServer, transport: Transport) -> None:
    """A service that refuses a large body says so before it was sent to its end."""
    scripted.behaviours = [send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")]
    scripted.reads_bodies = False

    assert 413 == transport.request("PUT", scripted.url, body=io.BytesIO(bytes(1 << 25))).status


def test_a_line_break_in_a_header_is_refused(scripted: ScriptedServer, transport: Transport) -> None:
    """Nothing is sent."""
    with pytest.raises(TransportError, match="line break"):
        transport.request("GET", scripted.url, headers={"X-A": "1\r\nX-B: 2"})

    assert [] == scripted.requests


def test_a_url_is_sent_in_ascii(scripted: ScriptedServer, transport: Transport) -> None:
    """What a request line cannot hold is percent-encoded."""
    scripted.behaviours = [send(SOUND["a length"])]
    transport.request("GET", f"{scripted.url}/a b/ção?x=1&y=%20\r\nX: 1")

    assert scripted.requests[0].startswith(b"GET /a%20b/%C3%A7%C3%A3o?x=1&y=%20X:%201 HTTP/1.1\r\nHost: ")


def test_a_full_pool_is_waited_for_no_longer_than_the_deadline(scripted: ScriptedServer) -> None:
    """All connections are busy."""
    transport = Transport(scripted.ca, connections=1)
    transport._pool(scripted.url).pace.enter()
    start = time.monotonic()

    with pytest.raises(DeadlineError), deadline(0.2):
        transport.request("GET", scripted.url)

    assert time.monotonic() - start < 0.7


def test_silence_may_take_the_whole_deadline(scripted: ScriptedServer, transport: Transport) -> None:
    """A slow model is waited for as long as the caller has time."""

    def slow(connection: ssl.SSLSocket, _: bytes) -> None:
        time.sleep(0.5)
        connection.sendall(SOUND["a length"])

    scripted.behaviours = [slow]

    with pytest.raises(DeadlineError, match="no response in time"):
        transport.request("POST", scripted.url, silence=0.1)
    with deadline(10):
        assert b"{}" == transport.request("POST", scripted.url, silence=None).body


def mutated(response: bytes, chance: random.Random) -> bytes:
    """Damage a response in a few places."""
    damaged = bytearray(response)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(damaged) + 1)
        action = chance.randrange(4)
        if action == 0:
            damaged[place:place] = chance.randbytes(chance.randint(1, 8))
        elif action == 1:
            del damaged[place : place + chance.randint(1, 12)]
        elif action == 2:
            damaged[place:place] = chance.choice([b"\r\n", b"\n", b"\0", b"-1", b"9" * 30, b"\r\n\r\n", b": ", b"\x80"])
        else:
            damaged[place : place + 1] = bytes([chance.randrange(256)])
    return bytes(damaged)


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 300), pytest.param(2, 20_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1200)])]
)
def test_nonsense_is_typed(scripted: ScriptedServer, transport: Transport, seed: int, rounds: int) -> None:
    """Whatever a server answers, a call returns or raises an error of this library, and ends."""
    chance = random.Random(seed)
    samples = [*DAMAGED.values(), *CUT_OFF.values(), *SOUND.values()]
    slowest = 0.0
    for _ in range(rounds):
        scripted.behaviours = [send(mutated(chance.choice(samples), chance))]
        start = time.monotonic()
        try:
            with deadline(5):
                response = transport.request(chance.choice(["GET", "POST"]), scripted.url, body=b"x")
                assert isinstance(response.body, bytes)
        except WMLDeployerError:
            pass
        slowest = max(slowest, time.monotonic() - start)

    assert slowest < 6


@pytest.mark.parametrize(
    ("seed", "rounds"),
    [(3, 3000), pytest.param(4, 1_000_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1200)])],
)
def test_nonsense_bodies_are_typed(seed: int, rounds: int) -> None:
    """The reader of bodies alone, many times as fast as through a socket."""
    chance = random.Random(seed)
    headers: list[dict[str, Any]] = [
        {},
        {"content-length": "2"},
        {"transfer-encoding": "chunked"},
        {"content-encoding": "gzip"},
        {"content-encoding": "gzip", "transfer-encoding": "chunked"},
    ]
    bodies = [b"{}", b"1;x\r\n{\r\n1\r\n}\r\n0\r\n\r\n", gzip.compress(b"{}" * 50), BOMB[:2000]]
    for _ in range(rounds):
        file = io.BytesIO(mutated(chance.choice(bodies), chance))
        try:
            read = sum(map(len, Framing.of(200, chance.choice(headers)).read(file, 1 << 16)))
            assert read <= 1 << 16
        except (InvalidResponseError, ConnectionError):
            continue
