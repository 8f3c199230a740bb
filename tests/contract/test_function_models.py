"""Models that a native runtime would misread: by itself each goes live as a function, and answers bit for bit as here.

All of them serve in turn from one deployment.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from wml_deployer import Deployer, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.filterwarnings("ignore")

COUNT = 40
NUMBERS = np.random.default_rng(7).normal(size=COUNT)
TARGET = np.arange(COUNT) % 7 + NUMBERS
LABELS = np.where(NUMBERS > 0, "yes", "no")
PLANS = ["basic", "gold", np.nan, "trial"] * 10
WHEN = pd.date_range("2026-03-28 20:00", periods=COUNT, freq="97min")
IDS = np.array([2**53 + 1, 2**53 + 3, 2**53 + 5, 2**53 + 7] * 10)
TEXTS = pd.Series([f"{word} wine {place % 5}" for place, word in enumerate(["red", "white"] * 20)], name="note")


class Case(NamedTuple):
    """A model, and n rows of what it was fitted on."""

    rows: Any
    model: Any
    route: Any = None  # "function" for what a runtime serves as well


def frame(values: Any, dtype: Any = None) -> pd.DataFrame:
    """Two columns: the values, and numbers."""
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype), "b": NUMBERS})


def encoded(*steps: Any) -> Any:
    """A regression on one encoded column and the numbers."""
    return make_pipeline(make_column_transformer((make_pipeline(*steps), ["a"]), remainder="passthrough"), Ridge())


def reading(attribute: str) -> Any:
    """A regression on an attribute of the first column."""
    return encoded(FunctionTransformer(pd.DataFrame.apply, kw_args={"func": attrgetter(attribute)}))


def seeing(dtype: Any) -> Any:
    """A regression on the columns of one dtype."""
    select = FunctionTransformer(pd.DataFrame.select_dtypes, kw_args={"include": [dtype]})
    return encoded(make_union(select, FunctionTransformer(pd.DataFrame.isna)), SimpleImputer(keep_empty_features=True))


def lengths(dtype: Any) -> Any:
    """A regression on how many characters the columns of one dtype have."""
    select = FunctionTransformer(pd.DataFrame.select_dtypes, kw_args={"include": [dtype]})
    return encoded(select, FunctionTransformer(pd.DataFrame.apply, kw_args={"func": methodcaller("map", len)}))


def regression(rows: pd.DataFrame, model: Any) -> Case:
    return Case(rows, model.fit(rows, TARGET))


def xgboost(name: str, rows: pd.DataFrame, target: Any) -> Case:
    library = pytest.importorskip("xgboost")
    return Case(rows, getattr(library, name)(n_estimators=8, enable_categorical=True).fit(rows, target))


def xgboost_booster(rows: pd.DataFrame) -> Case:
    library = pytest.importorskip("xgboost")
    matrix = library.DMatrix(rows, TARGET, enable_categorical=True)
    return Case(rows, library.train({"tree_method": "hist"}, matrix, 8))


def lightgbm(name: str, rows: pd.DataFrame, target: Any) -> Case:
    library = pytest.importorskip("lightgbm")
    return Case(rows, getattr(library, name)(n_estimators=8, verbose=-1, min_child_samples=2).fit(rows, target))


def lightgbm_booster(rows: pd.DataFrame) -> Case:
    library = pytest.importorskip("lightgbm")
    return Case(rows, library.train({"verbose": -1, "min_data_in_leaf": 2}, library.Dataset(rows, TARGET), 8))


def lightgbm_step(rows: pd.DataFrame) -> Case:
    library = pytest.importorskip("lightgbm")
    scaled = make_pipeline(StandardScaler(), library.LGBMRegressor(n_estimators=8, verbose=-1, min_child_samples=2))
    return regression(rows, scaled)


def with_output_of_pandas(rows: pd.DataFrame) -> Case:
    """A step that selects by name what the step before it has scaled."""
    select = FunctionTransformer(pd.DataFrame.filter, kw_args={"items": ["b"]})
    return regression(rows, make_pipeline(StandardScaler(), select, LinearRegression()))


def arrow_type(name: str) -> Any:
    return pd.ArrowDtype(pytest.importorskip("pyarrow").type_for_alias(name))


def arrow(values: Any, name: str) -> pd.DataFrame:
    return frame(values, arrow_type(name))


def in_histograms(rows: pd.DataFrame) -> Case:
    """What scikit-learn's own boosting does with categories: it knows them by value."""
    boosted = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=8, min_samples_leaf=2)
    return Case(rows, boosted.fit(rows, LABELS), "function")


