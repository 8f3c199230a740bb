"""Signed URLs, which give access to one content without a token, to read it or to write it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import jwt

from wml_deployer.server.errors import ForbiddenError

if TYPE_CHECKING:
    from jwt.types import Options

    from wml_deployer.server.clock import Clock

__all__ = ["SIGNED_PATH", "Grant", "Signatures"]

SIGNED_PATH = "/v2/asset_files"
"""Below what signed URLs are."""

_LIFETIME = 3600
_AUDIENCE = "asset_files"


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
        """Sign with this key; the audience keeps signed URLs apart from bearer tokens, which the same key signs."""
        self._key, self._clock = key, clock

    def seal(self, grant: Grant) -> str:
        """Return the part of a URL that gives this access for an hour."""
        claims = {**asdict(grant), "aud": _AUDIENCE, "exp": int(self._clock.now().timestamp()) + _LIFETIME}
        return jwt.encode(claims, self._key, "HS256")

    def open(self, sealed: str, *, writing: bool) -> Grant:
        """Verify a part of a URL, and return the access that it gives.

        Args:
            sealed: The last part of the URL.
            writing: Whether it is used to write, or else to read.

        Raises:
            ForbiddenError: None, or none any more, or not for this.

        """
        # The expiry is checked against the service's own clock, which a test may have moved.
        options: Options = {"verify_exp": False}
        try:
            fields = jwt.decode(sealed, self._key, ["HS256"], options, audience=_AUDIENCE)
        except jwt.InvalidTokenError as error:
            raise ForbiddenError("The URL was not signed by this service.", code="signed_url_not_valid") from error
        if fields.pop("exp") <= self._clock.now().timestamp():
            raise ForbiddenError("The signed URL has expired. Ask for a new one.", code="signed_url_expired")
        del fields["aud"]
        grant = Grant(**fields)
        if grant.writing != writing:
            use = "write" if grant.writing else "read"
            raise ForbiddenError(f"The signed URL was given out to {use} the content.", code="signed_url_not_valid")
        return grant
