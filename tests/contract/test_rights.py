"""What the user may do: the role, task credentials for jobs on IBM Cloud, and the limits of the plan."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.contract.conftest import INSTALLED, Platform
from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
from wml_deployer.errors import AuthorizationError, BadRequestError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from tests.connect_proxy import ConnectProxy
    from wml_deployer.testing import LocalServer

CONFLICT = 409
CLOUD = [platform for platform in INSTALLED if platform.kind == "cloud"]


@pytest.fixture(params=CLOUD, ids=lambda platform: platform.client)
def cloud(
    request: pytest.FixtureRequest, server: LocalServer, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CloudCredentials]:
    """Log in as to IBM Cloud, where nobody has task credentials yet, and jobs need them."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    info, platform = server.info, Platform(*request.param)
    server.limit(task_credentials=True)
    yield CloudCredentials(
        url="eu-de", apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id, client=platform.client
    )
    server.limit()
    remove_task_credentials(server)


def elsewhere(server: LocalServer) -> httpx.Client:
    """Reach the service without this library."""
    context = ssl.create_default_context(cafile=str(server.info.ca_bundle))
    return httpx.Client(base_url=server.url, verify=context, trust_env=False)


def remove_task_credentials(server: LocalServer) -> None:
    """Take the keys back, as on the page Profile and settings."""
    with elsewhere(server) as client:
        token = client.post("/identity/token", data={"apikey": server.info.apikey}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for each in client.get("/v1/task_credentials").json()["credentials"]:
            client.delete(f"/v1/task_credentials/{each['id']}")


def test_check_finds_that_there_are_none_before_a_job_does(
    cloud: CloudCredentials, metadata_path: Path, model: Any
) -> None:
    """A warning, for nothing but jobs needs them; its next step ends it."""
    with Deployer(cloud, metadata_path) as deployer:
        [finding] = [one for one in deployer.check(model).findings if one.subject == "task credentials"]
        created = deployer.create_task_credentials()
        after = {one.subject for one in deployer.check(model).findings}

    assert ("warning", True) == (finding.severity, created)
    assert "task credentials" not in after


def test_a_job_without_them_says_how_to_create_them(
    cloud: CloudCredentials, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """Whatever the service calls the reason."""
    with Deployer(cloud, metadata_path) as deployer:
        deployer.deploy(model)
        with pytest.raises(BadRequestError) as caught:
            deployer.score_batch(features.head(3))
        deployer.create_task_credentials()
        scores = deployer.score_batch(features.head(3))

    assert "create_task_credentials()" in str(caught.value.next_step)
    assert model.predict(features.head(3)).tolist() == scores["prediction"].tolist()


def test_they_are_created_once(cloud: CloudCredentials, metadata_path: Path) -> None:
    """A user has one at most, and the service refuses another."""
    with Deployer(cloud, metadata_path) as deployer:
        assert [True, False] == [deployer.create_task_credentials(), deployer.create_task_credentials()]


def test_a_lost_response_creates_them_once(cloud: CloudCredentials, metadata_path: Path, server: LocalServer) -> None:
    """They are looked for before the key is sent again, which the service would refuse."""
    server.clear_requests()
    server.fault("POST", "^/v1/task_credentials$", drop="after")
    with Deployer(cloud, metadata_path) as deployer:
        created = deployer.create_task_credentials()

    assert (True, []) == (created, [one for one in server.requests if one.status == CONFLICT])


def test_a_token_cannot_be_kept_as_a_key(cloud: CloudCredentials, metadata_path: Path, server: LocalServer) -> None:
    """It would expire before the job runs."""
    with elsewhere(server) as client:
        token = client.post("/identity/token", data={"apikey": server.info.apikey}).json()["access_token"]
    bare = CloudCredentials(
        url="eu-de", token=token, ca_bundle=cloud.ca_bundle, space_id=cloud.space_id, client=cloud.client
    )
    with Deployer(bare, metadata_path) as deployer, pytest.raises(CredentialsError, match="are an API key"):
        deployer.create_task_credentials()


def test_cloud_pak_for_data_needs_none(reached: SoftwareCredentials, metadata_path: Path, server: LocalServer) -> None:
    """Nothing is asked."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.metadata  # noqa: B018 - read before the requests are counted
        server.clear_requests()
        created = deployer.create_task_credentials()

    assert not created
    assert [] == [one for one in server.requests if "task_credentials" in one.path]


@pytest.fixture
def viewer(server: LocalServer, reached: SoftwareCredentials) -> Iterator[SoftwareCredentials]:
    """Let the user be a viewer of the space."""
    path = f"/v2/spaces/{reached.space_id}/members/1000330999"
    with elsewhere(server) as client:
        login = {"username": server.info.username, "api_key": server.info.apikey}
        client.headers["Authorization"] = f"Bearer {client.post('/icp4d-api/v1/authorize', json=login).json()['token']}"

        def become(role: str) -> None:
            client.patch(path, json=[{"op": "replace", "path": "/role", "value": role}]).raise_for_status()

        become("viewer")
        yield reached
        become("admin")


@pytest.mark.parametrize("verb", ["store", "deploy", "release"])
def test_a_viewer_is_refused_before_anything_is_uploaded(
    viewer: SoftwareCredentials, metadata_path: Path, model: Any, verb: str, server: LocalServer
) -> None:
    """The service would say so after the upload."""
    server.clear_requests()
    with Deployer(viewer, metadata_path) as deployer, pytest.raises(AuthorizationError, match="is viewer") as caught:
        getattr(deployer, verb)(model)

    sent = [one for one in server.requests if one.method in {"PUT", "PATCH"} or one.path.startswith("/ml/v4/models")]
    assert "role editor" in str(caught.value.next_step)
    assert [] == [one for one in sent if one.method != "GET"]


def test_the_limits_of_the_plan_are_found(
    reached: SoftwareCredentials, metadata_path: Path, model: Any, server: LocalServer
) -> None:
    """The instance tells its plan and its jobs; the rate is IBM's own promise."""
    server.limit(plan="lite", jobs=0)
    try:
        with Deployer(reached, metadata_path) as deployer:
            found = {one.subject: one.problem for one in deployer.check(model).warnings}
    finally:
        server.limit()

    assert "2 requests a second" in found["rate"]
    assert "of the 0 deployment jobs" in found["jobs"]
