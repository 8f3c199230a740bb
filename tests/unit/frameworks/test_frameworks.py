"""Estimators are recognised, described, or refused with what to do instead."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from wml_deployer.errors import SchemaError, UnsupportedModelError
from wml_deployer.frameworks import major_minor, profile, recognise, unserved
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 24
FRAME = pd.DataFrame(
    {
        "height": np.linspace(0, 1, ROWS),
        "count": np.arange(ROWS),
        "open": np.arange(ROWS) % 3 == 0,
    }
)
BARE = FRAME.to_numpy(dtype=float)
Y = np.arange(ROWS) % 2
SKLEARN_TYPE = f"scikit-learn_{major_minor(sklearn.__version__)}"


class ColumnPicker(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A user's own transformer: it selects by name and records no names."""

    def fit(self, _frame: Any, _target: Any = None) -> ColumnPicker:
        """Learn nothing."""
        self.fitted_ = True
        return self

    def transform(self, frame: Any) -> Any:
        """Select."""
        return frame[["height", "count"]].to_numpy()


class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A user's own classifier that keeps what it learnt under a name without underscore."""

    def fit(self, _frame: Any, target: Any) -> Majority:
        """Learn one label."""
        self.winner = target[0]
        return self

    def predict(self, frame: Any) -> Any:
        """Answer it."""
        return np.repeat(self.winner, len(frame))


def booster() -> Any:
    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(FRAME, Y), 2)


def numbered(module: str, base: type = object) -> Any:
    """An object whose class says that it comes from a module which is not installed."""
    return type("LGBMClassifier", (base,), {"__module__": module, "get_params": lambda _self, **_: {}})()


@pytest.mark.parametrize(
    ("estimator", "model_type"),
    [
        pytest.param(DecisionTreeClassifier().fit(FRAME, Y), SKLEARN_TYPE, id="estimator"),
        pytest.param(make_pipeline(StandardScaler(), GaussianNB()).fit(FRAME, Y), SKLEARN_TYPE, id="pipeline"),
        pytest.param(GridSearchCV(GaussianNB(), {}).fit(FRAME, Y), SKLEARN_TYPE, id="search"),
        pytest.param(KMeans(2, n_init=1, random_state=0).fit(BARE), SKLEARN_TYPE, id="clusterer"),
        pytest.param(XGBClassifier(n_estimators=2).fit(FRAME, Y), SKLEARN_TYPE, id="xgboost-classifier"),
        pytest.param(XGBRegressor(n_estimators=2).fit(BARE, Y), SKLEARN_TYPE, id="xgboost-regressor"),
        pytest.param(booster(), f"xgboost_{major_minor(xgboost.__version__)}", id="booster"),
    ],
)
def test_model_type_is_that_of_the_installed_library(estimator: object, model_type: str) -> None:
    """XGBoost's scikit-learn estimators are scikit-learn models to the service, a Booster is not."""
    assert model_type == profile(estimator).model_type


@pytest.mark.parametrize(
    ("estimator", "uses_it"),
    [
        (make_pipeline(StandardScaler(), XGBClassifier(n_estimators=2)).fit(BARE, Y), True),
        (TransformedTargetRegressor(XGBRegressor(n_estimators=2)).fit(BARE, Y), True),
        (VotingClassifier([("x", XGBClassifier(n_estimators=2)), ("n", GaussianNB())]).fit(BARE, Y), True),
        (GridSearchCV(Pipeline([("model", XGBClassifier(n_estimators=2))]), {}, cv=2).fit(BARE, Y), True),
        (CalibratedClassifierCV(XGBClassifier(n_estimators=2), cv=2).fit(BARE, Y), True),
        (booster(), True),
        (GradientBoostingClassifier(n_estimators=2).fit(BARE, Y), False),
    ],
    ids=["pipeline", "target", "voting", "search", "calibrated", "booster", "without"],
)
def test_xgboost_is_found_wherever_it_is(estimator: object, uses_it: bool) -> None:
    """The version of xgboost is recorded if any part of the model needs it, and only then."""
    recorded = profile(estimator).libraries.get("xgboost")

    assert (xgboost.__version__ if uses_it else None) == recorded


