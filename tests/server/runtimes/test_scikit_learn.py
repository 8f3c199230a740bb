"""What the scikit-learn runtime answers for each kind of estimator, against the estimator itself."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import encode
from wml_deployer.server.runtimes.worker.payload import decode
from wml_deployer.server.runtimes.worker.registry import Request
from wml_deployer.server.runtimes.worker.scikit_learn import load

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)
TARGET = ROWS @ [1.0, -2.0, 0.5]
SCORED = ROWS[:4].tolist()


def request_for(directory: Path, **described: Any) -> Request:
    """A request to load what lies in a folder."""
    return Request(directory, "scikit-learn_1.3", "runtime-24.1-py3.11", Bounds(2**30, 100), **described)


def answer_of(model: Any, directory: Path, blocks: list[dict[str, Any]], **described: Any) -> Any:
    """The answer to some blocks, written and read as JSON is."""
    joblib.dump(model, directory / "model.joblib")
    score = load(request_for(directory, **described))
    return decode(encode(score({"input_data": blocks})))["predictions"]


def only_answer(model: Any, directory: Path, values: Any = None, **described: Any) -> Any:
    """The one answer to one block without names."""
    (answer,) = answer_of(model, directory, [{"values": SCORED if values is None else values}], **described)
    return answer


def rows_of(*columns: list[Any]) -> list[list[Any]]:
    """Columns as rows."""
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    "classes", [np.array([3, 7]), np.array([0.0, 1.0]), np.array(["no", "yes"]), np.array([False, True])]
)
def test_classifier_answers_label_and_probabilities(classes: Any, tmp_path: Path) -> None:
    """Labels keep the type of the classes: integer, float, text, boolean."""
    model = GaussianNB().fit(ROWS, classes[LABELS])
    expected = rows_of(model.predict(SCORED).tolist(), model.predict_proba(SCORED).tolist())

    assert {"fields": ["prediction", "probability"], "values": expected} == only_answer(model, tmp_path)


PIPELINE_ENDS = [
    LogisticRegression(solver="newton-cholesky"),
    RandomForestClassifier(n_estimators=5, random_state=0),
    CalibratedClassifierCV(SVC(), cv=2),
    make_pipeline(MinMaxScaler(), GaussianNB()),
    xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
]


@pytest.mark.parametrize("last", PIPELINE_ENDS, ids=lambda last: type(last).__name__)
@pytest.mark.parametrize("first", [StandardScaler(), "passthrough", FunctionTransformer(np.abs)], ids=str)
def test_pipeline_answers_what_it_predicts(first: Any, last: Any, tmp_path: Path) -> None:
    """Label and probabilities are those of the whole pipeline, to the last bit."""
    model = make_pipeline(first, last).fit(ROWS, LABELS)
    expected = rows_of(model.predict(SCORED).tolist(), model.predict_proba(SCORED).astype(float).tolist())

    assert expected == only_answer(model, tmp_path)["values"]


def test_pipeline_transforms_once_for_label_and_probabilities(misbehaving: ModuleType, tmp_path: Path) -> None:
    """Half of the time of most pipelines is spent before the last step."""
    misbehaving.TRANSFORMED.clear()
    model = make_pipeline(FunctionTransformer(misbehaving.note), GaussianNB()).fit(ROWS, LABELS)
    misbehaving.TRANSFORMED.clear()

    only_answer(model, tmp_path)

    assert [len(SCORED)] == misbehaving.TRANSFORMED


@pytest.mark.parametrize(
    "model",
    [
        SVC().fit(ROWS, LABELS + 4),
        LinearRegression().fit(ROWS, TARGET),
        KMeans(2, n_init=1).fit(ROWS),
        IsolationForest(n_estimators=5).fit(ROWS),
    ],
    ids=lambda model: type(model).__name__,
)
def test_estimator_without_probabilities_answers_predictions_alone(model: Any, tmp_path: Path) -> None:
    """Each row is a list of the one prediction."""
    expected = [[prediction] for prediction in model.predict(SCORED).tolist()]

    assert {"fields": ["prediction"], "values": expected} == only_answer(model, tmp_path)


def test_several_targets_are_a_list_inside_the_one_field(tmp_path: Path) -> None:
    """A prediction of two columns is one value of two numbers."""
    model = LinearRegression().fit(ROWS, np.column_stack([TARGET, -TARGET]))
    expected = [[row] for row in model.predict(SCORED).tolist()]

    assert {"fields": ["prediction"], "values": expected} == only_answer(model, tmp_path)


def test_several_outputs_have_probabilities_each(tmp_path: Path) -> None:
    """A classifier of two outputs answers two labels and two lists of probabilities a row."""
    model = DecisionTreeClassifier(random_state=0).fit(ROWS, np.column_stack([LABELS, 1 - LABELS]))
    first, second = (output.tolist() for output in model.predict_proba(SCORED))
    probabilities = [list(pair) for pair in zip(first, second, strict=True)]
    expected = rows_of(model.predict(SCORED).tolist(), probabilities)

    assert {"fields": ["prediction", "probability"], "values": expected} == only_answer(model, tmp_path)


def test_single_precision_keeps_its_exact_value(tmp_path: Path) -> None:
    """XGBoost's float32 probabilities are told as the doubles that they are, as the real service does."""
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(ROWS, LABELS)
    expected = [[float(value) for value in row] for row in model.predict_proba(np.array(SCORED))]

    assert expected == [row[1] for row in only_answer(model, tmp_path)["values"]]


