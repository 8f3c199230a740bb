"""The contract suite runs on a service that it knows by URL and credentials alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sklearn.dummy import DummyClassifier

from tests.connect_proxy import ConnectProxy, write_certificates
from tests.contract.insides import connect
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server import ServerInfo

MIN_TESTS = 60


@pytest.fixture
def other_service(tmp_path: Path) -> Iterator[LocalServer]:
    """Run a service that the suite does not control."""
    write_certificates(tmp_path)
    with LocalServer(tmp_path) as server:
        yield server


def run_on(info: ServerInfo, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the suite in a process of its own that knows the service by its variables alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WML_", "PYTEST_"))}
    named = {"WML_APIKEY": info.apikey, "WML_CA_BUNDLE": str(info.ca_bundle), "WML_SPACE_ID": info.space_id}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-m", "any_service", *arguments, str(Path(__file__).parent)]
    return subprocess.run(
        command,
        env={**kept, **named, "WML_DEPLOYER_ANY_SERVICE": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def log_in(info: ServerInfo) -> SoftwareCredentials:
    """Return credentials for the space."""
    return SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


def names_in_space(info: ServerInfo) -> list[str]:
    """List the names of everything in the space."""
    client = connect(log_in(info))
    deployments = [*client.deployments(), *client.batch_deployments()]
    named = ([d.name for d in deployments], [m.name for m in client.models()], [j.name for j in client.jobs()])
    return [name for names in named for name in names]


@pytest.mark.exhaustive
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("kind", ["software", "cloud"])
def test_suite_passes_and_leaves_nothing(kind: str, other_service: LocalServer) -> None:
    """At least sixty tests pass by URL and credentials, and the space is as empty as before."""
    info = other_service.info
    with ConnectProxy(int(info.url.rpartition(":")[2])) as proxy:
        on_software = {"WML_URL": info.url, "WML_USERNAME": info.username}
        in_the_cloud = {"WML_URL": "eu-de", "HTTPS_PROXY": proxy.url}
        finished = run_on(info, **(on_software if kind == "software" else in_the_cloud))
    passed = re.search(r"(\d+) passed", finished.stdout)

    assert 0 == finished.returncode, finished.stdout
    assert passed
    assert int(passed[1]) >= MIN_TESTS
    assert [] == names_in_space(info)


@pytest.mark.exhaustive
def test_suite_refuses_a_space_that_somebody_uses(other_service: LocalServer, tmp_path: Path) -> None:
    """A space with something in it is left alone, unless its name says that it is for tests."""
    info = other_service.info
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: somebody\nproject_version: v1\n", encoding="utf-8")
    with Deployer(log_in(info), path) as deployer:
        deployer.store(DummyClassifier().fit([[0], [1]], [0, 1]))

    finished = run_on(info, WML_URL=info.url, WML_USERNAME=info.username)

    assert (3, True) == (finished.returncode, "is not empty: it holds somebody_v1" in finished.stdout + finished.stderr)
