"""Bearer tokens: made from a key or password at the platform's login service, or given, and renewed before they expire.

IBM's clients do not log in again after a 401 and, the older one, break on tokens that live less than 50 minutes. They
paste secrets into requests without escaping them, and one of them sends a password to a guessed host as well. So
logging in is done here, over the same verified transport as every other call, and both clients are handed a ready
token.
"""

from __future__ import annotations

import base64
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from weakref import WeakSet

import orjson
from pydantic import SecretBytes, SecretStr

from wml_deployer._transport.deadline import acquire
from wml_deployer._transport.responses import checked
from wml_deployer.credentials import CloudCredentials
from wml_deployer.credentials._regions import find_region
from wml_deployer.errors import AuthenticationError, ClientNotInstalledError, CredentialsError, InvalidResponseError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from wml_deployer._transport.pool import Transport
    from wml_deployer.credentials import SoftwareCredentials

__all__ = ["TokenSource", "api_key", "log_in"]

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

    def task_credentials(self) -> SecretBytes | None:
        """Return the request body that gives the key to IBM Cloud for its jobs; ``None`` where there is no key."""
        if self._key is None:
            return None
        return SecretBytes(
            orjson.dumps(
                {
                    "name": "wml_deployer",
                    "description": "Lets IBM Cloud run deployment jobs.",
                    "type": "iam_api_key",
                    "secret": {"api_key": _unwrap(self._key)},
                }
            )
        )

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
    """Return the token in a file, which its owner replaces from time to time."""
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
    """A lock for state that is consistent at any time: a forked child keeps the state, and gets a lock of its own.

    Example:
        >>> with ForkSafeLock() as lock:
        ...     lock is not None
        True

    """

    def __init__(self) -> None:
        """Create a free lock."""
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> Self:
        """Wait for it, no longer than the deadline allows."""
        acquire(self._lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it."""
        self._lock.release()

    def renew(self) -> None:
        """Replace the lock by a free one."""
        self._lock = threading.Lock()


def _renew_all() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)


_IAM_URL = "https://iam.cloud.ibm.com/identity/token"
_ACCOUNT_URLS = {
    "aws.wxai.ibm.com": "https://account-iam.platform.saas.ibm.com/api/2.0/apikeys/token",
    "ibmforusgov.com": "https://dai.ibmforusgov.com/api/rest/mcsp/apikeys/token",
}
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


def log_in(credentials: CloudCredentials | SoftwareCredentials, key: SecretStr | None, transport: Transport) -> str:
    """Return a new token.

    Args:
        credentials: Where to log in, and as whom.
        key: The API key; ``None`` to log in with the password.
        transport: What to ask through.

    Raises:
        AuthenticationError: The key or password is not accepted.

    """
    if not isinstance(credentials, CloudCredentials):
        return _on_software(credentials, key, transport)
    account_url = _account_url(credentials.url)
    if account_url is not None:
        return _ask(transport, account_url, _JSON, SecretBytes(orjson.dumps({"apikey": _unwrap(key)})), "token")
    grant = "urn:ibm:params:oauth:grant-type:apikey"
    form = SecretBytes(urlencode({"grant_type": grant, "apikey": _unwrap(key)}).encode())
    return _ask(transport, _IAM_URL, _FORM, form, "access_token")


def _on_software(credentials: SoftwareCredentials, key: SecretStr | None, transport: Transport) -> str:
    name, secret = ("password", credentials.password) if key is None else ("api_key", key)
    body = SecretBytes(orjson.dumps({"username": credentials.username, name: _unwrap(secret)}))
    return _ask(transport, f"{credentials.url}/icp4d-api/v1/authorize", _JSON, body, "token")


def _unwrap(secret: SecretStr | None) -> str:
    """Unwrap a secret where it is written into a request: nowhere else, so that no traceback shows it."""
    return "" if secret is None else secret.get_secret_value()


def _ask(transport: Transport, url: str, content_type: str, body: SecretBytes, key: str) -> str:
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    answer = transport.request("POST", url, headers=headers, body=body, repeatable=True)
    if answer.status in {400, 401, 403}:
        # The login service's words may repeat what was sent: they stay out of the message.
        raise AuthenticationError(
            f"{url} does not accept the API key or password.",
            operation="log in",
            status=answer.status,
            next_step="Check the key in the credentials: it may be mistyped, deleted, or of another account.",
        )
    document = checked(answer, "log in").document()
    if not isinstance(document.get(key), str):
        raise InvalidResponseError(f"{url} answered without {key!r}.", operation="log in")
    return str(document[key])


def _account_url(url: str) -> str | None:
    """Return where keys of regions outside of IBM's own data centres become tokens; ``None`` for the others.

    A key of one platform is never sent to the login service of another. The addresses are those of IBM's newer client
    (``HrefDefinitions.get_aws_token_url``).
    """
    region = find_region(url)
    return None if region is None else _ACCOUNT_URLS.get(region.platform)


# Whom the entry belongs to where the credentials name no user.
_NOBODY = "apikey"


def api_key(credentials: CloudCredentials | SoftwareCredentials) -> SecretStr | None:
    """Return the key of the credentials, or of the keyring that they name; ``None`` where they sign in without one.

    Raises:
        ClientNotInstalledError: The package ``keyring`` is not installed.
        CredentialsError: The keyring cannot be opened, or has no such entry.

    """
    if credentials.apikey is not None:
        return credentials.apikey
    if credentials.keyring is None:
        return None
    return _from_keyring(credentials.keyring, getattr(credentials, "username", None) or _NOBODY)


def _from_keyring(service: str, user: str) -> SecretStr:
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError as error:
        raise ClientNotInstalledError(
            "The credentials name an entry of the system's keyring, and the package for it is not installed.",
            operation="log in",
            next_step="Install it: pip install keyring",
        ) from error
    store = f'keyring set "{service}" "{user}"'
    try:
        found = SecretStr((keyring.get_password(service, user) or "").strip())
    except KeyringError as error:
        raise CredentialsError(
            f"The system's keyring cannot be read: {error}",
            operation="log in",
            next_step=f"Unlock it, or choose a backend that works here: keyring --list-backends; then {store}",
        ) from error
    if not re.fullmatch(r"[!-~]+", found.get_secret_value()):
        held = "an entry that is not a key" if found else "no entry"
        raise CredentialsError(
            f"The system's keyring has {held} for {user!r} under {service!r}.", operation="log in", next_step=store
        )
    return found
