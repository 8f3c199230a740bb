"""Models in their framework's own format go live as they are, and answer what their own libraries answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.ibm_suite.artefacts import PMML
from wml_deployer.errors import CheckError, ModelError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = np.where(ROWS[:, 0] > 0, "stay", "go")


def graph(strength: float = 1.0, **options: Any) -> Any:
    """A classifier, converted."""
    options = {"initial_types": [("input", FloatTensorType([None, 3]))], "target_opset": 15, **options}
    return skl2onnx.convert_sklearn(LogisticRegression(C=strength).fit(ROWS, LABELS), **options)


def outputs(model: Any, feed: dict[str, Any]) -> list[Any]:
    """What ONNX Runtime answers."""
    answered: list[Any] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)
    return answered


@pytest.fixture
def without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where ONNX Runtime is not installed."""
    monkeypatch.setattr("wml_deployer._verification.graphs.find_spec", lambda _: None)


def test_graph_answers_as_onnx_runtime_does(deployer: Deployer) -> None:
    """Every number of single precision arrives as the double of its value."""
    model = graph(options={"zipmap": False})
    deployer.release(model, sample=ROWS[:20])
    scores = deployer.score(ROWS)
    labels, probabilities = outputs(model, {"input": ROWS.astype(np.float32)})

    assert labels.tolist() == scores["label"].tolist()
    assert np.array_equal(probabilities.astype(np.float64), scores[["probabilities_0", "probabilities_1"]])
    version = deployer.metadata.versions[-1]
    assert ("native", "onnxruntime_1.17", ("go", "stay")) == (version.route, version.model_type, version.classes)


def test_object_and_file_of_a_graph_are_one_version(deployer: Deployer, tmp_path: Path) -> None:
    """Whatever the file is called."""
    model = graph()
    onnx.save(model, tmp_path / "churn.onnx")

    assert deployer.store(model).version == deployer.store(tmp_path / "churn.onnx").version


def test_graph_of_columns_takes_a_frame(deployer: Deployer) -> None:
    """Each column is an input of its own, in any order."""
    rows = pd.DataFrame({"plan": ["basic", "gold"] * 20, "visits": np.arange(40)})
    encode = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    pipeline = make_pipeline(encode, LogisticRegression()).fit(rows, rows["visits"] > 9)
    inputs = [("plan", StringTensorType([None, 1])), ("visits", Int64TensorType([None, 1]))]
    options = {"zipmap": False}
    model = skl2onnx.convert_sklearn(pipeline, initial_types=inputs, target_opset=15, options=options)
    deployer.release(model, sample=rows.head(9))
    scores = deployer.score(rows[["visits", "plan"]])
    _, probabilities = outputs(model, {name: rows[[name]].to_numpy() for name in ("plan", "visits")})

    assert np.array_equal(probabilities.astype(np.float64), scores[["probabilities_0", "probabilities_1"]])


def test_update_of_a_graph_is_rolled_back(deployer: Deployer) -> None:
    """As of any model."""
    deployer.release(graph(), sample=ROWS)
    deployer.update(graph(0.1), sample=ROWS)
    after = deployer.score(ROWS)
    deployer.rollback()

    assert not deployer.score(ROWS).equals(after)
    assert ["deploy", "update", "rollback"] == [entry.action for entry in deployer.metadata.log]


def test_graph_for_one_number_of_rows_is_refused(deployer: Deployer, server: LocalServer) -> None:
    """Its rehearsal finds that it does not take a row alone."""
    server.clear_requests()
    with pytest.raises(CheckError, match="the first half is refused") as caught:
        deployer.store(graph(initial_types=[("input", FloatTensorType([20, 3]))]), sample=ROWS[:20])

    assert "dynamic first axis" in str(caught.value)
    assert [] == [
        request for request in server.requests if request.method in {"POST", "PUT"} and "models" in request.path
    ]


def test_sample_of_another_width_is_refused(deployer: Deployer) -> None:
    """ONNX Runtime says what it expects."""
    with pytest.raises(CheckError, match="invalid dimensions"):
        deployer.store(graph(), sample=ROWS[:, :2])


