"""Equal estimators give equal bytes, and what cannot be pickled is named."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from wml_deployer._packaging.pickling import dump
from wml_deployer.errors import PackagingError

ROWS = 60
FRAME = pd.DataFrame({"height": np.linspace(-1, 1, ROWS) ** 3, "colour": np.resize(["red", "blue", "green"], ROWS)})
X = np.random.default_rng(0).normal(size=(ROWS, 4))
Y = np.resize(["no", "yes", "no", "maybe"], ROWS)
ALIGNED = np.dtype([("flag", "i1"), ("value", "f8")], align=True)
"""Seven bytes of each row belong to no field."""
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["height"]), ("c", OneHotEncoder(), ["colour"])])

FITTED = [
    DecisionTreeClassifier(random_state=0).fit(X, Y),
    RandomForestClassifier(5, random_state=0).fit(X, Y),
    ExtraTreesRegressor(5, random_state=0).fit(X, X[:, 0]),
    GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, Y),
    HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(X, Y),
    AdaBoostClassifier(n_estimators=3, random_state=0).fit(X, Y),
    IsolationForest(n_estimators=3, random_state=0).fit(X),
    LinearRegression().fit(X, X[:, 0]),
    LogisticRegression(solver="liblinear").fit(X, Y == "no"),
    SGDClassifier(random_state=0).fit(X, Y),
    SVC(random_state=0).fit(X, Y),
    KNeighborsClassifier().fit(X, Y),
    GaussianNB().fit(X, Y),
    GaussianProcessRegressor(optimizer=None).fit(X[:20], X[:20, 0]),
    MLPRegressor(hidden_layer_sizes=(3,), solver="sgd", max_iter=2000, tol=0.1, random_state=0).fit(X, X[:, 0]),
    KMeans(3, n_init=1, random_state=0).fit(X),
    CalibratedClassifierCV(GaussianNB(), cv=2).fit(X, Y),
    VotingClassifier([("n", GaussianNB()), ("t", DecisionTreeClassifier(random_state=0))]).fit(X, Y),
    GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2).fit(X, Y),
    make_pipeline(COLUMNS, RandomForestClassifier(3, random_state=0)).fit(FRAME, Y),
    make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(np.resize(["a fox", "the dog", "a cat ran"], ROWS), Y),
    XGBClassifier(n_estimators=3, random_state=0).fit(X, Y == "no"),
]


class Spoilt(DummyRegressor):  # type: ignore[misc]  # scikit-learn is untyped
    """An estimator to hang things on."""


def pickled(estimator: object) -> bytes:
    target = io.BytesIO()
    dump(estimator, target)
    return target.getvalue()


def reloaded(estimator: object) -> Any:
    return joblib.load(io.BytesIO(pickled(estimator)))


@pytest.mark.parametrize("estimator", FITTED, ids=lambda estimator: type(estimator).__name__)
def test_an_estimator_and_its_reload_give_equal_bytes(estimator: Any) -> None:
    """Whether a model was just fitted or loaded from a file cannot be seen in its bytes."""
    once = reloaded(estimator)

    assert pickled(estimator) == pickled(once) == pickled(reloaded(once))


@pytest.mark.parametrize("estimator", FITTED[:4] + FITTED[-2:], ids=lambda estimator: type(estimator).__name__)
def test_joblibs_and_pickles_own_files_lead_to_the_same_bytes(estimator: Any) -> None:
    """An estimator that went through joblib.dump or pickle.dumps is still the same model."""
    through_joblib = io.BytesIO()
    joblib.dump(estimator, through_joblib)

    assert {pickled(estimator)} == {
        pickled(joblib.load(through_joblib)),
        pickled(pickle.loads(pickle.dumps(estimator))),
    }


@pytest.mark.parametrize("estimator", FITTED[:3], ids=lambda estimator: type(estimator).__name__)
def test_predictions_survive(estimator: Any) -> None:
    """What is loaded predicts exactly what was dumped."""
    assert estimator.predict(X).tolist() == reloaded(estimator).predict(X).tolist()


def test_another_model_gives_other_bytes() -> None:
    """One threshold is enough."""
    other = reloaded(FITTED[0])
    other.tree_.threshold[0] += 1e-9

    assert pickled(FITTED[0]) != pickled(other)


SCRIPT = """
import hashlib, io, numpy
from sklearn.ensemble import RandomForestClassifier
from wml_deployer._packaging.pickling import dump
rows = numpy.random.default_rng(0).normal(size=(60, 4))
model = RandomForestClassifier(5, random_state=0).fit(rows, numpy.where(rows[:, 0] > 0, "yes", "no"))
model.tags_ = {"iris", "flower", "petal", "sepal"}
model.groups_ = [frozenset({"a", "b", "c"}), frozenset({1, 2, 3}), set()]
target = io.BytesIO()
dump(model, target)
print(hashlib.sha256(target.getvalue()).hexdigest())
"""


@pytest.mark.thorough
def test_bytes_do_not_depend_on_the_process() -> None:
    """Other hash seeds, which order sets of strings otherwise, give the same file for the same fit."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert 1 == len(digests)


