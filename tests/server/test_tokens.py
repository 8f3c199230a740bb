"""Tokens: got on both platforms, signed, expiring, and nobody else's."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import Client
from wml_deployer.server.clock import Clock
from wml_deployer.server.errors import AuthenticationError
from wml_deployer.server.http.tokens import Account, Tokens

if TYPE_CHECKING:
    from wml_deployer.testing import LocalServer


def part(value: Any) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_the_key_is_the_password_too(client: Client, server: LocalServer) -> None:
    """Clients that know a password only get in as well."""
    answer = client.log_in(username=server.info.username, password=server.info.apikey)

    assert 200 == client("GET", "/v2/spaces", token=answer.json["token"]).status


@pytest.mark.parametrize(
    "secrets", [{"username": "admin", "api_key": "wrong"}, {"username": "root"}, {"username": "admin"}, {"api_key": ""}]
)
def test_a_wrong_login_is_refused(secrets: dict[str, str], client: Client) -> None:
    """401, whatever it is that is wrong."""
    assert 401 == client.log_in(**secrets).status


def test_a_wrong_key_is_refused_as_the_identity_service_does(client: Client) -> None:
    """IBM Cloud's identity service has its own kind of error body."""
    answer = client.exchange("wrong")

    assert (400, "BXNIM0415E") == (answer.status, answer.json["errorCode"])


def test_a_token_lives_twelve_hours_and_names_no_instance(client: Client) -> None:
    """The old client logs in before every call when it is under 50 minutes, and fails on an instance."""
    payload = claims(client.token)

    assert 12 * 3600 == payload["exp"] - payload["iat"]
    assert "instanceId" not in payload


def test_an_expired_token_is_refused(server: LocalServer) -> None:
    """With a code of its own."""
    client = Client(server)
    server.advance_clock(12 * 3600 + 1)
    answer = client("GET", "/v2/spaces")
    server.restore_clock()
    client.close()

    assert (401, "authentication_token_expired") == (answer.status, answer.code)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Basic YWRtaW46eA==",
        "Bearer ..",
        "Bearer é.é.é",
        "Bearer a b c",
    ],
)
def test_what_is_no_token_is_refused(authorization: str, client: Client) -> None:
    """401, and the text is where the old client looks for it."""
    answer = client("GET", "/v2/spaces", token="", headers={"authorization": authorization.encode().decode("latin-1")})

    assert 401 == answer.status
    assert answer.message


def test_a_token_that_signs_nothing_is_refused(client: Client) -> None:
    """The algorithm is the service's to choose."""
    forged = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({**claims(client.token), 'username': 'root'})}."

    assert 401 == client("GET", "/v2/spaces", token=forged).status


def test_a_changed_token_is_refused(client: Client) -> None:
    """The signature is over the claims."""
    header, _, signature = client.token.split(".")
    forged = f"{header}.{part({**claims(client.token), 'exp': 2**40})}.{signature}"

    assert 401 == client("GET", "/v2/spaces", token=forged).status


def test_another_folders_token_is_refused() -> None:
    """Each folder has its own signing key."""
    clock = Clock()
    token, _ = Tokens(bytes(32), clock).issue("admin", "software")

    with pytest.raises(AuthenticationError):
        Tokens(bytes([1] * 32), clock).verify(f"Bearer {token}")


@pytest.mark.parametrize("flavour", ["software", "cloud"])
def test_a_token_says_where_it_was_got(flavour: Any) -> None:
    """The answers that it gets depend on it."""
    tokens = Tokens(bytes(32), Clock())
    token, expires = tokens.issue("admin", flavour)

    caller = tokens.verify(f"Bearer {token}")

    assert ("admin", flavour) == (caller.username, caller.flavour)
    assert expires > time.time()


def test_no_secret_is_in_a_representation(server: LocalServer) -> None:
    """Neither the account nor what tells how to reach the service shows the key."""
    key = server.info.apikey

    assert key not in repr(Account("admin", key)) + repr(server.info) + repr(server._server._settings)
