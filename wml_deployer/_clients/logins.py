"""Log in: turn a key or password into a token at the login service of the platform.

IBM's clients paste secrets into requests without escaping them, and one of them sends a password to a guessed host as
well. So the login is made here, over the same verified transport as every other call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
from pydantic import SecretBytes, SecretStr

from wml_deployer._transport.responses import checked
from wml_deployer.credentials import CloudCredentials
from wml_deployer.credentials._regions import find_region
from wml_deployer.errors import AuthenticationError, ClientNotInstalledError, CredentialsError, InvalidResponseError

if TYPE_CHECKING:
    from wml_deployer._transport.pool import Transport
    from wml_deployer.credentials import SoftwareCredentials

__all__ = ["api_key", "log_in"]

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
        return _ask(transport, account_url, _JSON, SecretBytes(orjson.dumps({"apikey": _plain(key)})), "token")
    grant = "urn:ibm:params:oauth:grant-type:apikey"
    form = SecretBytes(urlencode({"grant_type": grant, "apikey": _plain(key)}).encode())
    return _ask(transport, _IAM_URL, _FORM, form, "access_token")


def _on_software(credentials: SoftwareCredentials, key: SecretStr | None, transport: Transport) -> str:
    name, secret = ("password", credentials.password) if key is None else ("api_key", key)
    body = SecretBytes(orjson.dumps({"username": credentials.username, name: _plain(secret)}))
    return _ask(transport, f"{credentials.url}/icp4d-api/v1/authorize", _JSON, body, "token")


def _plain(secret: SecretStr | None) -> str:
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
        held = "an entry that is no key" if found else "no entry"
        raise CredentialsError(
            f"The system's keyring has {held} for {user!r} under {service!r}.", operation="log in", next_step=store
        )
    return found
