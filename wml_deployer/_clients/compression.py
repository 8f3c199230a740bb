"""Request bodies that travel compressed, where the service takes that.

Nobody says beforehand whether it does. A service that knows the coding not answers 415, one that does not look at it
takes the body for broken JSON and answers 400: then the body goes plain, and so does every later one.
"""

from __future__ import annotations

import logging
import threading
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._transport.responses import Response

__all__ = ["Compression"]

_log = logging.getLogger(__name__)

_GZIP_WINDOW = 31
_LEVEL = 1
_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE})
_SUCCESS = range(200, 300)


class Compression:
    """Knows of one service whether it takes gzip; safe to share between threads."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._taken: bool | None = None
        self._lock = threading.Lock()

    def send(self, send: Callable[[bytes, dict[str, str]], Response], body: bytes) -> Response:
        """Send a body compressed, or plain where the service does not take that.

        Args:
            send: Sends bytes with these headers, and returns the answer.
            body: The plain bytes.

        """
        if self._taken is False:
            return send(body, {})
        deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        response = send(deflater.compress(body) + deflater.flush(), {"Content-Encoding": "gzip"})
        if self._taken or response.status not in _REFUSALS:
            self._learn(taken=response.status in _SUCCESS)
            return response
        plain = send(body, {})
        # Where the plain body is refused as well, it was not for its coding.
        self._learn(refused=plain.status in _SUCCESS)
        return plain

    def _learn(self, *, taken: bool = False, refused: bool = False) -> None:
        with self._lock:
            if taken:
                self._taken = True
            elif refused and self._taken is None:
                self._taken = False
                _log.info("The service takes no compressed bodies; they go plain.")
