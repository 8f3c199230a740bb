"""What a notebook's environment says of the service around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wml_deployer import CloudCredentials, SoftwareCredentials, load_credentials
from wml_deployer.errors import CredentialsError

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://internal-nginx-svc:12443"
NOTEBOOK = {"RUNTIME_ENV_APSX_URL": URL, "USER_ACCESS_TOKEN": "Bearer t.o.k", "SPACE_ID": "s"}


def test_a_notebook_needs_no_credentials() -> None:
    """Service, token and space are those of the notebook."""
    found = load_credentials(environment=NOTEBOOK)

    assert SoftwareCredentials(url=URL, token="t.o.k", space_id="s") == found


@pytest.mark.parametrize(
    ("platform", "region"),
    [("https://api.dataplatform.cloud.ibm.com", "us-south"), ("https://api.au-syd.dai.cloud.ibm.com", "au-syd")],
)
def test_a_notebook_in_the_cloud_reaches_the_runtime_of_its_region(platform: str, region: str) -> None:
    """The environment names the platform's host, which has no models."""
    found = load_credentials(environment={**NOTEBOOK, "RUNTIME_ENV_APSX_URL": platform})

    assert CloudCredentials(url=region, token="t.o.k", space_id="s") == found


def test_the_file_of_a_token_is_better_than_the_token(tmp_path: Path) -> None:
    """It is renewed while the notebook runs."""
    (tmp_path / "token").write_text("t")
    found = load_credentials(environment={**NOTEBOOK, "RUNTIME_ENV_ACCESS_TOKEN_FILE": str(tmp_path / "token")})

    assert SoftwareCredentials(url=URL, token_file=tmp_path / "token", space_id="s") == found


def test_a_space_is_better_than_the_project_of_the_notebook() -> None:
    """Only from a space can anything be deployed."""
    assert "s" == getattr(load_credentials(environment={**NOTEBOOK, "PROJECT_ID": "p"}), "space_id", None)


def test_a_notebook_in_a_project_stores_there() -> None:
    """Where no space is named."""
    environment = {**NOTEBOOK, "SPACE_ID": "", "PROJECT_ID": "p"}

    assert "p" == getattr(load_credentials(environment=environment), "project_id", None)


def test_whatever_is_said_wins_over_the_notebook() -> None:
    """Key by key, in any way of saying it."""
    said = {"url": URL, "username": "ana", "apikey": "k", "space": "mine"}

    assert load_credentials(said, environment={}) == load_credentials(said, environment=NOTEBOOK)


def test_the_token_of_a_notebook_goes_nowhere_else() -> None:
    """Credentials of another host are incomplete without their own key."""
    with pytest.raises(CredentialsError, match="the notebook was ignored because it is for a different service"):
        load_credentials({"url": "https://cpd.example.com", "space": "x"}, environment=NOTEBOOK)


def test_outside_of_a_notebook_its_variables_are_somebody_elses() -> None:
    """PROJECT_ID is a name that many tools use."""
    found = load_credentials(
        {"url": "eu-de", "apikey": "k"}, environment={"PROJECT_ID": "p", "SPACE_ID": "s", "USER_ACCESS_TOKEN": "t"}
    )

    assert CloudCredentials(url="eu-de", apikey="k") == found


def test_a_fault_names_the_variable() -> None:
    """The file of the token may be gone."""
    with pytest.raises(CredentialsError, match="RUNTIME_ENV_ACCESS_TOKEN_FILE: there is no file"):
        load_credentials(environment={**NOTEBOOK, "RUNTIME_ENV_ACCESS_TOKEN_FILE": "/nowhere/token"})


def test_the_embedded_service_is_not_asked_for_a_notebook() -> None:
    """It signs in by itself."""
    assert "local" == load_credentials({"url": "local"}, environment=NOTEBOOK).kind
