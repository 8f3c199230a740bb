"""No variable of a traceback shows a secret: error trackers and notebooks print them."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import Deployer, SoftwareCredentials, load_credentials
from wml_deployer.errors import CredentialsError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wml_deployer.testing import LocalServer

SECRET = "s3cr3t-k3y-0123456789"
FAULTS: dict[str, dict[str, Any]] = {
    "a wrong secret": {},
    "a login that is not answered": {"drop": "before"},
    "a login that fails": {"status": 500},
}


def showing(error: BaseException | None) -> list[str]:
    """Name the variables of a traceback, and of those that it was caused by, which show the secret."""
    found: list[str] = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            if code.co_filename != __file__:
                shown = [name for name, value in frame.f_locals.items() if SECRET in repr(value)]
                found += [f"{code.co_filename}:{code.co_name}:{name}" for name in shown]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


@pytest.fixture
def faulty(server: LocalServer) -> Iterator[LocalServer]:
    """Let the service answer again afterwards."""
    yield server
    server.clear_faults()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["apikey", "password", "token"])
def test_a_failed_login_shows_no_secret(faulty: LocalServer, metadata_path: Path, kind: str, fault: str) -> None:
    """Neither key nor password nor token."""
    info = faulty.info
    secrets: dict[str, Any] = {kind: SECRET}
    credentials = SoftwareCredentials(
        url=info.url, username=info.username, ca_bundle=info.ca_bundle, space_id=info.space_id, **secrets
    )
    if FAULTS[fault]:
        faulty.fault("POST", "authorize", times=None, **FAULTS[fault])

    with Deployer(credentials, metadata_path) as deployer, pytest.raises(WMLDeployerError) as caught:
        deployer.status()

    assert [] == showing(caught.value)


@pytest.mark.parametrize(
    "text", ["spaze: x\n", "  x: y: z\n", "token: x\n"], ids=["an unknown key", "no YAML", "two secrets"]
)
def test_a_file_that_cannot_be_used_shows_no_secret(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it."""
    path = tmp_path / "credentials.yaml"
    path.write_text(f"url: https://cpd.example.com\nusername: ana\napikey: {SECRET}\n{text}")
    os.chmod(path, 0o600)  # noqa: PTH101 - as a user does

    with pytest.raises(CredentialsError) as caught:
        load_credentials(path)

    assert [] == showing(caught.value)


def test_other_credentials_that_cannot_be_used_show_no_secret() -> None:
    """From a mapping, the environment or the constructor."""
    shown: list[str] = []
    loads: tuple[Callable[[], object], ...] = (
        lambda: load_credentials({"url": "eu-de", "apikey": SECRET, "nope": 1}),
        lambda: load_credentials(environment={"WML_URL": "htp://x", "WML_APIKEY": SECRET}),
        lambda: SoftwareCredentials(url="http://x", apikey=SECRET),
    )
    for load in loads:
        with pytest.raises(CredentialsError) as caught:
            load()
        shown += showing(caught.value)

    assert [] == shown
