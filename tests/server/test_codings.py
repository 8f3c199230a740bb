"""Request bodies that come compressed."""

from __future__ import annotations

import gzip

import pytest

from wml_deployer.server.errors import InvalidRequestError, TooLargeError, UnsupportedMediaTypeError
from wml_deployer.server.http.codings import plain_body

BODY = b'{"input_data":[]}'


@pytest.mark.parametrize("coding", ["", "identity"])
def test_a_plain_body_stays(coding: str) -> None:
    """No coding is none."""
    assert BODY == plain_body(BODY, coding, 100)


@pytest.mark.parametrize("coding", ["gzip", "GZIP"])
def test_gzip_is_undone(coding: str) -> None:
    """Codings are the same in any case."""
    assert BODY == plain_body(gzip.compress(BODY), coding, 100)


def test_another_coding_is_refused_with_what_is_read() -> None:
    """RFC 9110: the answer's Accept-Encoding tells what may come."""
    with pytest.raises(UnsupportedMediaTypeError, match="'br'") as caught:
        plain_body(BODY, "br", 100)

    assert (415, {"Accept-Encoding": "gzip"}) == (caught.value.status, caught.value.headers)


def test_a_small_body_that_becomes_large_is_refused() -> None:
    """The limit is that of the plain body, and nothing beyond it is written down."""
    with pytest.raises(TooLargeError):
        plain_body(gzip.compress(bytes(10_000_000)), "gzip", 1_000)


@pytest.mark.parametrize("body", [BODY, gzip.compress(BODY)[:-9]], ids=["plain", "cut off"])
def test_what_is_no_whole_gzip_stream_is_refused(body: bytes) -> None:
    """A body that is not what its header says is the caller's mistake."""
    with pytest.raises(InvalidRequestError, match="gzip stream"):
        plain_body(body, "gzip", 100)
