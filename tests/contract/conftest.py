"""Real models, deployed by the real client on the embedded service over HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.connect_proxy import ConnectProxy, write_certificates
from tests.contract import any_service
from tests.contract.insides import connect
from tests.line_program import line_program
from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
from wml_deployer._clients.door import CLIENTS
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from tests.contract.insides import Client

METADATA = """\
# Projeto de demonstração
project_name: {project}
project_version: v0.1
author: Conceição
"""


class Platform(NamedTuple):
    """One of the four combinations that the suite runs on."""

    client: str
    kind: str


COMBINATIONS = [Platform(one.name, kind) for one in CLIENTS for kind in ("software", "cloud")]
INSTALLED = [p for p in COMBINATIONS if any(one.name == p.client and one.installed for one in CLIENTS)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that logs in on one combination, and on the others if it is at the core or the whole is asked for."""
    if "credentials" in metafunc.fixturenames and not any_service.ENABLED:
        core = metafunc.definition.get_closest_marker("core")
        metafunc.parametrize(
            "platform",
            [
                pytest.param(
                    one, id="-".join(one), marks=[] if core or one == INSTALLED[0] else [pytest.mark.exhaustive]
                )
                for one in INSTALLED
            ],
            indirect=True,
        )


@pytest.fixture(scope="session")
def features() -> pd.DataFrame:
    """569 rows × 30 fields of the breast cancer data."""
    data: pd.DataFrame = load_breast_cancer(as_frame=True).data
    return data


@pytest.fixture(scope="session")
def labels() -> pd.Series[Any]:
    """The 569 classes, 0 and 1."""
    target: pd.Series[Any] = load_breast_cancer(as_frame=True).target
    return target


@pytest.fixture(scope="session")
def fit(features: pd.DataFrame, labels: pd.Series[Any]) -> Callable[[float], Any]:
    """Fit a pipeline with a given regularisation: each strength is another model."""

    def fit_one(strength: float) -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(features, labels)

    return fit_one


class Shift(int):
    """A zero that is loaded as a one: a stand-in for libraries that answer otherwise than here."""

    def __reduce__(self) -> Any:
        """Write a one."""
        return int, (1,)


@pytest.fixture(scope="session")
def changing(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a pipeline that answers otherwise where it is loaded: its rehearsal passes, its verification fails."""
    shift = FunctionTransformer(np.roll, kw_args={"shift": Shift(0), "axis": 1})
    return make_pipeline(shift, StandardScaler(), LogisticRegression()).fit(features, labels)


@pytest.fixture(scope="session")
def model(fit: Callable[[float], Any]) -> Any:
    """The first version's pipeline."""
    return fit(1.0)


@pytest.fixture(scope="session")
def better(fit: Callable[[float], Any]) -> Any:
    """The second version's pipeline."""
    return fit(0.01)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one embedded service for all tests of a worker; each works on a project of its own."""
    if any_service.ENABLED:
        pytest.skip("controls the embedded service")
    directory = tmp_path_factory.mktemp("service")
    write_certificates(directory)
    with LocalServer(directory) as server:
        yield server


@pytest.fixture(scope="session")
def proxy(server: LocalServer) -> Iterator[ConnectProxy]:
    """Lead the hosts of IBM Cloud to the embedded service, as a company's proxy leads out of its network."""
    with ConnectProxy(int(server.url.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
def platform(request: pytest.FixtureRequest) -> Platform:
    """Say which client is to reach which platform."""
    return Platform(*getattr(request, "param", INSTALLED[0]))


@pytest.fixture
def credentials(platform: Platform, request: pytest.FixtureRequest) -> SoftwareCredentials | CloudCredentials:
    """Log in as to Cloud Pak for Data, or to IBM Cloud, whose real hosts are asked for through a proxy."""
    if any_service.ENABLED:
        return any_service.named_credentials()
    server: LocalServer = request.getfixturevalue("server")
    info = server.info
    if platform.kind == "software":
        return SoftwareCredentials(
            url=info.url,
            username=info.username,
            apikey=info.apikey,
            ca_bundle=info.ca_bundle,
            space_id=info.space_id,
            client=platform.client,
        )
    environment: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    environment.setenv("HTTPS_PROXY", request.getfixturevalue("proxy").url)
    environment.setenv("NO_PROXY", "127.0.0.1,localhost")
    return CloudCredentials(
        url="eu-de", apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id, client=platform.client
    )


@pytest.fixture(scope="session", autouse=any_service.ENABLED)
def limited_service() -> Iterator[None]:
    """Use the space of another service only if nobody else does, and no faster than is allowed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        any_service.limit_requests(monkeypatch)
        any_service.refuse_foreign_space()
        yield


@pytest.fixture
def metadata_path(tmp_path: Path) -> Iterator[Path]:
    """Write a new project's metadata.yaml."""
    path, project = tmp_path / "metadata.yaml", f"{any_service.PREFIX}{uuid4().hex[:8]}"
    path.write_text(METADATA.format(project=project), encoding="utf-8")
    yield path
    if any_service.ENABLED:
        any_service.clean_up(project)


@pytest.fixture
def deployer(credentials: SoftwareCredentials | CloudCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Open the project."""
    with Deployer(credentials, metadata_path) as deployer:
        yield deployer


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[list[dict[str, Any]]], list[dict[str, Any]]]]:
    """Run jobs in processes of their own, all of a list at the same time; see processes.py."""
    with line_program(Path(__file__).with_name("processes.py")) as run_jobs:
        yield run_jobs


@pytest.fixture(scope="session")
def reached(server: LocalServer) -> SoftwareCredentials:
    """Log in with the default client: what is killed here is ours, whatever client is beneath."""
    info = server.info
    return SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Look at the space, beside what is tested."""
    client = connect(any_service.named_credentials() if any_service.ENABLED else request.getfixturevalue("reached"))
    yield client
    client.close()
