"""MLflow's models go live, and its deployment plugin does what MLflow expects of one."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from tests.credentials_file import credential_variables
from wml_deployer import Deployer
from wml_deployer.errors import ModelError

with warnings.catch_warnings():
    # MLflow warns of its own type hints.
    warnings.simplefilter("ignore")
    import mlflow.pyfunc
    from mlflow.deployments import BaseDeploymentClient, PredictionsResponse, get_deploy_client
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def tree(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a tree: it answers a row the same whatever rows come with it."""
    return DecisionTreeClassifier(min_samples_leaf=9).fit(features, labels)


@pytest.fixture(scope="module")
def folder(tree: Any, features: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the tree as MLflow does."""
    path = tmp_path_factory.mktemp("mlflow") / "tree"
    signature = infer_signature(features, tree.predict(features))
    mlflow.sklearn.save_model(tree, str(path), signature=signature, serialization_format="cloudpickle")
    return path


@pytest.fixture
def deployer(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Open the project on the embedded service, which runs functions with the packages that are here."""
    with Deployer(reached, metadata_path) as deployer:
        yield deployer


@pytest.fixture
def environment(server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Work in an empty folder and an empty space, with the service named by variables."""
    server.reset()
    variables = credential_variables(server.info)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return variables


@pytest.fixture
def plugin(environment: dict[str, str]) -> Any:
    """Ask MLflow for the plugin, which finds it by its entry point."""
    assert environment
    return get_deploy_client("wml")


def test_pickle_of_a_model_is_stored_without_loading_it(
    deployer: Deployer, folder: Path, tree: Any, features: pd.DataFrame
) -> None:
    """Its type is MLflow's word, its columns are the signature's."""
    deployer.release(str(folder))
    stored = deployer.metadata.versions[-1]

    assert ("native", "scikit-learn_1.6") == (stored.route, stored.model_type)
    assert stored.schema is not None
    assert [(name, "float64") for name in features] == [(one.name, one.dtype) for one in stored.schema.fields]
    assert tree.predict(features).tolist() == deployer.score(features)["prediction"].tolist()


def test_model_is_loaded_only_when_that_is_asked_for(deployer: Deployer, folder: Path, features: pd.DataFrame) -> None:
    """As any pickle; then it is rehearsed and verified."""
    with pytest.raises(ModelError, match="unpickle=True"):
        deployer.release(folder, sample=features.head(5))
    deployer.release(folder, sample=features.head(5), unpickle=True)

    assert "passed" == deployer.history()["verification"].iloc[-1]


def test_registered_model_is_released_by_its_alias(
    deployer: Deployer, tree: Any, features: pd.DataFrame, tmp_path: Path
) -> None:
    """The same content again does nothing."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        mlflow.create_experiment("churn", artifact_location=(tmp_path / "artifacts").as_uri())
        mlflow.set_experiment("churn")
        with mlflow.start_run():
            mlflow.sklearn.log_model(
                tree,
                name="model",
                signature=infer_signature(features, tree.predict(features)),
                registered_model_name="churn",
                serialization_format="cloudpickle",
            )
        mlflow.MlflowClient().set_registered_model_alias("churn", "champion", "1")
        for _ in range(2):
            deployment = deployer.release("models:/churn@champion")
    finally:
        mlflow.set_tracking_uri(before)

    assert (1, deployment.version) == (len(deployer.history()), "v0.1")
    assert tree.predict(features).tolist() == deployer.score(features)["prediction"].tolist()


def test_flavor_of_another_framework_is_loaded_as_its_model(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any], tmp_path: Path
) -> None:
    """XGBoost's by XGBoost: MLflow is not needed where it runs."""
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=3).fit(features, labels)
    mlflow.xgboost.save_model(model, str(tmp_path / "model"))
    deployer.release(tmp_path / "model", sample=features.head(20), unpickle=True)

    libraries = deployer.metadata.versions[-1].libraries
    assert ("xgboost" in libraries, "mlflow" in libraries) == (True, False)
    assert model.predict(features).tolist() == deployer.score(features)["prediction"].tolist()


