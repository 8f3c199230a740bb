"""What all benchmarks share: the bars, rows to score, and a service whose answers cost nothing."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
import pytest
import trustme
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.bars import Bars
from tests.benchmarks.canned import DEPLOYMENT, Canned
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer._clients.records import DeploymentRecord
from wml_deployer._scoring.lookups import Revision
from wml_deployer.deployment import Deployment
from wml_deployer.schema import Field, Schema
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer._clients.protocol import Client, Scoring

BARS = pytest.StashKey[Bars]()
BROKEN = pytest.StashKey[list[str]]()
PAGE = Path("docs", "pages", "reference", "benchmarks.md")
FIELDS = [f"feature {number}" for number in range(30)]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the page of the documentation be written."""
    parser.addoption("--write-page", action="store_true", help="write docs/pages/reference/benchmarks.md")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no bar."""
    config.stash[BARS], config.stash[BROKEN] = Bars(), []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Come to the engines last: their threads stay, and would slow down whatever is measured after them."""
    items.sort(key=lambda item: item.path.stem == "bench_engines")


def pytest_exception_interact(node: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Keep apart what misses its bar from what measured nothing, whose bar would silently be missing on the page."""
    if call.excinfo is not None and not call.excinfo.errisinstance(AssertionError):
        node.config.stash[BROKEN].append(node.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print all bars in one table."""
    bars = config.stash[BARS]
    for title, text in bars.notes:
        terminalreporter.write_line(f"\n{title}\n{text}")
    terminalreporter.write_line(f"\n{bars.machine}\n\n{bars.table()}")
    if broken := config.stash[BROKEN]:
        terminalreporter.write_line(f"\nwrote no page: nothing was measured by {', '.join(broken)}")
    elif config.getoption("--write-page"):
        page = Path(os.environ.get("WML_DEPLOYER_CHECKOUT", config.rootpath)) / PAGE
        page.write_text(bars.page(), encoding="utf-8")
        terminalreporter.write_line(f"\nwrote {page}")


@pytest.fixture(scope="session")
def bars(request: pytest.FixtureRequest) -> Bars:
    """Where each benchmark notes what it measured."""
    return request.config.stash[BARS]


@pytest.fixture(scope="session")
def schema() -> Schema:
    """Thirty floats in, two classes out."""
    return Schema(tuple(Field(name, "float64") for name in FIELDS), (0, 1))


def floats(rows: int) -> pd.DataFrame:
    """So many rows × 30 floats."""
    frame: pd.DataFrame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 30)), columns=FIELDS)
    return frame


class Authority(NamedTuple):
    """Who vouches for the canned services."""

    ca_bundle: Path
    certificate: Path

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_bundle))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make a certificate authority and the certificate of 127.0.0.1."""
    folder = tmp_path_factory.mktemp("authority")
    made, authority = Authority(folder / "ca.pem", folder / "server.pem"), trustme.CA()
    authority.cert_pem.write_to_path(str(made.ca_bundle))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(made.certificate))
    return made


@pytest.fixture
def canned(authority: Authority) -> Iterator[Callable[..., Canned]]:
    """Start canned services, each in a process of its own."""
    started: list[Canned] = []

    def start(delay: float = 0.0) -> Canned:
        started.append(Canned(authority.certificate, delay))
        return started[-1]

    yield start
    for service in started:
        service.__exit__(None, None, None)


def credentials_for(service: Canned, ca_bundle: Path) -> SoftwareCredentials:
    """Log in at a canned service, which accepts everybody."""
    return SoftwareCredentials(url=service.url, username="any", apikey="any", ca_bundle=ca_bundle, space_id="any")


def handle_of(client: Scoring, schema: Schema) -> Deployment:
    """Return the handle of a canned service's deployment, whose revision is known."""
    record = DeploymentRecord.from_document(DEPLOYMENT)
    handle = Deployment.from_record(record, cast("Client", client), None)
    handle._endpoint.learn_revision((record.model_id, record.revision), Revision(None, schema))
    return handle


class Deployed(NamedTuple):
    """One model on the embedded service."""

    info: Any
    credentials: SoftwareCredentials
    deployer: Deployer
    deployment_id: str
    model: Any


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Deploy a scaler and a logistic regression."""
    folder, rows = tmp_path_factory.mktemp("bench"), floats(1_000)
    (folder / "metadata.yaml").write_text("project_name: bench\nproject_version: v0.1\n")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, (rows["feature 0"] > 0).astype(int))
    with LocalServer() as server:
        info = server.info
        credentials = SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )
        with Deployer(credentials, folder / "metadata.yaml") as deployer:
            yield Deployed(info, credentials, deployer, deployer.deploy(model, sample=rows.head(5)).id, model)
