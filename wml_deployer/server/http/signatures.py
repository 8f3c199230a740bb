"""Signed URLs, which grant access to one content without a bearer token, either to read it or to write it."""

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
"""Prefix of signed URLs."""

_LIFETIME = 3600
_AUDIENCE = "asset_files"


@dataclass(frozen=True)
class Grant:
    """The access that a signed URL grants.

    Attributes:
        kind: Kind of the record.
        id: Id of the record.
        slot: Slot of the content.
        number: Number of the revision; 0 for the current state.
        writing: Whether the URL is for uploading, else for downloading.

    """

    kind: str
    id: str
    slot: str
    number: int = 0
    writing: bool = False


class Signatures:
    """Signs and verifies the last part of signed URLs, a JSON web token.

    Args:
        key: The signing key.
        clock: The clock of the service.

    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Sign with this key; the audience keeps signed URLs apart from bearer tokens, which the same key signs."""
        self._key, self._clock = key, clock

    def sign(self, grant: Grant) -> str:
        """Return the last part of a URL that grants this access for an hour."""
        claims = {**asdict(grant), "aud": _AUDIENCE, "exp": int(self._clock.now().timestamp()) + _LIFETIME}
        return jwt.encode(claims, self._key, "HS256")

    def verify(self, token: str, *, writing: bool) -> Grant:
        """Verify the last part of a URL, and return the access that it grants.

        Args:
            token: The last part of the URL.
            writing: Whether the request is an upload, else a download.

        Raises:
            ForbiddenError: It was not signed here, has expired, or is for the other direction.

        """
        # The expiry is checked against the service's own clock, which a test may have moved.
        options: Options = {"verify_exp": False}
        try:
            fields = jwt.decode(token, self._key, ["HS256"], options, audience=_AUDIENCE)
        except jwt.InvalidTokenError as error:
            raise ForbiddenError("The URL was not signed by this service.", code="signed_url_not_valid") from error
        if fields.pop("exp") <= self._clock.now().timestamp():
            raise ForbiddenError("The signed URL has expired. Ask for a new one.", code="signed_url_expired")
        del fields["aud"]
        grant = Grant(**fields)
        if grant.writing != writing:
            use = "write" if grant.writing else "read"
            raise ForbiddenError(f"The signed URL is valid only to {use} the content.", code="signed_url_not_valid")
        return grant
