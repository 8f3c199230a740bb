"""One kept-alive HTTPS connection: open it, send a request, read the response.

HTTP/1.1 is read here by hand, on a socket with a deadline, because no synchronous HTTP library limits the time of a
whole call or the size of what it decompresses. The reader is strict: a response that is not exactly framed (an unknown
length, a damaged chunk, a coding nobody asked for) is an error, never a shorter body.
"""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import weakref
from base64 import b64encode
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

from pydantic import SecretBytes

from wml_deployer._transport.body import BLANKS, CHUNK_BYTES, LINE_BYTES, Framing, malformed, read_line
from wml_deployer._transport.deadline import remaining
from wml_deployer.errors import TransportError
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

    from wml_deployer._transport.proxies import Proxy

__all__ = ["Address", "Connection", "Head", "connect"]

CONNECT_SECONDS = 10.0
HEAD_BYTES = 1 << 16
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\r?\n")
# Control characters are refused: what one reader takes for a blank, another takes for a part of the value.
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r?\n")
_BREAK = re.compile(r"[\r\n\0]|[^\0-\xff]")
_INFORMATION = range(100, 200)
# What the connection itself says in a request.
_OWN_HEADERS = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class Address(NamedTuple):
    """The host and port of a service.

    Example:
        >>> str(Address("cpd.example.com", 443)), str(Address("::1", 8443))
        ('cpd.example.com', '[::1]:8443')

    """

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as the ``Host`` header does."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"  # noqa: PLR2004 - the port of https


@dataclass(frozen=True)
class Head:
    """Status and headers of a response.

    Attributes:
        status: HTTP status.
        headers: Header fields by lower-case name; the values of a repeated field are joined by commas.
        is_kept_alive: Whether the server keeps the connection open after the response.

    """

    status: int
    headers: Mapping[str, str]
    is_kept_alive: bool


def connect(address: Address, context: ssl.SSLContext, proxy: Proxy | None) -> Connection:
    """Open a connection, through a proxy if there is one, and negotiate TLS.

    Args:
        address: The service.
        context: Which certificates to trust.
        proxy: An HTTP proxy, or ``None``.

    Raises:
        OSError: The service or the proxy cannot be reached, or its certificate is not trusted.
        TransportError: The proxy refuses.
        DeadlineError: The deadline passed.

    """
    raw = _open(Address(proxy.host, proxy.port) if proxy else address)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            _open_tunnel(raw, address, proxy)
        raw.settimeout(CONNECT_SECONDS)
        secured = context.wrap_socket(raw, server_hostname=address.host)
    except BaseException:
        raw.close()
        raise
    return Connection(secured, address)


