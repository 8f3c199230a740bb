"""Each defect of IBM's clients, shown on the real client; beside it, the same call through this library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from sklearn.dummy import DummyClassifier

from tests.connect_proxy import ConnectProxy, write_certificates
from tests.upstream.register import NEW, OLD, REGISTER, Defect, table
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer._clients.door import connect
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import ServerError, TransportError
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Show = Callable[..., dict[str, Any]]

ROOT = Path(__file__).parents[2]
PACKAGES = {OLD: "ibm_watson_machine_learning", NEW: "ibm_watsonx_ai"}
SHOWN = [
    pytest.param(defect, client, id=f"{defect.name}-{client}")
    for defect in REGISTER
    for client in defect.clients
    if find_spec(PACKAGES[client])
]


@pytest.fixture(scope="session")
def show(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Show:
    """Run a client in a process of its own, and return what was seen of each defect.

    Several workers share what one of them saw.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def run(client: str, *names: str) -> dict[str, Any]:
        file = shared / f"{client}-{'-'.join(names)}.json"
        with FileLock(f"{file}.lock"):
            if not file.exists():
                command = [sys.executable, str(ROOT / "tests" / "upstream" / "raw.py"), str(file), client, *names]
                path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
                surroundings = {**os.environ, "PYTHONPATH": path}
                subprocess.run(command, check=True, capture_output=True, timeout=280, env=surroundings)
        seen: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return seen

    return run


def together(client: str) -> list[str]:
    """Defects of a client that are shown in one process."""
    return [defect.name for defect in REGISTER if client in defect.clients and not defect.alone]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("defect", "client"), SHOWN)
def test_the_client_has_it(defect: Defect, client: str, show: Show) -> None:
    """When this fails, a release has mended it: what stands here for it can go."""
    names = [defect.name] if defect.alone else together(client)

    assert show(client, *names)[defect.name] is True


