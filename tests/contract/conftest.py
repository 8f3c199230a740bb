"""Real models, deployed by the real client on the embedded service over HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

METADATA = """\
# Projeto de demonstração
project_name: {project}
project_version: v0.1
author: Conceição
"""


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


@pytest.fixture(scope="session")
def model(fit: Callable[[float], Any]) -> Any:
    """The first version's pipeline."""
    return fit(1.0)


@pytest.fixture(scope="session")
def better(fit: Callable[[float], Any]) -> Any:
    """The second version's pipeline."""
    return fit(0.01)


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """Run one embedded service for all tests of a worker; each works on a project of its own."""
    with LocalServer() as server:
        yield server


@pytest.fixture
def credentials(server: LocalServer) -> SoftwareCredentials:
    """Log in as to Cloud Pak for Data."""
    info = server.info
    return SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


@pytest.fixture
def metadata_path(tmp_path: Path) -> Path:
    """Write a new project's metadata.yaml."""
    path = tmp_path / "metadata.yaml"
    path.write_text(METADATA.format(project=f"cancer-{uuid4().hex[:8]}"), encoding="utf-8")
    return path


@pytest.fixture
def deployer(credentials: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Open the project."""
    with Deployer(credentials, metadata_path) as deployer:
        yield deployer
