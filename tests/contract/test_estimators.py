"""Kinds of estimators of scikit-learn and XGBoost, stored, deployed and scored: bit for bit, or refused.

The default run has a dozen kinds; test_all_estimators.py runs all of scikit-learn's that predict, XGBoost's, pipelines,
models of bare arrays, and those of other libraries.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import ClassifierChain, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from wml_deployer import Deployer
from wml_deployer.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials

RANDOM = np.random.default_rng(0)
# Each column for itself, as frames lie in memory that were read or joined: the last bit of a sum depends on that.
NUMBERS = pd.DataFrame({name: RANDOM.uniform(0.1, 2, 60) for name in "cab"})
LABELS = np.where(NUMBERS["c"] > 1, "high", np.where(NUMBERS["a"] > 1, "low", "middle"))
TARGET = NUMBERS["c"] * 2 + NUMBERS["a"] + 1
SEVERAL = np.column_stack([TARGET, TARGET**2])
FLAGS = np.column_stack([NUMBERS["c"] > 1, NUMBERS["a"] > 1]).astype(int)
MIXED = NUMBERS.assign(
    plan=RANDOM.choice(["basic", "gold", "none"], 60),
    region=pd.Categorical(RANDOM.choice(["north", "south"], 60)),
    note=np.array(
        [f"{word} wine {row % 7}" for row, word in enumerate(RANDOM.choice(["red", "white"], 60))], dtype=object
    ),
    count=RANDOM.integers(0, 9, 60),
    open=RANDOM.random(60) > 0.5,
)
GAPS = NUMBERS.mask(RANDOM.random(NUMBERS.shape) > 0.8)
TEXT_GAPS = MIXED.assign(plan=MIXED["plan"].where(MIXED["plan"] != "none"))


class Kind(NamedTuple):
    """A way to fit a model, on what, and why it is refused if it is."""

    fit: Callable[[], Any]
    rows: Any
    refusal: str | None = None


def encoded(*steps: Any, columns: tuple[str, ...] = ("plan", "region")) -> Any:
    """Transform some columns of the mixed frame and keep the numbers."""
    return make_column_transformer((make_pipeline(*steps), list(columns)), ("passthrough", ["c", "a", "b", "count"]))


def pipelines() -> dict[str, Kind]:
    """Pipelines on frames of text, categories, gaps and booleans."""
    words = ColumnTransformer([("note", TfidfVectorizer(), "note"), ("plan", OneHotEncoder(), ["plan"])])
    counts = ColumnTransformer([("note", CountVectorizer(), "note")], remainder="drop")
    mend = FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": np.nan})
    fill = encoded(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    logistic = LogisticRegression(max_iter=1000)
    on_mixed: dict[str, Any] = {
        "one-hot": make_pipeline(encoded(OneHotEncoder(handle_unknown="ignore")), logistic),
        "ordinal": make_pipeline(encoded(OrdinalEncoder()), DecisionTreeClassifier(random_state=0)),
        "target encoder": make_pipeline(encoded(TargetEncoder(random_state=0)), logistic),
        "words": make_pipeline(words, logistic),
        "counts": make_pipeline(counts, SVC()),
        "booleans": make_pipeline(make_column_transformer(("passthrough", ["open", "count"])), logistic),
    }
    on_numbers: dict[str, Any] = {
        "scaled": make_pipeline(StandardScaler(), logistic),
        "polynomial": make_pipeline(PolynomialFeatures(), logistic),
        "union": make_pipeline(make_union(StandardScaler(), PolynomialFeatures()), logistic),
        "function": make_pipeline(FunctionTransformer(np.log1p), logistic),
        "nested": make_pipeline(make_pipeline(StandardScaler(), StandardScaler()), make_pipeline(logistic)),
        "grid search": GridSearchCV(make_pipeline(StandardScaler(), logistic), {"logisticregression__C": [0.1, 1]}),
        "random search": RandomizedSearchCV(SVC(), {"C": [0.1, 1]}, n_iter=2, random_state=0),
        "calibrated": CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), cv=2),
        "several jobs": RandomForestClassifier(n_jobs=2, random_state=0),
    }
    on_gaps: dict[str, Any] = {
        "imputed": make_pipeline(SimpleImputer(), logistic),
        "nearest imputed": make_pipeline(KNNImputer(), KNeighborsClassifier()),
    }
    groups = [(on_mixed, MIXED), (on_numbers, NUMBERS), (on_gaps, GAPS)]
    found = {
        f"pipeline: {name}": Kind(lambda model=model, rows=rows: model.fit(rows, LABELS), rows)  # type: ignore[misc]
        for models, rows in groups
        for name, model in models.items()
    }
    return found | {
        "pipeline: mended gaps in text": Kind(
            lambda: make_pipeline(mend, fill, logistic).fit(TEXT_GAPS, LABELS), TEXT_GAPS
        ),
        "pipeline: chain of classifiers": Kind(lambda: ClassifierChain(logistic).fit(NUMBERS, FLAGS), NUMBERS),
        "pipeline: self-training": Kind(
            lambda: SelfTrainingClassifier(GaussianNB()).fit(NUMBERS, LABELS.astype(object)), NUMBERS
        ),
        "pipeline: chain of regressors": Kind(lambda: RegressorChain(Ridge()).fit(NUMBERS, SEVERAL), NUMBERS),
        "pipeline: transformed target": Kind(
            lambda: TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp).fit(NUMBERS, TARGET), NUMBERS
        ),
    }


def arrays() -> dict[str, Kind]:
    """Models of bare arrays, scored on arrays and on frames."""
    bare = NUMBERS.to_numpy().copy(order="C")
    mixed = MIXED[["plan", "c", "count"]].to_numpy()
    models: dict[str, Any] = {
        "bayes": GaussianNB(),
        "forest": RandomForestClassifier(random_state=0),
        "neighbours": KNeighborsClassifier(),
        "boosting": GradientBoostingRegressor(random_state=0),
        "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    found: dict[str, Kind] = {}
    for name, model in models.items():
        y = LABELS if is_classifier(model) else TARGET
        found[f"array: {name}"] = Kind(lambda model=model, y=y: model.fit(bare, y), bare)  # type: ignore[misc]
        found[f"array with a named sample: {name}"] = Kind(lambda model=model, y=y: model.fit(bare, y), NUMBERS)  # type: ignore[misc]
    encode = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
    found["array: text and numbers"] = Kind(lambda: make_pipeline(encode, Ridge()).fit(mixed, TARGET), mixed)
    return found


def functions() -> dict[str, Kind]:
    """Models that no runtime would answer as they do here: they go live as functions."""
    fill = encoded(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    bare_one_hot = make_pipeline(encoded(OneHotEncoder(handle_unknown="ignore")), LogisticRegression(max_iter=1000))
    texts = MIXED["note"]
    return {
        "function: texts": Kind(
            lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, LABELS), texts
        ),
        "function: gaps in text": Kind(lambda: bare_one_hot.fit(TEXT_GAPS, LABELS), TEXT_GAPS),
        "function: gaps in text that the sample does not have": Kind(
            lambda: make_pipeline(fill, LogisticRegression(max_iter=1000)).fit(MIXED, LABELS), MIXED
        ),
    }


def refused() -> dict[str, Kind]:
    """Models that the service would not answer as they do here."""
    steep = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp, check_inverse=False)
    return {
        "refused: outliers without predict": Kind(lambda: LocalOutlierFactor().fit(NUMBERS), NUMBERS, "has no predict"),
        "refused: a transformer": Kind(lambda: StandardScaler().fit(NUMBERS), NUMBERS, "has no predict"),
        "refused: not fitted": Kind(Ridge, NUMBERS, "is not fitted"),
        "refused: infinite": Kind(
            lambda: steep.fit(NUMBERS, TARGET), NUMBERS * 1e6, "The model's prediction is infinite"
        ),
    }


def boosters() -> dict[str, Kind]:
    """XGBoost's models."""
    xgboost = pytest.importorskip("xgboost")
    codes = pd.factorize(LABELS)[0]
    categories = MIXED[["region", "c"]]
    matrix = xgboost.DMatrix(NUMBERS, TARGET)
    return {
        "xgboost: classifier": Kind(lambda: xgboost.XGBClassifier(n_estimators=5).fit(NUMBERS, codes), NUMBERS),
        "xgboost: forest": Kind(lambda: xgboost.XGBRFClassifier(n_estimators=5).fit(NUMBERS, codes), NUMBERS),
        "xgboost: regressor": Kind(lambda: xgboost.XGBRegressor(n_estimators=5).fit(NUMBERS, TARGET), NUMBERS),
        "xgboost: random forest": Kind(lambda: xgboost.XGBRFRegressor(n_estimators=5).fit(NUMBERS, TARGET), NUMBERS),
        "xgboost: several outputs": Kind(lambda: xgboost.XGBRegressor(n_estimators=5).fit(NUMBERS, SEVERAL), NUMBERS),
        "xgboost: gaps": Kind(lambda: xgboost.XGBClassifier(n_estimators=5).fit(GAPS, codes), GAPS),
        "xgboost: array": Kind(
            lambda: xgboost.XGBClassifier(n_estimators=5).fit(NUMBERS.to_numpy(), codes), NUMBERS.to_numpy()
        ),
        "xgboost: array with a named sample": Kind(
            lambda: xgboost.XGBClassifier(n_estimators=5).fit(NUMBERS.to_numpy(), codes), NUMBERS
        ),
        "xgboost: pipeline": Kind(
            lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=5)).fit(NUMBERS, codes), NUMBERS
        ),
        "xgboost: booster": Kind(lambda: xgboost.train({}, matrix, 5), NUMBERS),
        "xgboost: native categories": Kind(
            lambda: xgboost.XGBRegressor(n_estimators=20, enable_categorical=True).fit(
                categories, categories["region"].cat.codes * 10.0 + TARGET
            ),
            categories,
        ),
    }


