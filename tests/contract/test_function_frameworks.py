"""Models of libraries that no runtime has go live as functions, and answer bit for bit as here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from wml_deployer import Deployer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

NUMBERS = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
TARGET = NUMBERS.sum(axis=1)
KINDS = pd.Categorical(["u", "v", "w"] * 20, categories=["w", "u", "v"])


def catboost(name: str, rows: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    library = pytest.importorskip("catboost")
    return getattr(library, name)(iterations=8, verbose=0, allow_writing_files=False, **options).fit(rows, target), rows


def linear() -> tuple[Any, Any]:
    library = pytest.importorskip("statsmodels.api")
    rows = library.add_constant(NUMBERS)
    return library.OLS(TARGET, rows).fit(), rows


def formula(name: str) -> tuple[Any, Any]:
    library = pytest.importorskip("statsmodels.formula.api")
    return getattr(library, name)("y ~ a + np.exp(b)", NUMBERS.assign(y=TARGET)).fit(), NUMBERS


def keras(units: int, dtype: str) -> tuple[Any, Any]:
    library = pytest.importorskip("keras")
    rows = NUMBERS.to_numpy(dtype)
    model = library.Sequential([library.Input((3,)), library.layers.Dense(4, "relu"), library.layers.Dense(units)])
    model.compile("adam", "mse")
    model.fit(rows, np.column_stack([TARGET] * units), epochs=1, verbose=0)
    return model, rows


def lightgbm_of_arrays() -> tuple[Any, Any]:
    library = pytest.importorskip("lightgbm")
    rows = NUMBERS.to_numpy()
    return library.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, TARGET), rows


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "CatBoost regressor": lambda: catboost("CatBoostRegressor", NUMBERS, TARGET),
    "CatBoost classifier": lambda: catboost("CatBoostClassifier", NUMBERS, np.where(TARGET > 0, "yes", "no")),
    "CatBoost of three classes": lambda: catboost("CatBoostClassifier", NUMBERS, np.array(["x", "y", "z"] * 20)),
    "CatBoost on categories": lambda: catboost(
        "CatBoostRegressor", NUMBERS.assign(kind=KINDS), TARGET, cat_features=["kind"]
    ),
    "CatBoost of arrays": lambda: catboost("CatBoostRegressor", NUMBERS.to_numpy(), TARGET),
    "LightGBM of arrays": lightgbm_of_arrays,
    "statsmodels, least squares": linear,
    "statsmodels, a formula": lambda: formula("ols"),
    "statsmodels, a generalized model": lambda: formula("glm"),
    "Keras": lambda: keras(1, "float64"),
    "Keras of two outputs": lambda: keras(2, "float32"),
}


@pytest.fixture
def deployer(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """A project where the service has the packages that are here."""
    with Deployer(reached, metadata_path) as deployer:
        yield deployer


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_live_once_and_answers_bit_for_bit(name: str, deployer: Deployer) -> None:
    """The second release finds the same content."""
    model, rows = MODELS[name]()
    deployer.release(model, sample=rows[:20])
    deployer.release(model, sample=rows[:20])
    predicted = model.predict(rows, verbose=0) if name.startswith("Keras") else model.predict(rows)
    scores = deployer.score(rows)
    columns = [column for column in scores if column.startswith("prediction")]

    assert np.array_equal(np.asarray(predicted).reshape(len(rows), -1), scores[columns].to_numpy(), equal_nan=False)
    assert ["function"] == [version.route for version in deployer.metadata.versions]
