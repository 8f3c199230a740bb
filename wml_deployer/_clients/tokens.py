"""Bearer tokens: fetched with the user's key, renewed before they expire.

IBM's clients paste secrets into requests without escaping them (one of them sends a password to a guessed host as
well), do not log in again after a 401 and, the older one, break on tokens that live less than 50 minutes. So the
login is made here, over the same verified transport as every other call, and both clients are handed a ready token.
"""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from wml_deployer._transport.responses import checked
from wml_deployer.credentials import CloudCredentials, SoftwareCredentials
from wml_deployer.errors import AuthenticationError, InvalidResponseError
from wml_deployer.regions import find_region

if TYPE_CHECKING:
    from pydantic import SecretStr

    from wml_deployer._transport.pool import Transport

__all__ = ["TokenSource"]

IAM_URL = "https://iam.cloud.ibm.com/identity/token"
_ACCOUNT_URLS = {
    "aws.wxai.ibm.com": "https://account-iam.platform.saas.ibm.com/api/2.0/apikeys/token",
    "ibmforusgov.com": "https://dai.ibmforusgov.com/api/rest/mcsp/apikeys/token",
}
LONGEST_MARGIN_SECONDS = 300.0
MARGIN_OF_LIFE = 0.2


class TokenSource:
    """Hands out a token that is valid for a while yet; safe to share between threads.

    Args:
        credentials: What to log in with.
        transport: What to ask through.

    """

    def __init__(self, credentials: CloudCredentials | SoftwareCredentials, transport: Transport) -> None:
        """Fetch nothing yet."""
        self._credentials = credentials
        self._transport = transport
        self._lock = threading.Lock()
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

    def renewed(self, refused: str) -> bool:
        """Say whether another token than the refused one is at hand, after logging in again where that is possible."""
        with self._lock:
            if self._credentials.token is not None:
                return False
            if self._token == refused:
                self._renew()
            return True

    def user_id(self) -> str | None:
        """Return the id that the spaces know the caller by, where the token says it."""
        claims = _claims(self.token())
        # IBM Cloud says the first, Cloud Pak for Data the second.
        found = claims.get("iam_id") or claims.get("uid")
        return None if found is None else str(found)

    def _renew(self) -> None:
        given = self._credentials.token
        self._token = given.get_secret_value() if given else self._login()
        self._renew_at = float("inf") if given else _renewal_time(self._token)

    def _login(self) -> str:
        if isinstance(self._credentials, CloudCredentials):
            return self._login_cloud(self._credentials)
        return self._login_software(self._credentials)

    def _login_cloud(self, credentials: CloudCredentials) -> str:
        account_url = _account_url(credentials.url)
        if account_url is not None:
            body = orjson.dumps({"apikey": _secret(credentials.apikey)})
            return self._ask(account_url, "application/json", body, "token")
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": _secret(credentials.apikey)}
        return self._ask(IAM_URL, "application/x-www-form-urlencoded", urlencode(form).encode(), "access_token")

    def _login_software(self, credentials: SoftwareCredentials) -> str:
        by_key = credentials.apikey is not None
        secret = {"api_key": _secret(credentials.apikey)} if by_key else {"password": _secret(credentials.password)}
        body = orjson.dumps({"username": credentials.username, **secret})
        url = f"{str(credentials.url).rstrip('/')}/icp4d-api/v1/authorize"
        return self._ask(url, "application/json", body, "token")

    def _ask(self, url: str, content_type: str, body: bytes, key: str) -> str:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        answer = self._transport.request("POST", url, headers=headers, body=body, repeatable=True)
        if answer.status in {400, 401, 403}:
            # The login service's words may repeat what was sent: they stay out of the message.
            raise AuthenticationError(
                f"{url} does not accept the API key or password.",
                operation="log in",
                status=answer.status,
                next_step="Check the key in the credentials: it may be mistyped, deleted, or of another account.",
            )
        document = checked(answer, "log in").json()
        if not isinstance(document, dict) or not isinstance(document.get(key), str):
            raise InvalidResponseError(f"{url} answered without {key!r}.", operation="log in")
        return str(document[key])


def _account_url(url: str) -> str | None:
    """Return where keys of regions outside of IBM's own data centres become tokens; ``None`` for the others.

    A key of one platform is never sent to the login service of another. The addresses are those of IBM's newer client
    (``HrefDefinitions.get_aws_token_url``).
    """
    region = find_region(url)
    return None if region is None else _ACCOUNT_URLS.get(region.platform)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def _renewal_time(token: str) -> float:
    """Return when to log in again, in seconds since the epoch: a fifth of the token's life before it ends."""
    try:
        expires = float(_claims(token)["exp"])
    except (KeyError, TypeError, ValueError):
        # An opaque token says nothing of its end: a 401 will.
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
