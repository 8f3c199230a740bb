"""Sessions of the console, one-time links and tokens of forms; in memory, so a restart ends them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wml_deployer.server.clock import Clock

__all__ = ["LINK_LIFETIME", "SESSION_LIFETIME", "Sessions"]

LINK_LIFETIME = 3600
"""How long a link that nobody used is good for, in seconds."""
SESSION_LIFETIME = 12 * 3600
"""How long a session lasts, in seconds: as long as a bearer token."""


class Sessions:
    """The sessions of people in the console, and the links that open one.

    Args:
        clock: What time it is.

    """

    def __init__(self, clock: Clock) -> None:
        """Start without links and sessions."""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        # By their digests: how long a look-up takes tells nothing of a secret. Until when each is good.
        self._links: dict[bytes, float] = {}
        self._sessions: dict[bytes, float] = {}

    def link_token(self) -> str:
        """Return a new token that opens one session."""
        return self._issue(self._links, LINK_LIFETIME)

    def redeem(self, token: str) -> str | None:
        """Return a new session for the token of a link; None for one that is used, too old, or none."""
        expires = self._links.pop(_digest(token), 0.0)
        return self.open() if expires > self._now() else None

    def open(self) -> str:
        """Return a new session."""
        return self._issue(self._sessions, SESSION_LIFETIME)

    def knows(self, session: str) -> bool:
        """Tell whether this is a valid session."""
        return self._sessions.get(_digest(session), 0.0) > self._now()

    def close(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(session), None)

    @staticmethod
    def guest() -> str:
        """Return a new cookie for a browser without a session."""
        return secrets.token_urlsafe(32)

    def form_token(self, cookie: str) -> str:
        """Return the token that forms for the browser with this cookie carry."""
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    def gave(self, form_token: str, cookie: str) -> bool:
        """Tell whether a form's token belongs to the browser with this cookie."""
        return hmac.compare_digest(form_token.encode(), self.form_token(cookie).encode())

    def _issue(self, kept: dict[bytes, float], lifetime: int) -> str:
        now = self._now()
        for digest in [digest for digest, expires in kept.items() if expires <= now]:
            kept.pop(digest, None)
        secret = secrets.token_urlsafe(32)
        kept[_digest(secret)] = now + lifetime
        return secret

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
