"""The bodies of HTTP responses: where they end, how they are compressed, and how large they may be.

A body ends with its stated length, with its last chunk, or with the connection. A server may state any length and
compress any amount of zeros into a few bytes: what is read is counted after decompression, and ends at a limit.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from wml_deployer.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "BLANKS",
    "CHUNK_BYTES",
    "DOWNLOAD_BYTES",
    "LINE_BYTES",
    "RESPONSE_BYTES",
    "Framing",
    "malformed",
    "read_line",
]

RESPONSE_BYTES = 512 << 20
"""The largest response that is read into memory, 512 MiB."""
DOWNLOAD_BYTES = 16 << 30
"""The largest download, 16 GiB."""
CHUNK_BYTES = 1 << 20
"""How much is read, decompressed and written at a time."""
LINE_BYTES = 1 << 14
"""The longest line of a response's head, and the largest request that is sent in one piece."""
TRAILERS = 100
_LENGTH = re.compile(r"[0-9]{1,19}")
BLANKS = " \t"
"""What HTTP takes for blanks; :meth:`str.strip` takes more."""
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_WITHOUT_BODY = frozenset({204, 304})
_ZLIB_OR_GZIP = 47


@dataclass
class Framing:
    """The framing and compression of one response's body.

    Attributes:
        length: The stated length; ``None`` if it is chunked or ends with the connection.
        is_chunked: Whether it comes in chunks.
        is_compressed: Whether it is compressed with gzip or zlib.
        is_finished: Whether it was read to its end.

    """

    length: int | None
    is_chunked: bool = False
    is_compressed: bool = False
    is_finished: bool = field(default=False, init=False)

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], *, has_body: bool = True) -> Framing:
        """Find out how the body of a response is framed.

        Args:
            status: HTTP status.
            headers: Header fields by lower-case name.
            has_body: Whether the method of the request asks for a body.

        Raises:
            InvalidResponseError: The headers are contradictory, or name a coding that nobody asked for.

        """
        if not has_body or status in _WITHOUT_BODY:
            return cls(0)
        coding = headers.get("content-encoding", "").strip(BLANKS).lower()
        if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise malformed(f"its coding {coding[:40]!r} was not asked for")
        is_compressed = coding not in {"", "identity"}
        transfer = headers.get("transfer-encoding", "").strip(BLANKS).lower()
        if transfer:
            if transfer != "chunked":
                raise malformed(f"its transfer coding {transfer[:40]!r} is unknown")
            return cls(None, is_chunked=True, is_compressed=is_compressed)
        lengths = {length.strip(BLANKS) for length in headers.get("content-length", "").split(",")}
        if lengths == {""}:
            return cls(None, is_compressed=is_compressed)
        if len(lengths) > 1 or not _LENGTH.fullmatch(stated := lengths.pop()):
            raise malformed("its Content-Length is not a length")
        return cls(int(stated), is_compressed=is_compressed)

    @property
    def ends_with_connection(self) -> bool:
        """Whether only the end of the connection tells the end of the body."""
        return self.length is None and not self.is_chunked

    def read(self, file: IO[bytes], limit: int) -> Iterator[bytes]:
        """Read the body in pieces, decompressed.

        Args:
            file: The connection, at the beginning of the body.
            limit: The most bytes to accept.

        Raises:
            InvalidResponseError: It is damaged, or larger than the limit.
            ConnectionError: It was cut off.

        """
        if self.length is not None and self.length > limit:
            raise _too_large(limit)
        if self.is_chunked:
            pieces = _read_chunks(file)
        elif self.length is not None:
            pieces = _read_exactly(file, self.length)
        else:
            pieces = iter(lambda: file.read(CHUNK_BYTES), b"")
        size = 0
        for piece in _decompress(pieces) if self.is_compressed else pieces:
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            yield piece
        self.is_finished = True


def malformed(reason: str) -> InvalidResponseError:
    """Make the error for a response that breaks the rules of HTTP.

    Args:
        reason: What is wrong, as a clause about "it".

    """
    return InvalidResponseError(
        f"The response is not valid HTTP: {reason}.",
        next_step="Check that the URL is that of the service, and what stands in between: a proxy or a load balancer.",
    )


def read_line(file: IO[bytes]) -> bytes:
    """Read one line, with its end.

    Args:
        file: The connection.

    Raises:
        InvalidResponseError: It is longer than 16 KiB.
        ConnectionError: The connection ended before it did.

    """
    line = file.readline(LINE_BYTES + 1)
    if not line.endswith(b"\n"):
        if len(line) > LINE_BYTES:
            raise malformed("a line of it is longer than 16 KiB")
        raise ConnectionError("The connection was closed before the response was complete")
    return line


def _read_exactly(file: IO[bytes], length: int) -> Iterator[bytes]:
    while length:
        piece = file.read(min(length, CHUNK_BYTES))
        if not piece:
            raise ConnectionError("The connection was closed before the response was complete")
        length -= len(piece)
        yield piece


def _read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        size = _CHUNK_SIZE.fullmatch(read_line(file))
        if size is None:
            raise malformed("a chunk of it has no size")
        if not int(size[1], 16):
            break
        yield from _read_exactly(file, int(size[1], 16))
        if read_line(file) != b"\r\n":
            raise malformed("a chunk of it is longer than it says")
    for _ in range(TRAILERS):
        if read_line(file) in {b"\r\n", b"\n"}:
            return
    raise malformed("it has no end")


def _decompress(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip or zlib, a bounded piece at a time."""
    decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
    is_begun = False
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if decoder.eof:  # gzip files may follow one another
                    decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
                is_begun = True
                if data := decoder.decompress(rest, CHUNK_BYTES):
                    yield data
                rest = decoder.unconsumed_tail or decoder.unused_data
        while is_begun and not decoder.eof and (data := decoder.decompress(b"", CHUNK_BYTES)):
            yield data
    except zlib.error as error:
        raise malformed("its compression is damaged") from error
    if is_begun and not decoder.eof:
        raise malformed("its compression ends early")


def _too_large(limit: int) -> InvalidResponseError:
    return InvalidResponseError(
        f"The response is larger than {limit >> 20} MiB; the rest was not read.",
        next_step="Ask for less at a time: fewer rows a call.",
    )
