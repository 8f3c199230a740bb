"""Signed URLs, which give access to one content without a token, to read it or to write it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from wml_deployer.server.errors import ForbiddenError

if TYPE_CHECKING:
    from wml_deployer.server.clock import Clock

__all__ = ["Grant", "Signatures"]

_LIFETIME = 3600
_BYTES = 32


@dataclass(frozen=True)
class Grant:
    """What a signed URL gives access to.

    Attributes:
        kind: Kind of the record.
        id: Its id.
        slot: Which of its contents.
        number: Which of its revisions; 0 is what it is now.
        writing: Whether the content may be written, or else read.

    """

    kind: str
    id: str
    slot: str
    number: int = 0
    writing: bool = False


class Signatures:
    """Makes and reads the last part of signed URLs.

    Args:
        key: What signs them.
        clock: What time it is.

    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Keep the key for this purpose apart from the one for tokens, which is derived from the same secret."""
        self._key = hmac.digest(key, b"signed urls", hashlib.sha256)
        self._clock = clock

    def seal(self, grant: Grant) -> str:
        """Return the part of a URL that gives this access for an hour."""
        expires = int(self._clock.now().timestamp()) + _LIFETIME
        content = orjson.dumps({**asdict(grant), "exp": expires})
        return base64.urlsafe_b64encode(self._sign(content) + content).rstrip(b"=").decode()

    def open(self, sealed: str, *, writing: bool) -> Grant:
        """Verify a part of a URL, and return the access that it gives.

        Args:
            sealed: The last part of the URL.
            writing: Whether it is used to write, or else to read.

        Raises:
            ForbiddenError: None, or none any more, or not for this.

        """
        try:
            content = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError as error:
            raise _refusal() from error
        if not hmac.compare_digest(content[:_BYTES], self._sign(content[_BYTES:])):
            raise _refusal()
        fields = orjson.loads(content[_BYTES:])
        if fields.pop("exp") <= self._clock.now().timestamp():
            raise ForbiddenError("The signed URL has expired. Ask for a new one.", code="signed_url_expired")
        grant = Grant(**fields)
        if grant.writing != writing:
            use = "write" if grant.writing else "read"
            raise ForbiddenError(f"The signed URL was given out to {use} the content.", code="signed_url_not_valid")
        return grant

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


def _refusal() -> ForbiddenError:
    return ForbiddenError("The URL was not signed by this service.", code="signed_url_not_valid")