class Sum(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Adds up the columns, and a number that lies in a file beside it."""

    def load_context(self, context: Any) -> None:
        self.more = float(Path(context.artifacts["more"]).read_text())

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        return model_input.sum(axis=1) + self.more


def test_any_other_model_goes_live_as_a_function_with_its_folder(
    deployer: Deployer, features: pd.DataFrame, tmp_path: Path
) -> None:
    """Its artifacts go along; its columns arrive with the types of its signature."""
    (tmp_path / "more.txt").write_text("0.5")
    columns = features.iloc[:, :3].astype("float32")
    mlflow.pyfunc.save_model(
        str(tmp_path / "model"),
        python_model=Sum(),
        artifacts={"more": str(tmp_path / "more.txt")},
        signature=infer_signature(columns, columns.sum(axis=1)),
    )
    # What the tests have is what it needs, and nothing is to be installed.
    deployer.release(tmp_path / "model", sample=columns.head(5), unpickle=True, requirements=[])

    assert "function" == deployer.metadata.versions[-1].route
    expected = columns.sum(axis=1) + 0.5
    assert expected.tolist() == pytest.approx(deployer.score(columns)["prediction"].tolist(), rel=1e-6)


# The plugin: what MLflow's own tests ask of one, tests/deployments/test_deployments.py of its repository.


def test_plugin_is_a_client_of_mlflow(plugin: Any) -> None:
    """One class, found by the target's name."""
    assert isinstance(plugin, BaseDeploymentClient)


def test_deployment_is_created_described_listed_and_deleted(plugin: Any, folder: Path) -> None:
    """With the keys that MLflow relies on; deleting what is gone is fine."""
    created = plugin.create_deployment("churn", str(folder), None, config={})
    assert ("churn", "sklearn") == (created["name"], created["flavor"])
    assert "churn" == plugin.get_deployment("churn")["name"]
    assert ["churn"] == [one["name"] for one in plugin.list_deployments()]

    assert plugin.delete_deployment("churn") is None
    assert plugin.delete_deployment("churn") is None
    assert [] == plugin.list_deployments()
    with pytest.raises(MlflowException):
        plugin.get_deployment("churn")


def test_predictions_are_a_response_of_mlflow(plugin: Any, folder: Path, tree: Any, features: pd.DataFrame) -> None:
    """It can be written as JSON and read as a frame."""
    plugin.create_deployment("churn", str(folder))
    response = plugin.predict("churn", features.head(3))

    assert isinstance(response, PredictionsResponse)
    assert json.loads(response.to_json())["predictions"] == response["predictions"]
    assert tree.predict(features.head(3)).tolist() == response.get_predictions()["prediction"].tolist()


def test_update_serves_another_model_under_the_same_url(
    plugin: Any, folder: Path, features: pd.DataFrame, labels: pd.Series[Any], tmp_path: Path
) -> None:
    """With options as text; another machine, without files, goes on from what the service has."""
    before = plugin.create_deployment("churn", str(folder), config={"version": "7"})
    stump = DecisionTreeClassifier(max_depth=1).fit(features, labels)
    mlflow.sklearn.save_model(stump, str(tmp_path / "stump"), serialization_format="cloudpickle")
    features.head(9).to_csv(tmp_path / "sample.csv", index=False)
    for path in Path(".wml", "mlflow", "churn").iterdir():
        path.unlink() if path.is_file() else None
    config = {"version": "8", "sample": "sample.csv", "unpickle": "true"}
    after = plugin.update_deployment("churn", str(tmp_path / "stump"), config=config)

    assert (before["url"], "8", "sklearn") == (after["url"], after["version"], after["flavor"])


def test_project_of_the_folder_is_used(plugin: Any, folder: Path) -> None:
    """So that its history is that of all tools."""
    Path("metadata.yaml").write_text("project_name: churn\nproject_version: v0.1\n")
    plugin.create_deployment("churn", str(folder))

    assert Path("metadata.lock").exists()
    assert not Path(".wml", "mlflow").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda plugin, folder: plugin.create_deployment("churn", folder, "sklearn"), "flavor"),
        (lambda plugin, folder: plugin.create_deployment("churn", folder, endpoint="e"), "endpoints"),
        (lambda plugin, folder: plugin.create_deployment("churn", folder, config={"size": "L"}), "size is unknown"),
        (lambda plugin, folder: plugin.create_deployment("churn", folder, config={"unpickle": "si"}), "true or false"),
        (lambda plugin, folder: plugin.create_deployment("churn", folder, config={"timeout": "soon"}), "seconds"),
        (lambda plugin, _: plugin.update_deployment("churn"), "give a model"),
        (lambda plugin, folder: plugin.update_deployment("churn", folder), "not deployed"),
        (lambda plugin, _: plugin.predict("churn", pd.DataFrame({"x": [1]})), "not deployed"),
        (lambda *_: get_deploy_client("wml:/moon"), "wml:/local"),
    ],
)
def test_wrong_calls_are_errors_of_mlflow(plugin: Any, folder: Path, call: Any, message: str) -> None:
    """Each says what is wrong."""
    with pytest.raises(MlflowException, match=message):
        call(plugin, str(folder))


def test_second_deployment_of_a_name_is_refused(plugin: Any, folder: Path) -> None:
    """As MLflow's interface has it."""
    plugin.create_deployment("churn", str(folder))

    with pytest.raises(MlflowException, match="exists already"):
        plugin.create_deployment("churn", str(folder))


def test_session_on_the_command_line(environment: dict[str, str], folder: Path, features: pd.DataFrame) -> None:
    """Every command of MLflow, as it is typed."""
    assert environment
    features.head(2).to_json("rows.json", orient="records")

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "mlflow", "deployments", *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    name = ("-t", "wml", "--name", "churn")
    assert "credentials.yaml" in run("help", "-t", "wml")
    assert "sklearn deployment churn is created" in run("create", *name, "-m", str(folder), "-C", "version=7")
    assert "version: 7" in run("get", *name)
    assert "'name': 'churn'" in run("list", "-t", "wml")
    assert 2 == len(json.loads(run("predict", *name, "-I", "rows.json"))["predictions"])
    assert "churn is updated (with flavor sklearn)" in run("update", *name, "-m", str(folder))
    assert "Deployment churn is deleted" in run("delete", *name)
