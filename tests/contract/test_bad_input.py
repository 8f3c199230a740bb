"""Bad input: refused with a typed error before anything is sent or written."""

from __future__ import annotations

import tarfile
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from wml_deployer import Deployer, SoftwareCredentials, StoredModel, load_credentials
from wml_deployer.errors import (
    CredentialsError,
    MetadataError,
    ModelError,
    PackagingError,
    PayloadError,
    SchemaError,
    UnsupportedModelError,
    VersionError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer.testing import LocalServer

    Deed = Callable[[Deployer, pd.DataFrame, Path], object]

CLOUD = {"url": "https://us-south.ml.cloud.ibm.com", "apikey": "k3y-example", "space_id": "s"}


def written(folder: Path, name: str, text: str) -> Path:
    """Write a file into the folder."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def with_cell(rows: pd.DataFrame, value: Any) -> pd.DataFrame:
    """Put a value where a number belongs."""
    changed = rows.head(3).astype(object)
    changed.iloc[1, 0] = value
    return changed


def archive_with(folder: Path, member: str) -> Path:
    """Make an archive with a member of this name."""
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(member))
    return path


def with_a_lock(rows: Any) -> Any:
    """A model that cannot be pickled."""
    model = DecisionTreeClassifier().fit(rows, rows.index % 2)
    model.lock = Lock()
    return model


MODELS: dict[str, tuple[type[WMLDeployerError], Deed]] = {
    "an unfitted estimator": (UnsupportedModelError, lambda d, *_: d.deploy(LogisticRegression())),
    "an unfitted pipeline": (UnsupportedModelError, lambda d, *_: d.deploy(make_pipeline(StandardScaler()))),
    "a class": (UnsupportedModelError, lambda d, *_: d.deploy(LogisticRegression)),
    "a function": (UnsupportedModelError, lambda d, *_: d.deploy(len)),
    "a frame": (UnsupportedModelError, lambda d, rows, _: d.deploy(rows)),
    "a dictionary": (UnsupportedModelError, lambda d, *_: d.deploy({"model": 1})),
    "nothing": (UnsupportedModelError, lambda d, *_: d.deploy(None)),
    "a number": (UnsupportedModelError, lambda d, *_: d.deploy(3)),
    "a transformer": (UnsupportedModelError, lambda d, rows, _: d.deploy(StandardScaler().fit(rows))),
    "a lock inside": (PackagingError, lambda d, rows, _: d.deploy(with_a_lock(rows))),
    "a missing path": (ModelError, lambda d, _, folder: d.deploy(folder / "no.joblib", unpickle=False)),
    "a misspelt path": (
        ModelError,
        lambda d, _, folder: d.deploy(written(folder, "model.joblib", "x").with_suffix(".joblb"), unpickle=True),
    ),
    "a path of unknown framework": (ModelError, lambda d, _, folder: d.deploy(written(folder, "m.joblib", "x"))),
    "an empty directory": (ModelError, lambda d, _, folder: d.deploy(folder)),
    "an archive that climbs out": (ModelError, lambda d, _, folder: d.deploy(archive_with(folder, "../m.pkl"))),
    "a stored model of no version": (
        VersionError,
        lambda d, *_: d.deploy(StoredModel("v9", "id", "1", "", "scikit-learn_1.6", "x")),
    ),
    "a sample for what is stored already": (
        ModelError,
        lambda d, rows, _: d.deploy(StoredModel("v0.1", "id", "1", "", "scikit-learn_1.6", "x"), sample=rows),
    ),
    "another specification for what is stored already": (
        ModelError,
        lambda d, *_: d.deploy(StoredModel("v0.1", "id", "1", "", "scikit-learn_1.6", "x"), specification="y"),
    ),
    "a sample of other columns": (
        WMLDeployerError,
        lambda d, rows, _: d.deploy(
            DecisionTreeClassifier().fit(rows, rows.index % 2), sample=rows.rename(columns=str.upper)
        ),
    ),
    "rolling back to nowhere": (VersionError, lambda d, *_: d.rollback()),
    "rolling back to an unknown version": (VersionError, lambda d, *_: d.rollback(to="v9")),
}

ROWS: dict[str, tuple[type[WMLDeployerError], Deed]] = {
    "a missing column": (SchemaError, lambda d, rows, _: d.score(rows.iloc[:, 1:])),
    "an unknown column": (SchemaError, lambda d, rows, _: d.score(rows.assign(age=1))),
    "a misspelt column": (SchemaError, lambda d, rows, _: d.score(rows.rename(columns={"mean area": "mean are"}))),
    "a column twice": (SchemaError, lambda d, rows, _: d.score(pd.concat([rows, rows.iloc[:, :1]], axis=1))),
    "columns of two levels": (PayloadError, lambda d, rows, _: d.score(pd.concat({"a": rows}, axis=1))),
    "an array too narrow": (SchemaError, lambda d, rows, _: d.score(rows.to_numpy()[:, 1:])),
    "an array too wide": (SchemaError, lambda d, *_: d.score(np.ones((2, 31)))),
    "an array of three dimensions": (PayloadError, lambda d, *_: d.score(np.ones((2, 3, 4)))),
    "infinity": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, np.inf))),
    "minus infinity in an array": (PayloadError, lambda d, *_: d.score(np.full((1, 30), -np.inf))),
    "bytes": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, b"x"))),
    "a set in a cell": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, {1}))),
    "an object in a cell": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, object()))),
    "a complex number": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, 1j))),
    "an infinite decimal": (PayloadError, lambda d, rows, _: d.score(with_cell(rows, Decimal("Infinity")))),
    "ragged rows": (PayloadError, lambda d, *_: d.score([[1.0] * 30, [1.0] * 29])),
    "a word": (PayloadError, lambda d, *_: d.score("rows")),
    "nothing to score": (PayloadError, lambda d, *_: d.score(None)),
}

FILES: dict[str, tuple[type[WMLDeployerError], Deed]] = {
    "no credentials file": (CredentialsError, lambda _, __, folder: load_credentials(folder / "no.yaml")),
    "a list of credentials": (
        CredentialsError,
        lambda _, __, folder: load_credentials(written(folder, "c.yaml", "- a\n")),
    ),
    "a tab": (CredentialsError, lambda _, __, folder: load_credentials(written(folder, "c.yaml", "url:\thttps://a\n"))),
    "an http URL": (
        CredentialsError,
        lambda *_: load_credentials({**CLOUD, "url": "http://us-south.ml.cloud.ibm.com"}),
    ),
    "an unknown region": (CredentialsError, lambda *_: load_credentials({**CLOUD, "url": "us-sout"})),
    "an empty key": (CredentialsError, lambda *_: load_credentials({**CLOUD, "apikey": ""})),
    "key and token": (CredentialsError, lambda *_: load_credentials({**CLOUD, "token": "t0ken-example"})),
    "a Cloud Pak key for the cloud": (CredentialsError, lambda *_: load_credentials({**CLOUD, "username": "ana"})),
    "a misspelt key": (CredentialsError, lambda *_: load_credentials({**CLOUD, "space_idd": "s"})),
    "no metadata file": (MetadataError, lambda _, __, folder: Deployer.local(folder / "no.yaml")),
    "metadata without a project": (
        MetadataError,
        lambda _, __, folder: Deployer.local(written(folder, "m.yaml", "a: 1\n")),
    ),
    "a list of metadata": (MetadataError, lambda _, __, folder: Deployer.local(written(folder, "m.yaml", "- 1\n"))),
}


CASES = {**MODELS, **ROWS, **FILES}

LOOKED_UP = {"a stored model of no version", "rolling back to nowhere", "rolling back to an unknown version"}
"""Versions that the files do not know: another machine may have stored them, which only the service can tell."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for files of a test."""
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def deployed_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata.yaml of the project below."""
    home = tmp_path_factory.mktemp("refusing")
    return written(home, "metadata.yaml", f"project_name: {home.name}\nproject_version: v0.1\n")


@pytest.fixture(scope="module")
def deployed(server: LocalServer, deployed_path: Path, model: Any) -> Deployer:
    """Deploy once for all rows that are to be refused."""
    info = server.info
    deployer = Deployer(
        SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        ),
        deployed_path,
    )
    deployer.deploy(model)
    deployer.score(np.ones((1, 30)))
    return deployer


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_nothing_changed(
    case: str,
    deployer: Deployer,
    metadata_path: Path,
    deployed: Deployer,
    deployed_path: Path,
    server: LocalServer,
    features: pd.DataFrame,
    folder: Path,
) -> None:
    """Not even a login reaches the service, unless it has to be asked for a version; metadata.yaml stays as it is."""
    kind, call = CASES[case]
    project, path = (deployed, deployed_path) if case in ROWS else (deployer, metadata_path)
    before = path.read_bytes()
    server.clear_requests()

    with pytest.raises(kind):
        call(project, features.head(3) if case in ROWS else features, folder)

    looked_up = case in LOOKED_UP
    sent = [one for one in server.requests if not (looked_up and (one.method == "GET" or "/ml/v4" not in one.path))]
    assert ([], before) == (sent, path.read_bytes())


def test_a_path_with_a_sample_is_not_deployed_unproven(
    deployer: Deployer, metadata_path: Path, server: LocalServer, features: pd.DataFrame, folder: Path
) -> None:
    """What it should answer is not known without loading it: that is said, and nothing is sent."""
    with metadata_path.open("a", encoding="utf-8") as file:
        file.write("model_type: scikit-learn_1.6\n")
    server.clear_requests()
    with pytest.raises(ModelError, match="what it should answer to the sample is not known"):
        deployer.deploy(written(folder, "m.joblib", "x"), sample=features)

    assert [] == server.requests