def test_libraries_name_what_the_runtime_must_match() -> None:
    """Python, numpy and scikit-learn are always recorded, with the versions that run here."""
    described = profile(GaussianNB().fit(BARE, Y))

    assert {
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    } == described.libraries


def test_python_is_one_of_the_libraries() -> None:
    """The short way to the Python version says what the libraries say."""
    described = profile(GaussianNB().fit(BARE, Y))

    assert described.libraries["python"] == described.python


def test_pandas_is_recorded_for_models_of_named_columns() -> None:
    """A model that takes a frame depends on pandas; one of bare arrays does not."""
    assert pd.__version__ == profile(GaussianNB().fit(FRAME, Y)).libraries["pandas"]


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(GaussianNB().fit(FRAME, Y), id="estimator"),
        pytest.param(make_pipeline(StandardScaler(), GaussianNB()).fit(FRAME, Y), id="pipeline"),
        pytest.param(make_pipeline("passthrough", GaussianNB()).fit(FRAME, Y), id="passthrough"),
        pytest.param(make_pipeline(make_pipeline(StandardScaler()), GaussianNB()).fit(FRAME, Y), id="nested"),
        pytest.param(GridSearchCV(GaussianNB(), {}).fit(FRAME, Y), id="search"),
        pytest.param(
            make_pipeline(ColumnTransformer([("n", StandardScaler(), ["height"])]), GaussianNB()).fit(FRAME, Y),
            id="columns",
        ),
        pytest.param(XGBClassifier(n_estimators=2).fit(FRAME, Y), id="xgboost"),
        pytest.param(booster(), id="booster"),
    ],
)
def test_fields_are_the_columns_of_the_fit_in_order(estimator: object) -> None:
    """Names come from the model, dtypes from the sample, whatever order the sample's columns have."""
    described = profile(estimator, sample=FRAME[["open", "count", "height"]].head())

    assert (Field("height", "float64"), Field("count", "int64"), Field("open", "bool")) == described.schema.fields


def test_dtypes_are_unknown_without_a_sample() -> None:
    """Without a frame nothing is claimed about dtypes."""
    described = profile(GaussianNB().fit(FRAME, Y))

    assert [("height", ""), ("count", ""), ("open", "")] == [(f.name, f.dtype) for f in described.schema.fields]


def test_dtypes_are_unknown_with_an_array_as_sample() -> None:
    """An array has one dtype for all, which says nothing of the columns."""
    described = profile(GaussianNB().fit(FRAME, Y), sample=BARE)

    assert {""} == {field.dtype for field in described.schema.fields}


@pytest.mark.parametrize("sample", [None, BARE, pd.DataFrame(BARE)], ids=["none", "array", "numbered"])
def test_a_model_of_bare_arrays_has_no_fields(sample: object) -> None:
    """Neither the model nor the sample names the columns."""
    assert () == profile(GaussianNB().fit(BARE, Y), sample=sample).schema.fields


def test_the_names_of_a_sample_are_those_of_a_model_of_bare_arrays() -> None:
    """They put columns in order; the model itself takes none."""
    schema = profile(GaussianNB().fit(BARE, Y), sample=FRAME).schema

    assert ([*FRAME.columns], False) == ([field.name for field in schema.fields], schema.named)


def test_columns_of_a_users_own_transformer_come_from_the_sample() -> None:
    """A transformer that records no names may still select by name: the sample says which there are."""
    pipeline = make_pipeline(ColumnPicker(), GaussianNB()).fit(FRAME, Y)

    assert tuple(FRAME.columns) == tuple(field.name for field in profile(pipeline, sample=FRAME).schema.fields)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("category", "category"),
        ("Int64", "Int64"),
        ("string", "string"),
        ("object", "object"),
        ("datetime64[ns, UTC]", "datetime64[ns, UTC]"),
        ("float32", "float32"),
    ],
)
def test_dtypes_are_named_as_pandas_names_them(dtype: Any, expected: str) -> None:
    """Every kind of column keeps its own dtype."""
    model = make_pipeline(FunctionTransformer(), DummyRegressor())
    frame = FRAME[["count"]].astype(dtype)

    assert expected == profile(model.fit(frame, Y), sample=frame).schema.fields[0].dtype