@pytest.mark.parametrize("defect", REGISTER, ids=[defect.name for defect in REGISTER])
def test_a_test_holds_that_it_is_right_here(defect: Defect) -> None:
    """The register names a test that there is."""
    file, _, name = defect.held_by.partition("::")

    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_the_site_shows_the_register() -> None:
    """The page says what the tests show, no more and no less."""
    assert table() in (ROOT / "docs" / "pages" / "explanation" / "client-defects.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one embedded service, whose certificate is good for a Cloud Pak's host as well."""
    directory = tmp_path_factory.mktemp("service")
    write_certificates(directory)
    with LocalServer(directory) as server:
        yield server


@pytest.fixture
def credentials(server: LocalServer) -> SoftwareCredentials:
    """Log in."""
    info = server.info
    return SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


@pytest.fixture
def deployer(credentials: SoftwareCredentials, server: LocalServer, tmp_path: Path) -> Iterator[Deployer]:
    """Open a new project; afterwards the server behaves again."""
    (tmp_path / "metadata.yaml").write_text(f"project_name: {tmp_path.name}\nproject_version: v1\n")
    with Deployer(credentials, tmp_path / "metadata.yaml") as deployer:
        yield deployer
    server.clear_faults()


@pytest.fixture
def model() -> DummyClassifier:
    """Fit the smallest model."""
    return DummyClassifier().fit([[0.0], [1.0]], [0, 1])


def models(deployer: Deployer) -> list[str]:
    """Names of the project's models on the service."""
    return [one.name for one in deployer._project.client.models() if deployer.metadata.project_name in one.name]


def test_an_unreachable_host_changes_nothing(credentials: SoftwareCredentials, model: DummyClassifier) -> None:
    """After it, a server of another authority is refused as before: verification has no switch."""
    stranger = credentials.model_copy(update={"ca_bundle": None})
    with pytest.raises(TransportError):
        connect(credentials.model_copy(update={"url": "https://127.0.0.1:1"}))

    with pytest.raises(TransportError, match="not trusted"):
        connect(stranger)


def test_a_password_goes_to_the_given_host_alone(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is even looked up: every connection stands in the proxy's book."""
    info = server.info
    by_password = SoftwareCredentials(
        url="https://cpd.example.com",
        username=info.username,
        password=info.apikey,
        ca_bundle=info.ca_bundle,
        space_id=info.space_id,
    )
    with ConnectProxy(int(info.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        connect(by_password).close()

    assert {"cpd.example.com"} == set(proxy.hosts)


@pytest.mark.timeout(300)
@pytest.mark.skipif(not find_spec("ibm_watsonx_ai"), reason="the newer client is not installed")
def test_what_others_switched_off_stays_on(show: Show) -> None:
    """Somebody's client without verification in the process does not reach this library."""
    assert show(NEW, "ours")["ours"] is True


def test_a_dropped_upload_leaves_nothing(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """It fails, it is not repeated as empty, and the model is gone."""
    server.fault("PUT", "/content$", drop="before", times=None)
    with pytest.raises(TransportError):
        deployer.store(model)

    assert [] == models(deployer)


def test_a_failed_upload_keeps_its_status(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """The error tells of the upload, not of the clean-up after it."""
    server.fault("PUT", "/content$", status=500, times=None)
    with pytest.raises(ServerError, match="A test asked for this") as caught:
        deployer.store(model)

    assert (500, []) == (caught.value.status, models(deployer))


def test_a_slow_upload_is_waited_for(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """Five seconds are not the end."""
    server.fault("PUT", "/content$", stall=5.5)

    assert "1" == deployer.store(model).revision


def test_content_comes_back_as_it_went(deployer: Deployer, model: DummyClassifier) -> None:
    """What is downloaded is the archive that was uploaded."""
    stored = deployer.store(model)

    assert deployer._project.client.read_model(stored.id, stored.revision, next).startswith(b"\x1f\x8b")


def test_all_models_are_listed(deployer: Deployer, model: DummyClassifier) -> None:
    """201 models are on two pages."""
    stored, client = deployer.store(model), deployer._project.client
    entity = client.model(stored.id).raw["entity"]
    body = {"name": "one of many", "type": entity["type"], "software_spec": entity["software_spec"]}
    for _ in range(201):
        client._call("POST", "/ml/v4/models", "store", json={**body, **client.scope.query})  # type: ignore[attr-defined]

    assert 201 == sum(one.name == "one of many" for one in client.models())


def test_a_deployment_is_looked_at_at_once(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """Between the order and the first look no request takes five seconds, and nothing else is asked."""
    server.clear_requests()
    deployer.deploy(model)
    asked = [(request.method, request.path.split("/")[3]) for request in server.requests if "/ml/v4" in request.path]
    ordered = asked.index(("POST", "deployments"))

    assert ("GET", "deployments") == asked[ordered + 1]


def test_scores_share_a_connection(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """It is kept; a look at what serves, beside the first score, may take another one."""
    deployer.deploy(model)
    server.clear_requests()
    for _ in range(5):
        deployer.score([[1.0]])

    assert len({request.connection for request in server.requests}) <= 2


def test_a_score_is_one_request(deployer: Deployer, server: LocalServer, model: DummyClassifier) -> None:
    """Once the deployment is known, nothing is asked beside the score."""
    deployer.deploy(model)
    deployer.score([[1.0]])
    server.clear_requests()
    deployer.score([[1.0]])

    assert ["POST"] == [request.method for request in server.requests]


def test_a_short_lived_token_serves(server: LocalServer, credentials: SoftwareCredentials) -> None:
    """Of a token that lives for 2,900 seconds, one login is enough for many calls."""
    away = 12 * 3600 - 2900
    server.advance_clock(-away)
    try:
        tokens = TokenSource(credentials, Transport(credentials.ca_bundle))
        given = {tokens.token() for _ in range(10)}
    finally:
        server.advance_clock(away)

    assert 1 == len(given)
