"""Bearer tokens (signed JSON web tokens), the account that gets them, and the callers that they identify.

The signing key is stored in the folder: neither client logs in again after a 401, so a restart must not invalidate
issued tokens.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import jwt

from wml_deployer.server.errors import AuthenticationError

if TYPE_CHECKING:
    from jwt.types import Options

    from wml_deployer.server.clock import Clock
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["LIFETIME", "Account", "Caller", "Flavour", "Tokens", "signing_key"]

Flavour = Literal["software", "cloud"]
"""The platform that a caller takes the service for: Cloud Pak for Data software or IBM Cloud."""
_USER_IDS: dict[Flavour, str] = {"software": "1000330999", "cloud": "IBMid-270000LOCAL"}

LIFETIME = 12 * 3600
"""Lifetime of a token in seconds. The old client logs in before every call if less than 50 minutes are left."""

_AUDIENCE = "DSX"


@dataclass(frozen=True)
class Caller:
    """The caller of a request, as identified by the token.

    Attributes:
        username: User name of the account.
        flavour: The platform whose login issued the token; some responses depend on it.

    """

    username: str
    flavour: Flavour

    @property
    def user_id(self) -> str:
        """User id of the caller on this platform."""
        return _USER_IDS[self.flavour]


@dataclass(frozen=True)
class Account:
    """The only account of the service.

    Attributes:
        username: User name.
        apikey: API key, which is also the password.

    """

    username: str
    apikey: str

    def __repr__(self) -> str:
        """Show the name, never the key."""
        return f"Account(username={self.username!r})"

    def verify(self, secret: Any, username: Any | None = None) -> bool:
        """Return whether the secret, and the user name if given, are correct; takes constant time."""
        is_known = username is None or _equal(username, self.username)
        return _equal(secret, self.apikey) and is_known


class Tokens:
    """Issues and verifies tokens.

    Args:
        key: The signing key.
        clock: The clock of the service.

    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Start with an empty cache of verified tokens."""
        self._key, self._clock = key, clock
        # A client sends the same token with each request; verifying it takes a tenth of a short prediction's time.
        self._claims = lru_cache(maxsize=64)(self._decode)

    def issue(self, username: str, flavour: Flavour, *, lifetime: int = LIFETIME) -> tuple[str, int]:
        """Return a new token and its expiry, in epoch seconds."""
        now = int(self._clock.now().timestamp())
        user_id = Caller(username, flavour).user_id
        claims = {
            "username": username,
            "sub": username,
            "iss": "KNOXSSO" if flavour == "software" else "https://iam.cloud.ibm.com/identity",
            "aud": _AUDIENCE,
            "uid": user_id,
            "iam_id": user_id,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, "HS256"), now + lifetime

    def verify(self, authorization: str | None) -> Caller:
        """Return the caller of a request.

        Args:
            authorization: Authorization header of the request.

        Raises:
            AuthenticationError: The token is missing, was not issued here, or has expired.

        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthenticationError("The request has no bearer token.", code="authorization_missing")
        claims = self._claims(token.strip())
        if claims["exp"] <= self._clock.now().timestamp():
            raise AuthenticationError(
                "The bearer token has expired. Get a new one.", code="authentication_token_expired"
            )
        return Caller(claims["username"], "software" if claims["iss"] == "KNOXSSO" else "cloud")

    def _decode(self, token: str) -> dict[str, Any]:
        # Times are checked against the service's own clock, which a test may have moved.
        options: Options = {"verify_exp": False, "verify_iat": False}
        try:
            return jwt.decode(token, self._key, ["HS256"], options, audience=_AUDIENCE)
        except jwt.InvalidTokenError as error:
            raise AuthenticationError("The bearer token was not issued by this service.") from error


def signing_key(transaction: Transaction) -> bytes:
    """Return the signing key of the folder, creating it the first time."""
    kept = transaction.setting("signing_key")
    if kept is None:
        kept = secrets.token_hex(32)
        transaction.set_setting("signing_key", kept)
    return bytes.fromhex(kept)


def _equal(given: Any, wanted: str) -> bool:
    """Compare in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())
