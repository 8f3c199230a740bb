"""Where models are put: spaces by id or name, and projects, from which nothing is deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import Deployer
from wml_deployer._clients.tokens import TokenSource
from wml_deployer._transport.pool import Transport
from wml_deployer.credentials._regions import REGIONS
from wml_deployer.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from wml_deployer import CloudCredentials, SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service

EU_DE = REGIONS[1]
INSTANCE = {
    "name": "runtime",
    "type": "machine_learning",
    "crn": "crn:v1:bluemix:public:pm-20:eu-de:a/1:99999999-9999-9999-9999-999999999999::",
}


@pytest.fixture
def in_a_project(
    credentials: SoftwareCredentials | CloudCredentials, server: LocalServer
) -> SoftwareCredentials | CloudCredentials:
    """Make a project, and name it in the place of the space."""
    transport = Transport(server.info.ca_bundle)
    headers = {"Authorization": f"Bearer {TokenSource(credentials, transport).token()}"}
    place = server.info.url if credentials.kind == "software" else f"https://{EU_DE.platform_host}"
    body = json.dumps({"name": "churn", "compute": [INSTANCE]}).encode()
    made = transport.request("POST", f"{place}/transactional/v2/projects", headers=headers, body=body).json()
    project_id = made["location"].rpartition("/")[2]
    return credentials.model_copy(update={"space_id": None, "project_id": project_id})


@pytest.mark.core
def test_a_project_keeps_models(
    in_a_project: SoftwareCredentials, metadata_path: Path, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """Versions are frozen there as in a space, and the same content is stored once."""
    with Deployer(in_a_project, metadata_path) as deployer:
        stored = [deployer.store(each, sample=features.head(3)) for each in (model, better, model)]

        assert [stored[0].version, stored[1].version] == [v.name for v in deployer.metadata.versions]
        assert stored[2] == stored[0]


@pytest.mark.core
def test_a_check_tells_what_a_project_is_good_for(
    in_a_project: SoftwareCredentials, metadata_path: Path, model: Any
) -> None:
    """Its model is checked, and a warning tells where deployments are."""
    with Deployer(in_a_project, metadata_path) as deployer:
        report = deployer.check(model)

        assert [("warning", "space")] == [(f.severity, f.subject) for f in report.findings if f.subject == "space"]


DEPLOYING: dict[str, Callable[[Deployer, Any], object]] = {
    "deploy": lambda deployer, model: deployer.deploy(model),
    "release": lambda deployer, model: deployer.release(model),
    "update": lambda deployer, model: deployer.update(model),
    "rollback": lambda deployer, _: deployer.rollback(),
    "delete": lambda deployer, _: deployer.delete(),
    "candidate": lambda deployer, model: deployer.candidate(model),
    "prune": lambda deployer, _: deployer.prune(),
    "recover": lambda deployer, _: deployer.recover(),
}


@pytest.mark.parametrize("verb", DEPLOYING)
def test_nothing_is_deployed_from_a_project(
    verb: str, in_a_project: SoftwareCredentials, metadata_path: Path, server: LocalServer, model: Any
) -> None:
    """It is said before anything is sent."""
    server.clear_requests()
    with Deployer(in_a_project, metadata_path) as deployer, pytest.raises(CredentialsError, match="Give space"):
        DEPLOYING[verb](deployer, model)

    assert [] == server.requests


def test_a_project_has_no_deployment_to_ask_for(
    in_a_project: SoftwareCredentials, metadata_path: Path, features: pd.DataFrame
) -> None:
    """Status and scores say the same."""
    with Deployer(in_a_project, metadata_path) as deployer:
        for ask in (deployer.status, lambda: deployer.score(features.head(1))):
            with pytest.raises(CredentialsError, match="Give space"):
                ask()


@pytest.mark.core
@pytest.mark.parametrize("said", ["name", "id"])
def test_a_space_is_found_by_name_or_id(
    said: str, credentials: SoftwareCredentials, server: LocalServer, metadata_path: Path, model: Any
) -> None:
    """``space`` takes either."""
    text = "Default space" if said == "name" else server.info.space_id
    with Deployer(credentials.model_copy(update={"space_id": None, "space": text}), metadata_path) as deployer:
        assert "1" == deployer.store(model).revision


@pytest.mark.core
@pytest.mark.parametrize("text", ["defualt space", None])
def test_a_space_that_is_not_found_is_answered_with_those_there_are(
    text: str | None, credentials: SoftwareCredentials, metadata_path: Path, model: Any
) -> None:
    """By name and id: a slip of the pen is seen at once."""
    lost = credentials.model_copy(update={"space_id": None, "space": text})
    with Deployer(lost, metadata_path) as deployer, pytest.raises(CredentialsError, match="Default space"):
        deployer.store(model)
