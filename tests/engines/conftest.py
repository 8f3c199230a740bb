"""A model on the embedded service, and rows that tell which of them were scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from tests.credentials_file import write_credentials
from wml_deployer import Deployer
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.scorer import Scorer

FIELDS = ["length", "width"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one embedded service for all tests."""
    with LocalServer(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture(autouse=True)
def untroubled(server: LocalServer) -> Iterator[None]:
    """Let no fault outlive its test."""
    server.clear_requests()
    yield
    server.clear_faults()


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """2,000 rows × 2 fields and a key of text; the index is not that of a new frame."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"key": [f"row {number}" for number in range(2_000)], "length": random.normal(size=2_000)})
    return frame.assign(width=np.arange(2_000.0)).set_axis(range(5_000, 7_000), axis=0)


@pytest.fixture(scope="session")
def project(server: LocalServer, rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """Deploy a model that answers another number for nearly every row, from files that the workers can read."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "metadata.yaml").write_text("project_name: engines\nproject_version: v0.1\n", encoding="utf-8")
    credentials = folder / "credentials.yaml"
    write_credentials(credentials, server.info)
    model = DecisionTreeRegressor(random_state=0).fit(rows[FIELDS], rows["width"] + 1 / 3)
    with Deployer.from_files(credentials, folder / "metadata.yaml") as deployer:
        deployer.deploy(model, sample=rows[FIELDS].head(5))
        yield deployer


@pytest.fixture(scope="session")
def scorer(project: Deployer, rows: pd.DataFrame) -> Scorer:
    """What the workers call."""
    return project.scorer(rows.head(), keep=["key"])


@pytest.fixture(scope="session")
def expected(project: Deployer, rows: pd.DataFrame) -> pd.DataFrame:
    """Every row once, with its score."""
    return rows[["key"]].join(project.score(rows[FIELDS]))
