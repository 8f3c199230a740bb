"""XGBoost models in every form that they are stored in, against XGBoost itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost

from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import encode
from wml_deployer.server.runtimes.worker.payload import decode
from wml_deployer.server.runtimes.worker.registry import Request
from wml_deployer.server.runtimes.worker.xgboost_booster import load

if TYPE_CHECKING:
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)
SCORED = [[0.5, None, 1.0], [-0.5, 1.0, 2.0]]
MATRIX = xgboost.DMatrix(np.array(SCORED, dtype=float))


def trained(**parameters: Any) -> xgboost.Booster:
    """A tiny booster."""
    return xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, **parameters}, xgboost.DMatrix(ROWS, LABELS), 3
    )


def answer_of(folder: Path, block: dict[str, Any] | None = None, **described: Any) -> Any:
    """The one answer of the model that lies in a folder."""
    score = load(Request(folder, "xgboost_2.0", "runtime-24.1-py3.11", Bounds(2**20, 10), **described))
    (answer,) = decode(encode(score({"input_data": [block or {"values": SCORED}]})))["predictions"]
    return answer


def as_rows(predictions: Any) -> dict[str, Any]:
    """The answer that carries some predictions."""
    return {"fields": ["prediction"], "values": [[value] for value in predictions.tolist()]}


@pytest.mark.parametrize("name", ["model.json", "model.ubj", "content"])
@pytest.mark.parametrize("file_format", ["json", "ubj"])
def test_native_file_is_read_whatever_it_is_called(name: str, file_format: str, tmp_path: Path) -> None:
    """JSON and UBJSON are told apart by what they hold."""
    booster = trained()
    (tmp_path / name).write_bytes(booster.save_raw(file_format))

    assert as_rows(booster.predict(MATRIX)) == answer_of(tmp_path)


def test_pickled_booster_is_served(tmp_path: Path) -> None:
    """IBM's client stores a directory with a pickled Booster."""
    booster = trained()
    joblib.dump(booster, tmp_path / "xgboost_model.pkl")

    assert as_rows(booster.predict(MATRIX)) == answer_of(tmp_path)


def test_booster_wrapped_by_the_client_is_served(tmp_path: Path) -> None:
    """IBM's client stores a Booster object inside an XGBRegressor."""
    booster = trained()
    wrapper = xgboost.XGBRegressor()
    wrapper._Booster = booster
    joblib.dump(wrapper, tmp_path / "xgboost_model.pkl")

    assert as_rows(booster.predict(MATRIX)) == answer_of(tmp_path)


def test_classifier_answers_with_probabilities(tmp_path: Path) -> None:
    """An estimator of the scikit-learn API answers as one."""
    joblib.dump(xgboost.XGBClassifier(n_estimators=2).fit(ROWS, LABELS), tmp_path / "model.joblib")

    assert ["prediction", "probability"] == answer_of(tmp_path)["fields"]


def test_several_classes_are_a_list_inside_the_one_field(tmp_path: Path) -> None:
    """A prediction of several columns is one value."""
    booster = trained(objective="multi:softprob", num_class=2)
    booster.save_model(tmp_path / "model.json")

    assert as_rows(booster.predict(MATRIX)) == answer_of(tmp_path)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """The folder of a booster trained on a data frame."""
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, LABELS), 2)
    booster.save_model(tmp_path / "model.json")
    return tmp_path


def test_names_are_the_boosters_own_where_the_payload_has_none(named: Path) -> None:
    """Columns are taken in the order in which they come."""
    assert answer_of(named, {"fields": ["a", "b", "c"], "values": SCORED}) == answer_of(named)


def test_wrong_names_are_refused_in_the_runtimes_words(named: Path) -> None:
    """XGBoost itself says which names it was trained with."""
    with pytest.raises(ValueError, match="feature_names mismatch"):
        answer_of(named, {"fields": ["a", "b", "d"], "values": SCORED})


def test_data_frame_is_made_where_the_schema_says_so(named: Path) -> None:
    """Columns and their types are the stored schema's."""
    fields = dict.fromkeys(["a", "b", "c"], "float64")

    assert answer_of(named) == answer_of(named, input_type="DataFrame", fields=fields)


def test_names_are_no_obstacle_to_a_booster_without(tmp_path: Path) -> None:
    """A booster trained on bare arrays takes a payload with fields."""
    trained().save_model(tmp_path / "model.json")

    assert answer_of(tmp_path) == answer_of(tmp_path, {"fields": ["x", "y", "z"], "values": SCORED})


def test_wrong_number_of_columns_is_refused_in_the_runtimes_words(tmp_path: Path) -> None:
    """XGBoost's message is passed on without its stack trace."""
    trained().save_model(tmp_path / "model.json")

    with pytest.raises(PredictionError, match=r"[Ff]eature") as caught:
        answer_of(tmp_path, {"values": [[1.0, 2.0, 3.0, 4.0]]})

    assert "Stack trace" not in caught.value.message


def test_file_that_is_no_model_is_a_load_error(tmp_path: Path) -> None:
    """XGBoost's own words are passed on."""
    (tmp_path / "model.json").write_text('{"not": "a model"}')

    with pytest.raises(LoadError, match="XGBoost cannot read the model"):
        answer_of(tmp_path)
