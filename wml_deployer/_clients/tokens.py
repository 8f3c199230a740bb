"""Bearer tokens: taken from where the credentials say, renewed before they expire.

IBM's clients do not log in again after a 401 and, the older one, break on tokens that live less than 50 minutes. So
both are handed a ready token from here.
"""

from __future__ import annotations

import base64
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import orjson

from wml_deployer._clients.logins import api_key, log_in
from wml_deployer._transport.deadline import acquire
from wml_deployer.errors import CredentialsError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from wml_deployer._transport.pool import Transport
    from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

__all__ = ["TokenSource"]

LONGEST_MARGIN_SECONDS = 300.0
MARGIN_OF_LIFE = 0.2


class TokenSource:
    """Hands out a token that is valid for a while yet; safe to share between threads, and across a fork.

    Args:
        credentials: What to log in with.
        transport: What to ask through.

    Raises:
        CredentialsError: The keyring that they name has no such key.

    """

    def __init__(self, credentials: CloudCredentials | SoftwareCredentials, transport: Transport) -> None:
        """Fetch no token yet."""
        self._credentials = credentials
        self._transport = transport
        self._key = api_key(credentials)
        self._lock = ForkSafeLock()
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """Return a valid token, logging in when there is none or it is about to expire.

        Raises:
            AuthenticationError: The service does not accept the key or password.

        """
        with self._lock:
            if not self._token or time.time() >= self._renew_at:
                self._renew()
            return self._token

    def renew_after_refusal(self, refused: str) -> bool:
        """Fetch a new token if ``refused`` is still the current one. Return whether a retry makes sense."""
        with self._lock:
            if self._token in {"", refused}:
                self._renew()
            # A fresh login is always worth one retry, even if it returned the same token.
            return self._logs_in or self._token != refused

    def user_id(self) -> str | None:
        """Return the id that the spaces know the caller by, where the token says it."""
        claims = _claims(self.token())
        # IBM Cloud says the first, Cloud Pak for Data the second.
        found = claims.get("iam_id") or claims.get("uid")
        return None if found is None else str(found)

    @property
    def _logs_in(self) -> bool:
        return self._credentials.token is None and self._credentials.token_file is None

    def _renew(self) -> None:
        given, file = self._credentials.token, self._credentials.token_file
        if given is not None:
            self._token, self._renew_at = given.get_secret_value(), float("inf")
            return
        token = _read(file) if file is not None else log_in(self._credentials, self._key, self._transport)
        self._token, self._renew_at = token, _renewal_time(token)


def _read(file: Path) -> str:
    """Return the token in a file, which whoever wrote it replaces from time to time."""
    try:
        token = file.read_text(encoding="utf-8").strip().removeprefix("Bearer ").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(
            f"The token in {file} cannot be read: {error}",
            operation="log in",
            next_step="Check token_file in the credentials: it names a text file that you may read.",
        ) from error
    if not re.fullmatch(r"[!-~]+", token):
        raise CredentialsError(
            f"{file} does not contain a bearer token.",
            operation="log in",
            next_step="Write only the token to that file, or use an API key.",
        )
    return token


def _renewal_time(token: str) -> float:
    """Return when to renew, in epoch seconds: a fifth of the remaining life before expiry, but at most five minutes."""
    try:
        expires = float(_claims(token)["exp"])
    except (KeyError, TypeError, ValueError):
        # An opaque token has no readable expiry; we find out from a 401.
        return float("inf")
    return expires - min(LONGEST_MARGIN_SECONDS, MARGIN_OF_LIFE * max(expires - time.time(), 0.0))


def _claims(token: str) -> dict[str, Any]:
    """Return what a token says; nothing where it is opaque."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


_locks: WeakSet[ForkSafeLock] = WeakSet()


class ForkSafeLock:
    """A lock for state that is right at every moment: a forked child goes on with it, and with a lock of its own.

    Example:
        >>> with ForkSafeLock() as lock:
        ...     lock is not None
        True

    """

    def __init__(self) -> None:
        """Make it free."""
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> Self:
        """Wait for it, no longer than the deadline allows."""
        acquire(self._lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self._lock.release()

    def renew(self) -> None:
        """Make it free, whoever held it."""
        self._lock = threading.Lock()


def _renew_all() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