class Connection:
    """A connection that can be used for one request after another.

    Args:
        secured: The TLS socket.
        address: The service, for the ``Host`` header.

    """

    def __init__(self, secured: ssl.SSLSocket, address: Address) -> None:
        self._socket = secured
        self._file: IO[bytes] = secured.makefile("rb")
        self._host = str(address)
        self._framing: Framing | None = None
        self._is_kept_alive = True
        # A transport may be dropped without being closed.
        self._finalizer = weakref.finalize(self, _close, self._file, secured)

    def request(  # noqa: PLR0917 - the parts of a request
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | SecretBytes | IO[bytes] | None,
        token: SecretStr | None,
        timeout: float | None,
    ) -> Head:
        """Send a request and read the head of its response.

        Args:
            method: HTTP method.
            target: Path and query.
            headers: Header fields; those of the connection itself are left out.
            body: Bytes, or a file that is read from its position to its end.
            token: A bearer token.
            timeout: Seconds of silence to accept from the server; ``None`` accepts any.

        Raises:
            OSError: The connection broke.
            InvalidResponseError: The response is not HTTP.

        """
        self._is_kept_alive = False  # until the response says so
        self._socket.settimeout(timeout)
        try:
            self._send(method, target, headers, body, token)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # A server that refuses a large body may answer before it was sent to its end.
            response = self._read_head_after(method)
        else:
            response = self._read_head(method)
        self._is_kept_alive = response.is_kept_alive
        return response

    def body(self, limit: int) -> Iterator[bytes]:
        """Read the body of the response, decompressed, in pieces.

        Args:
            limit: The most bytes to accept.

        Raises:
            InvalidResponseError: It is damaged or larger than that.
            OSError: The connection broke before its end.

        """
        assert self._framing is not None
        return self._framing.read(self._file, limit)

    @property
    def is_reusable(self) -> bool:
        """Whether the response was read to its end, and the server keeps the connection."""
        return self._is_kept_alive and self._framing is not None and self._framing.is_finished

    def is_alive(self) -> bool:
        """Tell whether an idle connection is still open. Anything readable means its end, or leftovers."""
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                poll.register(self._socket, select.POLLIN)
                return not poll.poll(0)
            return not select.select([self._socket], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close it."""
        self._finalizer()

    def _send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | SecretBytes | IO[bytes] | None,
        token: SecretStr | None,
    ) -> None:
        """Send a request. What may hold a secret is kept in views, which show nothing of it in a traceback."""
        if isinstance(body, bytes | SecretBytes | None):
            content = memoryview(_bytes_of(body))
            head = _request_head(method, target, self._host, headers, len(content), token)
            if len(content) > LINE_BYTES:
                self._send_all(head)
                self._send_all(content)
            else:
                # A small request travels as a single TLS record.
                self._send_all(memoryview(b"".join((head, content))))
            return
        length = _rest_of(body)
        self._send_all(_request_head(method, target, self._host, headers, length, token))
        with stage("uploading", length, "bytes") as progress:
            while block := body.read(CHUNK_BYTES):
                self._send_all(memoryview(block))
                progress.advance(len(block))

    def _send_all(self, data: memoryview) -> None:
        # As sendall() does, whose local variables would show the data.
        while data:
            data = data[self._socket.send(data) :]

    def _read_head(self, method: str) -> Head:
        while True:
            head = _parse_head(_head_lines(self._file))
            if head.status not in _INFORMATION:
                break
        self._framing = Framing.of(head.status, head.headers, has_body=method != "HEAD")
        if self._framing.ends_with_connection:
            return Head(head.status, head.headers, is_kept_alive=False)
        return head

    def _read_head_after(self, method: str) -> Head:
        """Read the response to a request that could not be sent to its end; the connection is of no further use."""
        head = self._read_head(method)
        return Head(head.status, head.headers, is_kept_alive=False)


def _open(address: Address) -> socket.socket:
    """Connect to the first of a host's addresses that answers."""
    failure: OSError | None = None
    for family, kind, protocol, _, target in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        left = remaining()
        raw = socket.socket(family, kind, protocol)
        raw.settimeout(CONNECT_SECONDS if left is None else min(CONNECT_SECONDS, left))
        try:
            raw.connect(target)
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    remaining()
    raise failure or OSError(f"{address.host} has no address")


def _open_tunnel(raw: socket.socket, address: Address, proxy: Proxy) -> None:
    """Ask a proxy for a tunnel to a service, and read its response, which the bytes of the service follow directly."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"CONNECT {host}:{address.port} HTTP/1.1", f"Host: {host}:{address.port}"]
    if proxy.user_and_password is not None:
        lines.append(f"Proxy-Authorization: Basic {b64encode(proxy.user_and_password.encode()).decode()}")
    _limit(raw)
    raw.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    received = bytearray()
    while not received.endswith((b"\r\n\r\n", b"\n\n")):
        _limit(raw)
        byte = raw.recv(1)
        if not byte or len(received) > HEAD_BYTES:
            raise TransportError(
                f"The proxy {proxy.host}:{proxy.port} does not answer as an HTTP proxy does.",
                next_step="Check HTTPS_PROXY: it names the proxy as http://host:port.",
            )
        received += byte
    match = _STATUS_LINE.match(received)
    if match is None or not match[2].startswith(b"2"):
        said = bytes(received).split(b"\n")[0].decode("latin-1").strip()
        raise TransportError(
            f"The proxy {proxy.host}:{proxy.port} opens no way to {address.host}: {said[:200]}",
            next_step="Check HTTPS_PROXY, with user and password where the proxy asks for them (407), and NO_PROXY.",
        )


def _limit(raw: socket.socket) -> None:
    left = remaining()
    raw.settimeout(CONNECT_SECONDS if left is None else min(CONNECT_SECONDS, left))


def _close(file: IO[bytes], secured: ssl.SSLSocket) -> None:
    file.close()
    secured.close()


def _rest_of(file: IO[bytes]) -> int:
    """Return how many bytes there are from a file's position to its end."""
    start = file.tell()
    length = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    return length


def _bytes_of(body: bytes | SecretBytes | None) -> bytes:
    return body.get_secret_value() if isinstance(body, SecretBytes) else body or b""


def _request_head(  # noqa: PLR0917 - the parts of a head
    method: str, target: str, host: str, headers: Mapping[str, str], length: int, token: SecretStr | None
) -> memoryview:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in _OWN_HEADERS]
    if length or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {length}")
    if any(_BREAK.search(line) for line in lines):
        raise TransportError(
            f"A header field of this {method} request contains a line break, or text that is not Latin-1.",
            next_step="Nothing was sent. Remove the line break from the names and ids of this call.",
        )
    if token is not None:
        lines.append(f"Authorization: Bearer {token.get_secret_value()}")
    return memoryview("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _head_lines(file: IO[bytes]) -> list[bytes]:
    """Read the lines of a response's head, without the empty one that ends it."""
    lines: list[bytes] = []
    size = 0
    while (line := read_line(file)) not in {b"\r\n", b"\n"}:
        lines.append(line)
        size += len(line)
        if size > HEAD_BYTES:
            raise malformed("its head is larger than 64 KiB")
    return lines


def _parse_head(lines: list[bytes]) -> Head:
    status = _STATUS_LINE.fullmatch(lines[0]) if lines else None
    if status is None:
        raise malformed("it does not begin with an HTTP status line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        field = _HEADER_LINE.fullmatch(line)
        if field is None:
            raise malformed("one of its header fields is damaged")
        name, value = field[1].decode("ascii").lower(), field[2].decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    options = {option.strip(BLANKS).lower() for option in headers.get("connection", "").split(",")}
    kept = "close" not in options and (status[1] == b"1" or "keep-alive" in options)
    return Head(int(status[2]), headers, kept)
