"""Bodies in other forms than JSON: compressed ones, no larger than what comes plain, and the fields of forms."""

from __future__ import annotations

import zlib
from urllib.parse import parse_qsl

from wml_deployer.server.errors import InvalidRequestError, TooLargeError, UnsupportedMediaTypeError

__all__ = ["form_fields", "plain_body"]

_GZIP_WINDOW = 31
_MOST_FIELDS = 20


def form_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a URL-encoded form, the first where one is repeated.

    Raises:
        InvalidRequestError: There are more than any form of this service has.

    Example:
        >>> form_fields(b"apikey=k3y&grant_type=")
        {'grant_type': '', 'apikey': 'k3y'}

    """
    text = body.decode("utf-8", errors="replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidRequestError(f"The form has more than {_MOST_FIELDS} fields.") from error
    return dict(reversed(pairs))


def plain_body(body: bytes, coding: str, limit: int) -> bytes:
    """Return a body without its content coding.

    Args:
        body: The bytes as they came.
        coding: What ``Content-Encoding`` says; nothing for a plain body.
        limit: The most bytes that the plain body may have.

    Raises:
        UnsupportedMediaTypeError: The coding is not gzip; the answer says what is.
        TooLargeError: The plain body is too large.
        InvalidRequestError: The body is not what its coding says.

    """
    if coding.lower() in {"", "identity"}:
        return body
    if coding.lower() != "gzip":
        raise UnsupportedMediaTypeError(
            f"A body in the coding {coding!r} is not read here.", headers={"Accept-Encoding": "gzip"}
        )
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidRequestError(f"The body is no gzip stream: {error}.") from error
    if len(plain) > limit:
        raise TooLargeError(f"The request is larger than {limit} bytes, which is the most this service takes.")
    if not inflater.eof:
        raise InvalidRequestError("The body is a gzip stream that is cut off.")
    return plain
