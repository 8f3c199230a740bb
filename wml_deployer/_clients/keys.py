"""The API key out of the system's keyring, where the credentials name an entry instead of the key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import SecretStr

from wml_deployer.errors import ClientNotInstalledError, CredentialsError

if TYPE_CHECKING:
    from wml_deployer.credentials import CloudCredentials, SoftwareCredentials

__all__ = ["api_key"]

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
            next_step="pip install keyring",
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
        held = "an entry that is no key" if found else "no entry"
        raise CredentialsError(
            f"The system's keyring has {held} for {user!r} under {service!r}.", operation="log in", next_step=store
        )
    return found