SIZES = pd.Categorical(["S", "M", "L", "M"] * 10, categories=["L", "S", "M", "XL"])
CODES = pd.Categorical([7, 3, 5, 3] * 10, categories=[7, 3, 5])

CASES: dict[str, Callable[[], Case]] = {
    "NaN in text, one-hot": lambda: regression(frame(PLANS), encoded(OneHotEncoder())),
    "NaN in text, ordinal": lambda: regression(frame(PLANS), encoded(OrdinalEncoder(encoded_missing_value=-1))),
    "NaN in text, target": lambda: regression(frame(PLANS), encoded(TargetEncoder(random_state=0))),
    "NaN in text, imputed": lambda: regression(
        frame(PLANS), encoded(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    ),
    "NaN in text, classifier": lambda: Case(
        frame(PLANS),
        make_pipeline(
            make_column_transformer((OneHotEncoder(), ["a"]), remainder="passthrough"), LogisticRegression()
        ).fit(frame(PLANS), LABELS),
    ),
    "XGBoost regressor on categories": lambda: xgboost("XGBRegressor", frame(SIZES), TARGET),
    "XGBoost classifier on categories": lambda: xgboost("XGBClassifier", frame(SIZES), SIZES == "L"),
    "XGBoost on categories of integers": lambda: xgboost("XGBRegressor", frame(CODES), TARGET),
    "XGBoost Booster on categories": lambda: xgboost_booster(frame(SIZES)),
    "LightGBM regressor on categories": lambda: lightgbm("LGBMRegressor", frame(SIZES), TARGET),
    "LightGBM classifier on categories": lambda: lightgbm("LGBMClassifier", frame(SIZES), LABELS),
    "LightGBM Booster on categories": lambda: lightgbm_booster(frame(SIZES)),
    "LightGBM in a pipeline": lambda: lightgbm_step(frame(np.arange(COUNT))),
    "HistGradientBoosting on categories": lambda: in_histograms(frame(SIZES)),
    "codes of categories": lambda: regression(frame(SIZES), reading("cat.codes")),
    "a time zone": lambda: regression(frame(WHEN.tz_localize("Europe/Lisbon")), reading("dt.hour")),
    "dates in seconds": lambda: regression(
        frame(WHEN.as_unit("s")), encoded(FunctionTransformer(pd.DataFrame.astype, kw_args={"dtype": "int64"}))
    ),
    "durations": lambda: regression(frame(WHEN - WHEN[3]), reading("dt.seconds")),
    "durations in seconds": lambda: regression(frame((WHEN - WHEN[3]).as_unit("s")), reading("dt.days")),
    "nullable integers": lambda: regression(frame([1, 2, 3, 4] * 10, "Int64"), reading("array._mask")),
    "nullable booleans": lambda: regression(frame([True, False] * 20, "boolean"), reading("array._mask")),
    "nullable floats": lambda: regression(frame([1.5, 0.25] * 20, "Float32"), seeing("Float32")),
    "narrow integers": lambda: regression(frame(np.arange(COUNT), "int8"), seeing("int8")),
    "narrow floats": lambda: regression(frame(NUMBERS, "float32"), seeing("float32")),
    "unsigned integers": lambda: regression(frame(np.arange(COUNT), "uint16"), seeing("uint16")),
    "pandas text": lambda: regression(frame(["a", "c"] * 20, "string"), lengths("string")),
    "ids beyond doubles": lambda: regression(frame(IDS), encoded(OneHotEncoder(handle_unknown="ignore"))),
    "dates as objects": lambda: regression(
        frame([dt.date(2026, 1, day % 4 + 1) for day in range(COUNT)]), encoded(OneHotEncoder())
    ),
    "decimals as objects": lambda: regression(
        frame([Decimal(place % 4) / 10 for place in range(COUNT)]), encoded(OneHotEncoder())
    ),
    "texts, tf-idf": lambda: Case(TEXTS, make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)),
    "texts, counted": lambda: Case(TEXTS, make_pipeline(CountVectorizer(), Ridge()).fit(TEXTS, TARGET)),
    "texts, hashed": lambda: Case(TEXTS, make_pipeline(HashingVectorizer(n_features=16), Ridge()).fit(TEXTS, TARGET)),
    "transform_output": lambda: with_output_of_pandas(frame(np.arange(COUNT))),
    "Arrow's dates": lambda: regression(arrow(WHEN, "timestamp[us]"), reading("dt.hour")),
    "Arrow's days": lambda: regression(arrow([when.date() for when in WHEN], "date32[day]"), reading("dt.day")),
}