def test_a_sample_without_the_columns_is_refused() -> None:
    """Every missing and doubled column is listed at once."""
    sample = pd.concat([FRAME[["open"]], FRAME[["open"]]], axis=1)
    model = GaussianNB().fit(FRAME, Y)

    with pytest.raises(SchemaError) as caught:
        profile(model, sample=sample)

    assert [("'height'", "missing"), ("'count'", "missing"), ("'open'", "appears more than once")] == [
        (fault.where, fault.problem) for fault in caught.value.faults
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([3, 7]), (3, 7)),
        (np.array([0.5, 1.5]), (0.5, 1.5)),
        (np.array(["não", "sim"]), ("não", "sim")),
        (np.array(["não", "sim"], dtype=object), ("não", "sim")),
        (np.array([False, True]), (False, True)),
        (np.array([2**53 + 1, 2**53 + 2]), (2**53 + 1, 2**53 + 2)),
        (np.array([np.int64(1), np.int64(2)], dtype=object), (1, 2)),
    ],
    ids=["int", "float", "str", "object", "bool", "big", "numpy-in-object"],
)
def test_classes_are_labels_as_json_carries_them(labels: Any, expected: tuple[object, ...]) -> None:
    """Scalars of numpy become Python's own, of the same value and kind."""
    found = profile(DummyClassifier().fit(BARE, labels[Y])).schema.classes

    assert [(type(label), label) for label in expected] == [(type(label), label) for label in found]


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
        GridSearchCV(make_pipeline(StandardScaler(), GaussianNB()), {}, cv=2),
    ],
    ids=["pipeline", "search", "search-of-pipeline"],
)
def test_classes_are_found_through_what_wraps_the_classifier(estimator: Any) -> None:
    """Pipelines and searches have the classes of the classifier inside."""
    assert ("no", "yes") == profile(estimator.fit(BARE, np.array(["no", "yes"])[Y])).schema.classes


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(LinearRegression().fit(BARE, Y), id="regressor"),
        pytest.param(KMeans(2, n_init=1, random_state=0).fit(BARE), id="clusterer"),
        pytest.param(MultiOutputClassifier(GaussianNB()).fit(BARE, np.c_[Y, 1 - Y]), id="multi-output"),
        pytest.param(DecisionTreeClassifier().fit(BARE, np.c_[Y, 1 - Y]), id="multi-output-tree"),
        pytest.param(booster(), id="booster"),
    ],
)
def test_without_one_list_of_classes_there_are_none(estimator: object) -> None:
    """Nothing is claimed where there are no classes, or a list of them for each output."""
    assert () == profile(estimator).schema.classes


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"), "datetime64[D]"),
        (np.array([b"no", b"yes"]), "|S3"),
        (np.array([1 + 2j, 3 + 4j]), "complex128"),
    ],
)
def test_labels_that_json_cannot_carry_are_refused(labels: Any, kind: str) -> None:
    """A label that cannot come back in an answer is refused before the model is stored."""
    model = DummyClassifier().fit(BARE, Y)
    model.classes_ = labels

    with pytest.raises(UnsupportedModelError, match=r"JSON") as caught:
        profile(model)

    assert kind in caught.value.message


@pytest.mark.parametrize(
    ("estimator", "message", "next_step"),
    [
        pytest.param(GaussianNB, "is a class", "GaussianNB().fit", id="class"),
        pytest.param(GaussianNB(), "GaussianNB is not fitted", "Fit it first", id="unfitted"),
        pytest.param(make_pipeline(StandardScaler(), GaussianNB()), "not fitted", "Fit it first", id="pipeline"),
        pytest.param(GridSearchCV(GaussianNB(), {}), "not fitted", "Fit it first", id="search"),
        pytest.param(XGBClassifier(), "XGBClassifier is not fitted", "Fit it first", id="xgboost"),
        pytest.param(xgboost.Booster(), "not trained", "xgboost.train", id="booster"),
        pytest.param(StandardScaler().fit(BARE), "has no predict", "Pipeline", id="transformer"),
        pytest.param(make_pipeline(StandardScaler()).fit(BARE), "has no predict", "Pipeline", id="transformers"),
        pytest.param(DBSCAN().fit(BARE), "has no predict", "Pipeline", id="clusterer"),
        pytest.param(FRAME, "DataFrame", "fitted scikit-learn estimator", id="frame"),
        pytest.param(None, "NoneType", ".tar.gz", id="none"),
        pytest.param(42, "builtins.int", ".joblib", id="number"),
        pytest.param(print, "builtin_function", "xgboost.Booster", id="function"),
        pytest.param({"model": GaussianNB().fit(BARE, Y)}, "builtins.dict", "Pass a fitted", id="dict"),
        pytest.param("model.pkl", "'model.pkl' is a path", "Name the model type", id="path"),
    ],
)
def test_what_cannot_be_stored_is_refused(estimator: object, message: str, next_step: str) -> None:
    """Each refusal says what it is about and what to do instead."""
    with pytest.raises(UnsupportedModelError) as caught:
        profile(estimator)

    assert message in caught.value.message
    assert next_step in (caught.value.next_step or "")