@pytest.mark.parametrize(
    "predictions",
    [np.array([np.nan, 1.0]), [None, 1.0], pd.Series([float("nan"), 1.0]), np.array([[np.inf], [1.0]])[:, 0]],
)
def test_what_json_lacks_is_null(predictions: Any, misbehaving: ModuleType, tmp_path: Path) -> None:
    """Missing and infinite predictions are null."""
    assert [[None], [1.0]] == only_answer(misbehaving.Fixed(predictions), tmp_path)["values"]


def test_each_block_has_its_answer(tmp_path: Path) -> None:
    """Two blocks of input are two blocks of answer, in order."""
    model = LinearRegression().fit(ROWS, TARGET)
    first, second = answer_of(model, tmp_path, [{"values": SCORED[:1]}, {"values": SCORED[1:]}])

    assert (1, 3) == (len(first["values"]), len(second["values"]))


@pytest.fixture(scope="module")
def named() -> Any:
    """A pipeline that picks its columns by name."""
    frame = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "city": ["Recife", "Natal", "Recife", "Natal"]})
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(solver="newton-cholesky")).fit(frame, ["a", "b", "b", "a"])


def test_fields_make_a_data_frame_for_a_model_fitted_on_one(named: Any, tmp_path: Path) -> None:
    """A pipeline that picks columns by name is served whatever order the payload gives them in."""
    expected = named.predict(pd.DataFrame({"age": [33.0], "city": ["Natal"]})).tolist()
    (answer,) = answer_of(named, tmp_path, [{"fields": ["city", "age"], "values": [["Natal", 33.0]]}])

    assert expected == [row[0] for row in answer["values"]]


def test_data_frame_takes_its_columns_from_the_schema(named: Any, tmp_path: Path) -> None:
    """Without fields the columns are the stored schema's."""
    expected = named.predict(pd.DataFrame({"age": [33.0], "city": ["Natal"]})).tolist()
    answer = only_answer(
        named, tmp_path, [[33.0, "Natal"]], input_type="DataFrame", fields={"age": "float64", "city": "object"}
    )

    assert expected == [row[0] for row in answer["values"]]


def test_unknown_field_is_refused_in_the_runtimes_words(tmp_path: Path) -> None:
    """scikit-learn itself says which names it was fitted with."""
    model = LinearRegression().fit(pd.DataFrame(ROWS, columns=["a", "b", "c"]), TARGET)

    with pytest.raises(ValueError, match="feature names should match"):
        answer_of(model, tmp_path, [{"fields": ["a", "b", "d"], "values": SCORED}])


def test_payload_without_fields_is_accepted_by_a_model_fitted_with_names(tmp_path: Path) -> None:
    """Columns are then taken in the order in which they come."""
    model = LinearRegression().fit(pd.DataFrame(ROWS, columns=["a", "b", "c"]), TARGET)
    with pytest.warns(UserWarning, match="valid feature names"):
        answer = only_answer(model, tmp_path)

    assert [[value] for value in LinearRegression().fit(ROWS, TARGET).predict(SCORED).tolist()] == answer["values"]


def test_fields_are_accepted_by_a_model_fitted_without_names(tmp_path: Path) -> None:
    """Names that the model does not know are no obstacle."""
    model = LinearRegression().fit(ROWS, TARGET)
    (answer,) = answer_of(model, tmp_path, [{"fields": ["x", "y", "z"], "values": SCORED}])

    assert [[value] for value in model.predict(SCORED).tolist()] == answer["values"]


def test_data_frame_without_names_is_refused(tmp_path: Path) -> None:
    """Where neither payload nor schema nor model names the columns, the payload is told to."""
    model = LinearRegression().fit(ROWS, TARGET)

    with pytest.raises(PredictionError, match="'fields' must contain the column names"):
        only_answer(model, tmp_path, input_type="DataFrame")


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle that needs a package which is not there says which."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "own_transformers.py").write_text("class Model:\n    def predict(self, rows): return rows\n")
    monkeypatch.syspath_prepend(library)
    module = importlib.import_module("own_transformers")
    content = tmp_path / "content"
    content.mkdir()
    joblib.dump(module.Model(), content / "model.pkl")
    monkeypatch.undo()
    sys.modules.pop("own_transformers")

    with pytest.raises(LoadError, match=r"'own_transformers'.*package extension") as caught:
        load(request_for(content))

    assert "missing_package" == caught.value.code


def test_damaged_pickle_is_a_load_error(tmp_path: Path) -> None:
    """The error tells what the unpickler said."""
    (tmp_path / "model.pkl").write_bytes(b"this is no pickle")

    with pytest.raises(LoadError, match="cannot be unpickled"):
        load(request_for(tmp_path))


def test_two_models_in_one_archive_are_refused(tmp_path: Path) -> None:
    """The error lists what the content holds."""
    for name in ("first.pkl", "second.pkl"):
        joblib.dump(GaussianNB().fit(ROWS, LABELS), tmp_path / name)

    with pytest.raises(LoadError, match=r"exactly one model file .* first\.pkl, second\.pkl"):
        load(request_for(tmp_path))


def test_model_beside_its_package_is_found(tmp_path: Path) -> None:
    """Pickles deeper in the archive belong to something else."""
    (tmp_path / "data").mkdir()
    joblib.dump({"not": "a model"}, tmp_path / "data" / "table.pkl")

    assert "values" in only_answer(RandomForestClassifier(2, random_state=0).fit(ROWS, LABELS), tmp_path)
