"""Proxies and hosts: every call goes where the environment says, and no token goes anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
from wml_deployer.errors import ServiceError, TransportError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.connect_proxy import ConnectProxy
    from wml_deployer.testing import LocalServer


@pytest.fixture
def through(proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> ConnectProxy:
    """Set the proxy as a company's machine does, and forget whom others asked for."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    proxy.hosts.clear()
    proxy.headers.clear()
    return proxy


def in_the_cloud(server: LocalServer, url: str) -> CloudCredentials:
    """Log in to a region."""
    info = server.info
    return CloudCredentials(url=url, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id)


def on_a_cloud_pak(server: LocalServer, url: str = "https://cpd.example.com") -> SoftwareCredentials:
    """Log in to a Cloud Pak."""
    info = server.info
    return SoftwareCredentials(
        url=url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


def work(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """Use calls of IBM's client and of this library."""
    deployer.deploy(model)
    deployer.score(features.head(2))
    deployer.delete(cascade=True)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("eu-de", {"eu-de.ml.cloud.ibm.com", "api.eu-de.dataplatform.cloud.ibm.com", "iam.cloud.ibm.com"}),
        (
            "https://private.eu-de.ml.cloud.ibm.com",
            {"private.eu-de.ml.cloud.ibm.com", "api.eu-de.dataplatform.cloud.ibm.com", "iam.cloud.ibm.com"},
        ),
        pytest.param(
            "au-syd", {"au-syd.ml.cloud.ibm.com", "api.au-syd.dai.cloud.ibm.com", "iam.cloud.ibm.com"}, id="newer"
        ),
    ],
)
def test_a_cloud_session_asks_its_own_hosts_through_the_proxy(
    url: str,
    hosts: set[str],
    through: ConnectProxy,
    server: LocalServer,
    metadata_path: Path,
    model: Any,
    features: pd.DataFrame,
) -> None:
    """Login, platform and runtime are reached by the proxy alone; nobody else is asked."""
    if url == "au-syd":
        pytest.importorskip("ibm_watsonx_ai", reason="only the newer client knows the region")
    with Deployer(in_the_cloud(server, url), metadata_path) as deployer:
        work(deployer, model, features)

    # Of a private endpoint's platform, the older client asks the public host, and the newer one the private.
    assert hosts == {host.replace("private.api.", "api.") for host in through.hosts}


def test_the_proxy_sees_no_token(
    through: ConnectProxy, server: LocalServer, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """What is said to the proxy itself is which host is wanted."""
    with Deployer(in_the_cloud(server, "eu-de"), metadata_path) as deployer:
        work(deployer, model, features)

    assert [] == [header for header in through.headers if b"authorization" in header.lower()]


def test_a_cloud_pak_is_reached_through_the_proxy(
    through: ConnectProxy, server: LocalServer, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """The proxy holds for every host that is not excepted."""
    with Deployer(on_a_cloud_pak(server), metadata_path) as deployer:
        work(deployer, model, features)

    assert {"cpd.example.com"} == set(through.hosts)


def test_this_machine_is_never_asked_through_a_proxy(
    through: ConnectProxy, server: LocalServer, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """No proxy leads to it, also where NO_PROXY does not say so."""
    with Deployer(on_a_cloud_pak(server, server.info.url), metadata_path) as deployer:
        work(deployer, model, features)

    assert [] == through.hosts


def test_an_excepted_host_is_reached_directly(
    through: ConnectProxy,
    server: LocalServer,
    metadata_path: Path,
    model: Any,
    features: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_PROXY holds for every call; the host of this test is nowhere."""
    monkeypatch.setenv("NO_PROXY", "cpd.example.com")
    with Deployer(on_a_cloud_pak(server), metadata_path) as deployer, pytest.raises(TransportError):
        work(deployer, model, features)

    assert [] == through.hosts


def test_a_key_of_a_region_on_aws_is_not_sent_to_another_login_service(
    through: ConnectProxy, server: LocalServer, metadata_path: Path, model: Any
) -> None:
    """Keys of Mumbai hold at its own login service, which the embedded service is not."""
    pytest.importorskip("ibm_watsonx_ai", reason="only the newer client knows the region")
    with Deployer(in_the_cloud(server, "ap-south-1"), metadata_path) as deployer, pytest.raises(ServiceError):
        deployer.deploy(model)

    assert {"account-iam.platform.saas.ibm.com"} == set(through.hosts)