def test_lightgbm_is_found_inside_a_pipeline() -> None:
    """No runtime can load such a step: the model is not of one of the service's types."""
    pipeline = make_pipeline(StandardScaler(), GaussianNB()).fit(BARE, Y)
    pipeline.steps.append(("model", numbered("lightgbm.sklearn", GaussianNB)))

    assert "LGBMClassifier comes from LightGBM, which no runtime carries" == unserved(pipeline)


def test_a_users_own_estimator_is_taken_at_its_word() -> None:
    """scikit-learn's check knows only its own conventions, so it does not judge users' classes."""
    assert "scikit-learn" == recognise(Majority().fit(BARE, Y)).name


def test_recognising_imports_no_framework(tmp_path: Path) -> None:
    """An object of another kind is refused without loading scikit-learn, XGBoost or pandas."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from wml_deployer.errors import UnsupportedModelError\n"
        "from wml_deployer.frameworks import recognise\n"
        "try:\n"
        "    recognise(object())\n"
        "except UnsupportedModelError:\n"
        "    print(sorted({'numpy', 'pandas', 'sklearn', 'xgboost'} & sys.modules.keys()))\n"
    )

    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60)

    assert "[]\n" == ran.stdout


def test_the_packages_of_a_users_transformers_are_recorded() -> None:
    """A class of an installed package is named as pip knows it; a module that pip does not know is not."""
    installed = type("Transformer", (FunctionTransformer,), {"__module__": "yaml.anywhere"})()
    own = type("Transformer", (FunctionTransformer,), {"__module__": "my_own_module"})()
    described = profile(make_pipeline(installed, own, GaussianNB()).fit(BARE, Y))

    assert {"PyYAML", "numpy", "python", "scikit-learn"} == described.libraries.keys()


def fail(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("not today")


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({"predict": property(fail)}, id="predict"),
        pytest.param({"__sklearn_is_fitted__": fail}, id="fitted"),
        pytest.param({"classes_": property(fail)}, id="classes"),
        pytest.param({"get_params": fail}, id="parameters"),
        pytest.param({"feature_names_in_": property(fail)}, id="names"),
    ],
)
def test_what_an_estimator_raises_when_it_is_looked_at_is_the_cause(member: dict[str, Any]) -> None:
    """The error names the estimator."""
    estimator = type("Mine", (Majority,), member)().fit(BARE, Y)

    with pytest.raises(UnsupportedModelError, match=r"Describing Mine raised ZeroDivisionError: not today") as caught:
        profile(estimator)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_spaces_in_the_names_of_columns_are_those_of_the_sample() -> None:
    """LightGBM keeps underscores in their place, alone and as the first step of a pipeline."""
    lightgbm = pytest.importorskip("lightgbm")
    frame = pd.DataFrame({"net income": [1.0, 2.0] * 20, "age_in_years": [3.0, 4.0] * 20})
    models = [lightgbm.LGBMRegressor(verbose=-1), make_pipeline(lightgbm.LGBMRegressor(verbose=-1))]
    fitted = [model.fit(frame, frame["net income"]) for model in models]
    fitted.append(lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, frame["net income"]), 2))

    for model in fitted:
        assert ["net income", "age_in_years"] == [field.name for field in profile(model, sample=frame).schema.fields]
