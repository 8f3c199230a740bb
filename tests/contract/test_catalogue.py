"""Every error of the catalogue, really provoked: by what a user does, or by what the service does to them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trustme
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials, errors, load_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from wml_deployer.testing import LocalServer


class Stage(NamedTuple):
    """A deployed project, and what can go wrong around it."""

    deployer: Deployer
    path: Path
    credentials: SoftwareCredentials
    server: LocalServer
    model: Any
    rows: pd.DataFrame
    folder: Path

    def score(self, status: int | None = None, **fault: Any) -> object:
        """Score while the service misbehaves."""
        self.server.fault("POST", "predictions$", status=status, times=None, **fault)
        return self.deployer.score(self.rows, timeout=2)

    def ask(self, status: int) -> object:
        """Ask for the deployment while the service refuses."""
        self.server.fault("GET", "^/ml/v4/deployments", status=status, times=None)
        return self.deployer.status()

    def store(self, model: Any, **options: Any) -> object:
        """Store something."""
        return self.deployer.store(model, **options)

    def deploy_anew(self) -> object:
        """Deploy in a new project, on a service that answers no sample."""
        path = self.folder / "anew.yaml"
        path.write_text("project_name: anew\nproject_version: v1\n", encoding="utf-8")
        self.server.fault("POST", "predictions$", status=400, times=None)
        with Deployer(self.credentials, path) as deployer:
            return deployer.deploy(self.model, sample=self.rows)

    def by_a_stranger(self) -> object:
        """Reach the service with another authority."""
        trustme.CA().cert_pem.write_to_path(str(self.folder / "other.pem"))
        stranger = self.credentials.model_copy(update={"ca_bundle": self.folder / "other.pem"})
        with Deployer(stranger, self.path) as deployer:
            return deployer.status()

    def without_a_client(self) -> object:
        """Ask for a region by the client that does not know it."""
        credentials = CloudCredentials(url="au-syd", apikey="k", space="s", client="machine-learning")
        with Deployer(credentials, self.path) as deployer:
            return deployer.status()


def only_here(rows: Any) -> Any:
    """Stands in a module that no runtime has."""
    return rows


def infinite(rows: pd.DataFrame) -> pd.DataFrame:
    """Put a value that JSON cannot carry into the rows."""
    changed = rows.copy()
    changed.iloc[0, 0] = float("inf")
    return changed


PROVOKED: dict[str, Callable[[Stage], object]] = {
    "AuthenticationError": lambda stage: stage.ask(401),
    "AuthorizationError": lambda stage: stage.ask(403),
    "BadRequestError": lambda stage: stage.score(400),
    "CertificateError": Stage.by_a_stranger,
    "CheckError": lambda stage: stage.store(
        make_pipeline(FunctionTransformer(only_here), clone(stage.model)).fit(stage.rows, [0, 1, 0])
    ),
    "ClientNotInstalledError": Stage.without_a_client,
    "ConfigurationError": lambda stage: stage.deployer.score(stage.rows, batch_rows=0),
    "ConflictError": lambda stage: stage.ask(409),
    "CredentialsError": lambda _: load_credentials({}, environment={}),
    "DeadlineError": lambda stage: stage.score(stall=20),
    "InvalidResponseError": lambda stage: stage.score(200),
    "MetadataError": lambda stage: Deployer(stage.credentials, stage.folder / "missing.yaml").history(),
    "ModelError": lambda stage: stage.store(stage.model, metrics={"f1": float("nan")}),
    "NotFoundError": lambda stage: stage.score(404),
    "PackagingError": lambda stage: stage.store(make_pipeline(FunctionTransformer(Lock()), stage.model)),
    "PayloadError": lambda stage: stage.deployer.score(infinite(stage.rows)),
    "PayloadTooLargeError": lambda stage: stage.score(413),
    "RateLimitError": lambda stage: stage.score(429, headers={"Retry-After": "0"}),
    "RolloutError": Stage.deploy_anew,
    "SchemaError": lambda stage: stage.deployer.score(stage.rows.iloc[:, 1:]),
    "ServerError": lambda stage: stage.score(500),
    "ServiceError": lambda stage: stage.score(418),
    "SpecificationError": lambda stage: stage.store(stage.model, specification="runtime-1.0"),
    "TransportError": lambda stage: stage.score(drop="before"),
    "UnsupportedModelError": lambda stage: stage.store(object()),
    "VersionError": lambda stage: stage.deployer.rollback(to="never"),
}
"""Error -> what raises it. The others are there to be caught: nothing raises them, but their children."""
CAUGHT_ALONE = {"WMLDeployerError"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's metadata.yaml; of another name each time, for a worker may come back to this file."""
    path = tmp_path_factory.mktemp("catalogue") / "metadata.yaml"
    path.write_text(f"project_name: {path.parent.name}\nproject_version: v1\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def deployer(reached: SoftwareCredentials, path: Path, model: Any, features: pd.DataFrame) -> Iterator[Deployer]:
    """Deploy one project for all."""
    with Deployer(reached, path) as deployer:
        deployer.deploy(model, sample=features.head(3))
        yield deployer


@pytest.fixture
def stage(
    deployer: Deployer,
    path: Path,
    reached: SoftwareCredentials,
    server: LocalServer,
    model: Any,
    features: pd.DataFrame,
    tmp_path: Path,
) -> Iterator[Stage]:
    """Set the stage; afterwards the service behaves again."""
    yield Stage(deployer, path, reached, server, model, features.head(3), tmp_path)
    server.clear_faults()


def test_every_error_is_provoked() -> None:
    """A new one is given its cause here."""
    kinds = {name for name in errors.__all__ if name != "Fault"}

    assert kinds == PROVOKED.keys() | CAUGHT_ALONE


@pytest.mark.parametrize("kind", PROVOKED)
def test_it_is_raised(kind: str, stage: Stage) -> None:
    """Exactly this one, and it says something."""
    with pytest.raises(errors.WMLDeployerError) as caught:
        PROVOKED[kind](stage)

    assert (kind, True) == (type(caught.value).__name__, bool(caught.value.message))