def test_named_specification_decides_the_type(deployer: Deployer) -> None:
    """An older runtime takes the graph under its own type."""
    deployer.store(graph(), specification="onnxruntime_opset_19")

    assert "onnxruntime_1.16" == deployer.metadata.versions[-1].model_type


@pytest.mark.usefixtures("without_onnxruntime")
def test_deployment_is_asked_where_nothing_runs_the_graph_here(deployer: Deployer) -> None:
    """The check warns, and the deployment has to answer alike whole and in parts."""
    report = deployer.check(graph(), sample=ROWS)
    deployer.release(graph(), sample=ROWS)

    assert ["sample"] == [finding.subject for finding in report.warnings if "onnxruntime" in finding.next_step]
    assert "passed" == deployer.metadata.log[-1].verification


@pytest.mark.usefixtures("without_onnxruntime")
def test_deployment_that_does_not_answer_a_row_alone_is_undone(deployer: Deployer) -> None:
    """What a rehearsal would have found, the verification finds."""
    with pytest.raises(RolloutError, match="the first half"):
        deployer.release(graph(initial_types=[("input", FloatTensorType([20, 3]))]), sample=ROWS[:20])

    assert deployer.metadata.deployment_uid is None


def test_function_of_a_graph_is_refused(deployer: Deployer, tmp_path: Path) -> None:
    """A runtime serves it as it is."""
    onnx.save(graph(), tmp_path / "churn.onnx")
    with pytest.raises(ModelError, match="a function carries the model itself") as caught:
        deployer.check(tmp_path / "churn.onnx", route="function", strict=True)

    assert "Leave out route=" in str(caught.value)


def test_type_of_another_framework_is_refused(deployer: Deployer) -> None:
    """metadata.yaml may name a type that fits."""
    file = deployer._file.path
    file.write_text(f"{file.read_text(encoding='utf-8')}model_type: scikit-learn_1.6\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"model_type: scikit-learn_1\.6, but the ONNX model is onnxruntime_1\.17"):
        deployer.store(graph())


@pytest.mark.slow
def test_pmml_document_goes_live(deployer: Deployer, tmp_path: Path) -> None:
    """Its columns are those of its data dictionary."""
    path = tmp_path / "iris.pmml"
    path.write_text(PMML, encoding="utf-8")
    flowers = pd.DataFrame(
        {"Petal.Width": [0.2, 1.3], "Petal.Length": [1.4, 4.7], "Sepal.Width": [3.5, 3.2], "Sepal.Length": [5.1, 7.0]}
    )
    deployer.release(path, sample=flowers)
    path.write_text(PMML.replace("2.45", "2.5"), encoding="utf-8")
    deployer.release(path, sample=flowers)

    assert ["setosa", "versicolor"] == deployer.score(flowers)["predicted_Species"].tolist()
    assert 2 == len(deployer.metadata.versions)


KERAS_FILES: dict[str, Callable[[Any, Path], Any]] = {
    "model.keras": lambda model, path: model.save(path),
    "model.h5": lambda model, path: model.save(path),
    "saved": lambda model, path: model.export(path, verbose=False),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", KERAS_FILES)
def test_file_of_tensorflow_goes_live(name: str, deployer: Deployer, tmp_path: Path) -> None:
    """Each format in which Keras saves a model."""
    pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    KERAS_FILES[name](model, tmp_path / name)
    deployer.release(tmp_path / name, sample=ROWS[:20])
    scores = deployer.score(ROWS)

    assert np.allclose(model.predict(ROWS, verbose=0), scores[["prediction_0", "prediction_1"]], rtol=1e-6)
    assert "native" == deployer.metadata.versions[-1].route


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_file_of_keras_goes_live_as_a_function(deployer: Deployer, tmp_path: Path) -> None:
    """Where that is asked for, the model in it answers as it does here."""
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    deployer.release(tmp_path / "model.keras", sample=ROWS[:20], route="function")

    assert np.array_equal(model.predict(ROWS, verbose=0)[:, 0], deployer.score(ROWS)["prediction"])
