"""Bearer tokens: signed JSON web tokens, verified without any table.

The signing key is kept in the folder: neither client logs in again when it is refused, so a restart must not
invalidate the tokens that are out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.http.caller import Caller

if TYPE_CHECKING:
    from wml_deployer.server.clock import Clock
    from wml_deployer.server.http.caller import Flavour
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["LIFETIME", "Account", "Tokens", "signing_key"]

LIFETIME = 12 * 3600
"""How long a token lives, in seconds. The old client logs in before every call when it is under 50 minutes."""

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


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

    def issue(self, username: str, flavour: Flavour, *, lifetime: int = LIFETIME) -> tuple[str, int]:
        """Return a new token and the second since the epoch at which it expires."""
        now = int(self._clock.now().timestamp())
        user_id = Caller(username, flavour).user_id
        claims = {
            "username": username,
            "sub": username,
            "iss": "KNOXSSO" if flavour == "software" else "https://iam.cloud.ibm.com/identity",
            "aud": "DSX",
            "uid": user_id,
            "iam_id": user_id,
            "iat": now,
            "exp": now + lifetime,
        }
        signed = f"{_HEADER}.{_encode(orjson.dumps(claims))}"
        return f"{signed}.{self._signature(signed)}", now + lifetime

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

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        if not _same(signature, self._signature(signed)):
            raise AuthenticationError("The bearer token was not issued by this service.")
        payload = signed.partition(".")[2]
        claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims

    def _signature(self, signed: str) -> str:
        return _encode(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def signing_key(transaction: Transaction) -> bytes:
    """Return the folder's signing key, making it the first time."""
    kept = transaction.setting("signing_key")
    if kept is None:
        kept = secrets.token_hex(32)
        transaction.keep("signing_key", kept)
    return bytes.fromhex(kept)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _same(given: Any, wanted: str) -> bool:
    """Compare in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())
