"""Tokens through the real clients: renewed when the service no longer accepts them, and never sent on in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import AuthenticationError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer.testing import LocalServer

LOGINS = {"/icp4d-api/v1/authorize", "/identity/token", "/oidc/token"}


def logins(server: LocalServer) -> int:
    """How often somebody logged in."""
    return sum(request.path in LOGINS for request in server.requests)


@pytest.mark.core
def test_one_login_serves_a_whole_session(
    deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """IBM's clients are handed the token; none logs in by itself."""
    server.clear_requests()
    deployer.deploy(model)
    deployer.score(features.head(2))

    assert 1 == logins(server)


@pytest.mark.core
@pytest.mark.parametrize("refused", ["GET ^/ml/v4/deployments/", "POST predictions$"])
def test_a_refused_token_is_renewed_once(
    refused: str, deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """After one 401 the call is made again with a new token, whoever makes it: IBM's client or this library."""
    deployer.deploy(model)
    server.clear_requests()
    server.fault(*refused.split(), status=401)
    deployer.status()
    deployer.score(features.head(2))

    assert 1 == logins(server)


@pytest.mark.core
def test_a_key_that_is_no_longer_accepted_is_not_tried_on(deployer: Deployer, server: LocalServer, model: Any) -> None:
    """Two refusals are an answer: one of IBM's clients sends the same token four times."""
    deployer.deploy(model)
    server.clear_requests()
    server.fault("GET", "^/ml/v4/deployments/", status=401, times=None)
    try:
        with pytest.raises(AuthenticationError):
            deployer.status()
    finally:
        server.clear_faults()

    assert [401, 401] == [request.status for request in server.requests if request.path not in LOGINS]


@pytest.fixture
def raw_token(server: LocalServer) -> SoftwareCredentials:
    """Log in with a token alone, as a notebook's environment hands it out."""
    info = server.info
    place = {"url": info.url, "ca_bundle": info.ca_bundle, "space_id": info.space_id}
    by_key = SoftwareCredentials(**place, username=info.username, apikey=info.apikey)  # type: ignore[arg-type]
    token = TokenSource(by_key, Transport(info.ca_bundle)).token()
    return SoftwareCredentials(**place, token=token)  # type: ignore[arg-type]


def test_a_raw_token_serves_as_long_as_it_lives(
    raw_token: SoftwareCredentials, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """Nothing but the token is needed."""
    with Deployer(raw_token, metadata_path) as deployer:
        deployer.deploy(model)

        assert 2 == len(deployer.score(features.head(2)))


def test_a_raw_token_that_ran_out_says_what_to_do(
    raw_token: SoftwareCredentials, server: LocalServer, metadata_path: Path, model: Any
) -> None:
    """It cannot be renewed: the message says so, and no second request is made."""
    with Deployer(raw_token, metadata_path) as deployer:
        deployer.deploy(model)
        server.clear_requests()
        server.fault("GET", "^/ml/v4/deployments/", status=401)

        with pytest.raises(AuthenticationError, match="Get a new token, or give an API key"):
            deployer.status()

    assert [401] == [request.status for request in server.requests]
