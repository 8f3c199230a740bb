"""Sessions of the console, one-time sign-in links and form tokens; in memory, so a restart ends them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wml_deployer.server.clock import Clock

__all__ = ["LINK_LIFETIME", "SESSION_LIFETIME", "Sessions"]

LINK_LIFETIME = 3600
"""Lifetime of an unused link, in seconds."""
SESSION_LIFETIME = 12 * 3600
"""Lifetime of a session, in seconds; that of a bearer token."""


class Sessions:
    """The open sessions, and the links that open new ones.

    Args:
        clock: The clock of the service.

    """

    def __init__(self, clock: Clock) -> None:
        """Start without links and sessions."""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        # Digest to expiry. With digests, the time of a lookup reveals nothing about a secret.
        self._links: dict[bytes, float] = {}
        self._sessions: dict[bytes, float] = {}

    def link_token(self) -> str:
        """Return a new token that opens one session."""
        return self._issue(self._links, LINK_LIFETIME)

    def redeem(self, token: str) -> str | None:
        """Return a new session for the token of a link; None if it is unknown, used or expired."""
        expires = self._links.pop(_digest(token), 0.0)
        return self.open() if expires > self._now() else None

    def open(self) -> str:
        """Open a session."""
        return self._issue(self._sessions, SESSION_LIFETIME)

    def is_open(self, session: str) -> bool:
        """Return whether a session is open."""
        return self._sessions.get(_digest(session), 0.0) > self._now()

    def close(self, session: str) -> None:
        """Close a session."""
        self._sessions.pop(_digest(session), None)

    @staticmethod
    def guest() -> str:
        """Return a new cookie value for a browser without a session."""
        return secrets.token_urlsafe(32)

    def form_token(self, cookie: str) -> str:
        """Return the form token for the browser with this cookie."""
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, form_token: str, cookie: str) -> bool:
        """Return whether a form token belongs to the browser with this cookie."""
        return hmac.compare_digest(form_token.encode(), self.form_token(cookie).encode())

    def _issue(self, expiries: dict[bytes, float], lifetime: int) -> str:
        now = self._now()
        for digest in [digest for digest, expires in expiries.items() if expires <= now]:
            expiries.pop(digest, None)
        secret = secrets.token_urlsafe(32)
        expiries[_digest(secret)] = now + lifetime
        return secret

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