def test_sets_stay_sets() -> None:
    """What is put in order for the file comes back as the set that it was."""
    model = Spoilt()
    model.words, model.frozen, model.mixed = {"b", "a"}, frozenset({"d", "c"}), {1, "a"}

    found = reloaded(model)

    assert ({"b", "a"}, frozenset({"d", "c"}), {1, "a"}) == (found.words, found.frozen, found.mixed)
    assert [set, frozenset, set] == [type(found.words), type(found.frozen), type(found.mixed)]


@pytest.mark.parametrize(
    "array",
    [
        np.array([1.5, np.nan, np.inf]),
        np.array([[1, 2], [3, 4]], dtype="int16", order="F"),
        np.array(["á", "bc"]),
        np.array(["a", None, 3], dtype=object),
        np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"),
        np.array([(1, 2.5)], dtype=[("a", "i1"), ("b", "f8")]),
        np.array([(1, 2.5)], dtype=ALIGNED),
        np.array([(1, 2.5), (2, 3.5), (3, 4.5)], dtype=ALIGNED)[::2],
        np.array([[(1, 2.5), (2, 3.5)], [(3, 4.5), (4, 5.5)]], dtype=ALIGNED, order="F"),
        np.array((1, 2.5), dtype=ALIGNED),
        np.zeros((0, 3)),
        np.array(3.0),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_survive(array: Any) -> None:
    """Values, dtype and shape of an array are kept exactly."""
    model = Spoilt()
    model.array = array

    found = reloaded(model).array

    assert (array.dtype, array.shape) == (found.dtype, found.shape)
    np.testing.assert_array_equal(array, found)


def test_left_over_memory_between_fields_is_not_written() -> None:
    """The bytes between the fields of a structured array are zero in the file, and the array itself is untouched."""
    model = Spoilt()
    model.nodes = np.frombuffer(b"\x01SECRETS" + bytes(8), dtype=ALIGNED)

    assert b"SECRET" not in pickled(model)
    assert b"SECRETS" in model.nodes.tobytes()


def test_the_estimator_is_not_changed() -> None:
    """Pickling leaves nothing behind on the object."""
    model = FITTED[1]
    before = joblib.hash(model)
    pickled(model)

    assert before == joblib.hash(model)


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        pytest.param(lambda: lambda x: x, "thing", "function", id="lambda"),
        pytest.param(threading.Lock, "thing", "a lock", id="lock"),
        pytest.param(lambda: {"inner": [0, threading.Lock()]}, "thing['inner'][1]", "a lock", id="nested"),
        pytest.param(lambda: (letter for letter in "ab"), "thing", "generator", id="generator"),
    ],
)
def test_what_cannot_be_pickled_is_named(value: Any, where: str, what: str) -> None:
    """The error says by which attribute to find the culprit, and what it is."""
    model = Spoilt()
    model.thing = value()

    with pytest.raises(PackagingError) as caught:
        pickled(model)

    assert f"Spoilt cannot be pickled: {where} is {what}" in caught.value.message


def test_an_open_file_is_named(tmp_path: Path) -> None:
    """A log that was left open in a model is found."""
    model = Spoilt()
    with (tmp_path / "log.txt").open("w") as model.log, pytest.raises(PackagingError, match=r"log is a TextIOWrapper"):
        pickled(model)


def test_a_lambda_is_found_in_a_pipeline() -> None:
    """The path leads through the steps of a pipeline."""
    pipeline = make_pipeline(FunctionTransformer(lambda frame: frame), DummyRegressor()).fit(X, X[:, 0])

    with pytest.raises(PackagingError, match=r"steps\[0\]\[1\]\.func is function .*<lambda>") as caught:
        pickled(pipeline)

    assert "top level of an importable module" in (caught.value.next_step or "")


def test_a_full_disk_is_no_fault_of_the_model() -> None:
    """An error of the file is passed on as it is."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match=r"No space left"):
        dump(FITTED[0], full)
