"""The API key out of the system's keyring: a real backend, in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoBackend
from pydantic import SecretStr
from typing_extensions import override

from wml_deployer import CloudCredentials, SoftwareCredentials
from wml_deployer._clients.tokens import TokenSource, api_key
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import ClientNotInstalledError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class InMemory(KeyringBackend):
    """Keeps entries as long as it lives."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    @override
    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    @override
    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    @override
    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture(autouse=True)
def backend() -> Iterator[InMemory]:
    """Let an empty keyring be the system's."""
    before, backend = keyring.get_keyring(), InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


CLOUD = CloudCredentials(url="eu-de", keyring="churn")
SOFTWARE = SoftwareCredentials(url="https://cpd.example.com", keyring="churn", username="ana")


@pytest.mark.parametrize(("credentials", "user"), [(CLOUD, "apikey"), (SOFTWARE, "ana")])
def test_the_key_is_that_of_the_keyring(credentials: Any, user: str) -> None:
    """On a Cloud Pak it belongs to the user, in the cloud to nobody in particular."""
    keyring.set_password("churn", user, "jD3-kept")

    assert SecretStr("jD3-kept") == api_key(credentials)


def test_a_missing_entry_is_made_by_the_command_of_the_message() -> None:
    """What it says can be pasted into a shell; nobody was asked anything."""
    with pytest.raises(CredentialsError, match='keyring set "churn" "ana"'):
        TokenSource(SOFTWARE, Transport())


def test_a_backend_that_fails_is_named() -> None:
    """Machines without a desktop often have none."""
    keyring.set_keyring(NoBackend())  # type: ignore[no-untyped-call]

    with pytest.raises(CredentialsError, match="keyring --list-backends"):
        api_key(CLOUD)


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(ClientNotInstalledError, match="pip install keyring"):
        api_key(CLOUD)


def test_an_entry_that_is_no_key_is_refused_unseen() -> None:
    """A pasted page is not sent in a header, nor shown."""
    keyring.set_password("churn", "apikey", "two\nlines")

    with pytest.raises(CredentialsError, match="an entry that is not a key") as caught:
        api_key(CLOUD)

    assert "lines" not in str(caught.value)


def test_a_key_of_the_credentials_wins_nothing_from_the_keyring() -> None:
    """The keyring is not opened where it is not named."""
    keyring.set_keyring(NoBackend())  # type: ignore[no-untyped-call]

    assert SecretStr("k") == api_key(CloudCredentials(url="eu-de", apikey="k"))