ESTIMATORS: dict[str, Callable[[Any], Any]] = {
    "StackingClassifier": lambda cls: cls([("a", LogisticRegression()), ("b", GaussianNB())]),
    "VotingClassifier": lambda cls: cls([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
    "StackingRegressor": lambda cls: cls([("a", Ridge()), ("b", DecisionTreeRegressor(random_state=0))]),
    "VotingRegressor": lambda cls: cls([("a", Ridge()), ("b", DecisionTreeRegressor(random_state=0))]),
    "LocalOutlierFactor": lambda cls: cls(novelty=True),
}
"""How to make scikit-learn's estimators that need more than an estimator inside."""

NOT_MADE = {"ClassifierChain", "Pipeline", "RegressorChain", "SelfTrainingClassifier"}
"""Estimators that are among the pipelines."""


def made(name: str, cls: Any) -> Any:
    """Make an estimator, with others inside where it needs some."""
    if name in ESTIMATORS:
        return ESTIMATORS[name](cls)
    if "SearchCV" in name:
        return cls(LogisticRegression(), {"C": [0.1, 1]}, **({"n_iter": 2} if name.startswith("Random") else {}))
    inner: Any = LogisticRegression() if "Classifier" in name else Ridge()
    needs = [key for key in ("estimator", "regressor") if key in getattr(cls, "_required_parameters", ())]
    try:
        model = cls(**dict.fromkeys(needs, inner))
    except TypeError:
        model = cls(inner)
    return model.set_params(**({"random_state": 0} if "random_state" in model.get_params() else {}))


def fitted(model: Any) -> tuple[Any, pd.DataFrame]:
    """Fit an estimator on the first rows and targets that it takes."""
    targets: list[Any] = [LABELS] if is_classifier(model) else [TARGET]
    targets += [SEVERAL, FLAGS[:, 0], FLAGS]
    for rows in (NUMBERS, NUMBERS[["c"]]):
        for target in targets:
            try:
                return model.fit(rows, target), rows
            except (ValueError, TypeError):  # noqa: PERF203 - a fit costs more
                continue
    raise AssertionError(f"{model} fits nothing")


def sklearns() -> Iterator[tuple[str, Kind]]:
    """Everything of scikit-learn that predicts."""
    for name, cls in all_estimators():
        if hasattr(cls, "predict") and name not in NOT_MADE:
            model, rows = fitted(made(name, cls))
            yield name, Kind(lambda model=model: model, rows)  # type: ignore[misc]


def difference(kind: Kind, credentials: SoftwareCredentials, folder: Path) -> str | None:
    """Store, deploy and score a kind; say what differs, if anything does."""
    folder.mkdir()
    (folder / "metadata.yaml").write_text(f"project_name: {folder.name}\nproject_version: v1\n", encoding="utf-8")
    model = kind.fit()
    with Deployer(credentials, folder / "metadata.yaml") as deployer:
        try:
            deployer.release(model, sample=kind.rows[:50])
        except ModelError as error:
            return None if kind.refusal is not None and kind.refusal in str(error) else f"refused: {error}"
        if kind.refusal is not None:
            return "not refused"
        scores = deployer.score(kind.rows)
        deployer.delete(cascade=True)
    return differing(scores, model, kind.rows)


def differing(scores: pd.DataFrame, model: Any, rows: Any) -> str | None:
    """Compare scores with what the model says of the same rows, bit for bit."""
    is_named = hasattr(model, "feature_names_in_") or type(model).__name__ == "Booster"
    given = rows.to_numpy().copy(order="C") if isinstance(rows, pd.DataFrame) and not is_named else rows
    if type(model).__name__ == "Booster":
        import xgboost  # noqa: PLC0415 - an extra

        given = xgboost.DMatrix(given)
    answers = {"prediction": model.predict(given)}
    if hasattr(model, "predict_proba"):
        answers["probability"] = model.predict_proba(given)
    for name, expected in answers.items():
        columns = [column for column in scores if str(column).split("_")[0] == name]
        theirs = [flat(row) for row in scores[columns].to_numpy(dtype=object).tolist()]
        ours = [flat(row) for row in zip(*expected, strict=True)] if isinstance(expected, list) else None
        ours = ours or [flat(row) for row in np.asarray(expected).tolist()]
        if theirs != ours and not (varies(model, given, name) and nearly(theirs, ours)):
            return f"{name}: {theirs[:2]} and not {expected[:2]}"
    return None


def varies(model: Any, given: Any, name: str) -> bool:
    """Whether copies of a model and its rows answer otherwise here, in the last bits.

    Some products of matrices are computed in another order where the numbers lie elsewhere in memory.
    """
    ask = "predict_proba" if name == "probability" else "predict"
    answers = [getattr(pickle.loads(pickle.dumps(model)), ask)(given.copy()) for _ in range(5)]
    return not all(np.array_equal(getattr(model, ask)(given), each) for each in answers)


def nearly(theirs: list[list[Any]], ours: list[list[Any]]) -> bool:
    """Whether numbers differ in the last bits alone, and labels not at all."""
    pairs = [pair for rows in zip(theirs, ours, strict=True) for pair in zip(*rows, strict=True)]
    return all(one == other or np.isclose(one, other, rtol=1e-12, atol=1e-12) for one, other in pairs)


def flat(value: Any) -> list[Any]:
    """The numbers and labels of nested lists, in their order."""
    if isinstance(value, list | tuple | np.ndarray):
        return [one for item in value for one in flat(item)]
    return [value.item() if isinstance(value, np.generic) else value]


A_DOZEN = [
    *("pipeline: one-hot", "pipeline: words", "pipeline: imputed", "pipeline: mended gaps in text", "pipeline: nested"),
    *("array: forest", "array with a named sample: scaled", "array: text and numbers"),
    *("function: texts", "function: gaps in text", "refused: infinite", "refused: a transformer"),
]


@pytest.mark.parametrize("name", A_DOZEN)
def test_a_dozen_kinds_are_scored_bit_for_bit_or_refused(
    name: str, reached: SoftwareCredentials, tmp_path: Path
) -> None:
    """Of the pipelines, models of arrays, and refusals."""
    kinds = pipelines() | arrays() | functions() | refused()

    assert difference(kinds[name], reached, tmp_path / "kind") is None
