"""The gzip stream is one that everybody reads, whatever it is made by and from."""

from __future__ import annotations

import gzip
import io
import sys
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wml_deployer.packaging._gzip import GzipWriter

BLOCK = 512 * 1024


@pytest.fixture(params=["zlib-ng", "zlib"])
def deflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of deflating: with the fast extra and without."""
    name: str = request.param
    if name == "zlib-ng":
        pytest.importorskip("zlib_ng.zlib_ng")
    else:
        monkeypatch.setitem(sys.modules, "zlib_ng.zlib_ng", None)
    return name


def compress(*chunks: bytes) -> bytes:
    target = io.BytesIO()
    with GzipWriter(target) as writer:
        for chunk in chunks:
            writer.write(chunk)
    return target.getvalue()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 30_000)), max_size=6))
def test_what_is_written_is_read(parts: list[tuple[bytes, int]]) -> None:
    """Chunks of any size and number come back as they were."""
    chunks = [content * times for content, times in parts]

    assert b"".join(chunks) == gzip.decompress(compress(*chunks))


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 40 * BLOCK + 7])
def test_edges_of_blocks(size: int, deflater: str) -> None:
    """Nothing is lost or doubled where one block ends and the next begins."""
    content = (bytes(range(251)) * (size // 251 + 1))[:size]

    assert content == gzip.decompress(compress(content))


def test_it_is_one_member(deflater: str) -> None:
    """Readers that stop after the first gzip member see everything."""
    reader = zlib.decompressobj(wbits=31)
    content = bytes(3 * BLOCK)

    assert (content, b"", True) == (reader.decompress(compress(content)), reader.unused_data, reader.eof)


def test_equal_content_gives_equal_bytes(deflater: str) -> None:
    """Neither the time nor how the content was cut into chunks is in the stream."""
    content = b"sepal" * BLOCK

    assert compress(content) == compress(content[:100], content[100:BLOCK], content[BLOCK:])


def test_tell_counts_what_was_taken_in() -> None:
    """The position is that in the content, not in the compressed file."""
    with GzipWriter(io.BytesIO()) as writer:
        writer.write(bytes(BLOCK + 5))

        assert BLOCK + 5 == writer.tell()


def test_no_thread_outlives_a_failure() -> None:
    """An error in the block ends the threads with it."""
    with pytest.raises(RuntimeError, match=r"half-way"):
        fail_half_way()

    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("deflate")]


def test_a_target_that_fails_is_heard() -> None:
    """A full disk is an error, not a truncated archive."""

    class Full(io.BytesIO):
        def write(self, _data: object, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left"):
        compress_to(Full())


def fail_half_way() -> None:
    with GzipWriter(io.BytesIO()) as writer:
        writer.write(bytes(20 * BLOCK))
        raise RuntimeError("half-way")


def compress_to(target: io.BytesIO) -> None:
    with GzipWriter(target) as writer:
        writer.write(bytes(BLOCK))
