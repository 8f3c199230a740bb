"""Tokens: how a login is made, and when the next one is due."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from wml_deployer import CloudCredentials, SoftwareCredentials
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._transport.pool import Transport
from wml_deployer._transport.responses import Response
from wml_deployer.errors import AuthenticationError, CredentialsError, InvalidResponseError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import ScriptedServer

AWKWARD = 'quote"back\\slash&=%+'


def token_of(seconds: float) -> str:
    """Make a token that lives so long."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + seconds}).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.sig"


def login(body: Callable[[], Any], status: str = "200 OK") -> Callable[[ssl.SSLSocket, bytes], None]:
    """Answer a login."""

    def answer(connection: ssl.SSLSocket, _: bytes) -> None:
        data = json.dumps(body()).encode()
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    return answer


def source(scripted: ScriptedServer, **secret: str) -> TokenSource:
    """Log in at the scripted server."""
    secret = secret or {"apikey": "k"}
    credentials = SoftwareCredentials(url=scripted.url, username="ana", **secret)
    return TokenSource(credentials, Transport(scripted.ca))


@pytest.mark.parametrize(("kind", "said"), [("apikey", "api_key"), ("password", "password")])
def test_secrets_are_escaped(kind: str, said: str, scripted: ScriptedServer) -> None:
    """Quotes and backslashes arrive as they are."""
    scripted.behaviours = [login(lambda: {"token": token_of(3600)})]
    source(scripted, **{kind: AWKWARD}).token()

    assert {"username": "ana", said: AWKWARD} == json.loads(scripted.requests[0].partition(b"\r\n\r\n")[2])


class Recorder(Transport):
    """Keeps what is sent, and answers with a token."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        super().__init__()
        self.sent: list[tuple[str, bytes]] = []

    def request(self, method: str, url: str, **options: Any) -> Response:
        """Note a request."""
        assert "POST" == method
        self.sent.append((url, options["body"].get_secret_value()))
        return Response(200, json.dumps({"access_token": "a", "token": "t"}).encode(), {}, url)


def test_a_form_is_escaped() -> None:
    """IBM Cloud's login takes a form: ampersands and percent signs in a key do not end it."""
    recorder = Recorder()
    TokenSource(CloudCredentials(url="eu-de", apikey=AWKWARD), recorder).token()

    assert [AWKWARD] == parse_qs(recorder.sent[0][1].decode())["apikey"]


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("eu-de", "https://iam.cloud.ibm.com/identity/token"),
        ("https://private.eu-de.ml.cloud.ibm.com", "https://iam.cloud.ibm.com/identity/token"),
        ("ca-tor", "https://iam.cloud.ibm.com/identity/token"),
        ("ap-south-1", "https://account-iam.platform.saas.ibm.com/api/2.0/apikeys/token"),
        ("us-gov", "https://dai.ibmforusgov.com/api/rest/mcsp/apikeys/token"),
    ],
)
def test_a_key_goes_to_the_login_service_of_its_platform(region: str, expected: str) -> None:
    """Each platform has accounts of its own; a key is shown to nobody else."""
    recorder = Recorder()
    TokenSource(CloudCredentials(url=region, apikey="k"), recorder).token()

    assert [expected] == [url for url, _ in recorder.sent]


def test_a_token_is_used_while_it_lives(scripted: ScriptedServer) -> None:
    """One login serves many calls."""
    scripted.behaviours = [login(lambda: {"token": token_of(3600)})]
    tokens = source(scripted)

    assert 1 == len({tokens.token() for _ in range(5)})
    assert 1 == len(scripted.requests)


def test_a_short_lived_token_is_renewed_before_it_ends(scripted: ScriptedServer) -> None:
    """Of a second's life, the last fifth is not used."""
    scripted.behaviours = [login(lambda: {"token": token_of(1)})]
    tokens = source(scripted)
    tokens.token()
    time.sleep(0.85)
    tokens.token()

    assert 2 == len(scripted.requests)


def test_threads_share_one_login(scripted: ScriptedServer) -> None:
    """Eight threads that start at once do not log in eight times."""
    scripted.behaviours = [login(lambda: {"token": token_of(3600)})]
    tokens = source(scripted)
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: tokens.token(), range(32)))

    assert (1, 1) == (len(found), len(scripted.requests))


def test_a_refused_key_is_no_secret_spilled(scripted: ScriptedServer) -> None:
    """Login services repeat what was sent: none of it stands in the error."""
    scripted.behaviours = [login(lambda: {"message": f"unknown key {AWKWARD}"}, "401 Unauthorized")]

    with pytest.raises(AuthenticationError) as caught:
        source(scripted, apikey=AWKWARD).token()

    assert AWKWARD not in str(caught.value)


def test_an_answer_without_a_token_is_refused(scripted: ScriptedServer) -> None:
    """A login page in between is no login."""
    scripted.behaviours = [login(lambda: {"page": "welcome"})]

    with pytest.raises(InvalidResponseError, match="without 'token'"):
        source(scripted).token()


def test_a_given_token_cannot_be_renewed() -> None:
    """There is nothing to make another one of."""
    credentials = SoftwareCredentials(url="https://cpd.example.com", token="t")

    assert not TokenSource(credentials, Transport()).renew_after_refusal("t")


def in_a_file(file: Path, seconds: float = 3600) -> str:
    """Write a token that lives so long into a file, and return it."""
    token = token_of(seconds)
    file.write_text(f"Bearer {token}\n")
    return token


def from_file(file: Path) -> TokenSource:
    """Take tokens from a file."""
    return TokenSource(SoftwareCredentials(url="https://cpd.example.com", token_file=file), Transport())


def test_a_file_of_a_token_is_read_again_before_the_token_ends(tmp_path: Path) -> None:
    """Whoever keeps the file puts a new one there in time."""
    in_a_file(tmp_path / "token", seconds=-1)
    tokens = from_file(tmp_path / "token")
    tokens.token()

    assert in_a_file(tmp_path / "token") == tokens.token()


def test_a_file_that_holds_another_token_renews_a_refused_one(tmp_path: Path) -> None:
    """What was revoked before its time is asked for once more."""
    refused = in_a_file(tmp_path / "token")
    tokens = from_file(tmp_path / "token")
    tokens.token()
    in_a_file(tmp_path / "token", seconds=7200)

    assert tokens.renew_after_refusal(refused)


def test_a_file_that_holds_the_refused_token_still_renews_nothing(tmp_path: Path) -> None:
    """Nobody sends it again in vain."""
    refused = in_a_file(tmp_path / "token")
    tokens = from_file(tmp_path / "token")
    tokens.token()

    assert not tokens.renew_after_refusal(refused)


@pytest.mark.parametrize("content", ["", "two\nlines"])
def test_a_file_without_a_token_is_refused(content: str, tmp_path: Path) -> None:
    """It is not sent as a header."""
    (tmp_path / "token").write_text(content)

    with pytest.raises(CredentialsError, match="does not contain a bearer token"):
        from_file(tmp_path / "token").token()


def test_a_file_of_a_token_that_is_gone_is_named(tmp_path: Path) -> None:
    """The error says which."""
    in_a_file(tmp_path / "token")
    tokens = from_file(tmp_path / "token")
    (tmp_path / "token").unlink()

    with pytest.raises(CredentialsError, match=str(tmp_path / "token")):
        tokens.token()
