"""Bearer tokens: signed JSON web tokens, which need no table, and the callers that they name.

The signing key is kept in the folder: neither client logs in again when it is refused, so a restart must not
invalidate the tokens that are out.
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
"""Which of the two platforms a caller takes this for."""
_USER_IDS: dict[Flavour, str] = {"software": "1000330999", "cloud": "IBMid-270000LOCAL"}

LIFETIME = 12 * 3600
"""How long a token lives, in seconds. The old client logs in before every call when it is under 50 minutes."""

_AUDIENCE = "DSX"


@dataclass(frozen=True)
class Caller:
    """The caller, as the token says.

    Attributes:
        username: The account's name.
        flavour: Where the token was got: Cloud Pak for Data software, or IBM Cloud. Answers differ a little by it.

    """

    username: str
    flavour: Flavour

    @property
    def user_id(self) -> str:
        """The caller's user id on its platform."""
        return _USER_IDS[self.flavour]


@dataclass(frozen=True)
class Account:
    """The one account of the service.

    Attributes:
        username: Its name.
        apikey: Its key, which is also its password.

    """

    username: str
    apikey: str

    def __repr__(self) -> str:
        """Show the name, never the key."""
        return f"Account(username={self.username!r})"

    def owns(self, secret: Any, username: Any | None = None) -> bool:
        """Tell whether the secret, and the name where one is given, are this account's; in constant time."""
        known = username is None or _same(username, self.username)
        return _same(secret, self.apikey) and known


class Tokens:
    """Issues and verifies tokens.

    Args:
        key: What signs them.
        clock: What time it is.

    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        """Issue tokens that are signed with this key."""
        self._key, self._clock = key, clock
        # A client sends the same token with each request; verifying it takes a tenth of a short prediction's time.
        self._claims = lru_cache(maxsize=64)(self._decode)

    def issue(self, username: str, flavour: Flavour, *, lifetime: int = LIFETIME) -> tuple[str, int]:
        """Return a new token and the second since the epoch at which it expires."""
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
        """Return who calls.

        Args:
            authorization: The request's Authorization header.

        Raises:
            AuthenticationError: There is none, it was not issued here, or it has expired.

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
    """Return the folder's signing key, making it the first time."""
    kept = transaction.setting("signing_key")
    if kept is None:
        kept = secrets.token_hex(32)
        transaction.keep("signing_key", kept)
    return bytes.fromhex(kept)


def _same(given: Any, wanted: str) -> bool:
    """Compare in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())