@pytest.fixture(scope="module")
def deployer(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """One project, whose deployment serves every model in its turn."""
    path = tmp_path_factory.mktemp("functions") / "metadata.yaml"
    path.write_text("project_name: functions\nproject_version: v1\n", encoding="utf-8")
    info = server.info
    credentials = SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )
    with Deployer(credentials, path) as deployer:
        yield deployer
        deployer.delete(cascade=True)


@pytest.fixture
def settings(name: str) -> Iterator[None]:
    """What scikit-learn is set to while a model is fitted and stored."""
    output = "pandas" if name == "transform_output" else "default"
    with sklearn.config_context(transform_output=output):
        yield


EVERY_TIME = {
    "NaN in text, one-hot",
    "XGBoost regressor on categories",
    "LightGBM in a pipeline",
    "a time zone",
    "durations",
    "nullable integers",
    "ids beyond doubles",
    "dates as objects",
    "texts, tf-idf",
    "transform_output",
}
"""The others run in the session slow."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERY_TIME else [pytest.mark.slow]) for name in CASES]
)
@pytest.mark.usefixtures("settings")
def test_a_model_goes_live_as_a_function_and_answers_bit_for_bit(name: str, deployer: Deployer) -> None:
    """All rows in one request, and each alone."""
    rows, model, route = CASES[name]()
    deployer.release(model, sample=rows, route=route, allow_schema_change=True)
    alone = [rows.iloc[row : row + 1] for row in range(0, COUNT, 3)]

    assert "function" == deployer.metadata.versions[-1].route
    assert answers(model, rows) == scores(deployer, rows)
    assert [answers(model, row) for row in alone] == [scores(deployer, row) for row in alone]


def answers(model: Any, rows: Any) -> list[list[Any]]:
    """What a model says of each row: its prediction, and probabilities."""
    if type(model).__name__ == "Booster" and type(model).__module__.startswith("xgboost"):
        matrix = pytest.importorskip("xgboost").DMatrix(rows, enable_categorical=True)
        return [[value] for value in model.predict(matrix).astype(float).tolist()]
    columns = [np.asarray(model.predict(rows)).reshape(len(rows), -1)]
    if hasattr(model, "predict_proba"):
        columns.append(model.predict_proba(rows))
    return [[value for column in row for value in column.tolist()] for row in zip(*columns, strict=True)]


def scores(deployer: Deployer, rows: Any) -> list[list[Any]]:
    """What the deployment says of each row."""
    return deployer.score(rows).to_numpy(dtype=object).tolist()  # type: ignore[no-any-return]  # lists of values


def test_texts_are_scored_in_each_form_that_a_sample_has(deployer: Deployer) -> None:
    """A series, a flat array and a list of texts are n rows of the only column."""
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    forms = [TEXTS, TEXTS.to_numpy(), TEXTS.tolist()]
    deployer.release(model, sample=forms[1], allow_schema_change=True)
    answered = [deployer.score(form)["prediction"].tolist() for form in forms]

    assert [model.predict(TEXTS).tolist()] * 3 == answered
