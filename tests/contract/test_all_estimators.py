"""Every estimator of scikit-learn that predicts, and models of the other libraries: each goes live by one release.

What they answer is what they answer here: floats bit for bit, and those of single precision as the doubles of their
values. It takes minutes, and is divided into parts that can be run one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.contract.test_estimators import (
    LABELS,
    MIXED,
    NUMBERS,
    TARGET,
    arrays,
    boosters,
    difference,
    functions,
    pipelines,
    refused,
    sklearns,
)
from wml_deployer import Deployer
from wml_deployer.errors import WMLDeployerError
from wml_deployer.frameworks._pytorch import export_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]

PARTS = 8
CODES = pd.factorize(LABELS)[0]
BARE = NUMBERS.to_numpy().copy(order="C")


class Fitted(NamedTuple):
    """A model, its rows, and what it answers to them."""

    model: Any
    rows: Any
    answers: Any


def of_lightgbm() -> Iterator[tuple[str, Fitted]]:
    """Its estimators, a Booster, categories, and a step of a pipeline."""
    import lightgbm  # noqa: PLC0415 - an extra

    few: dict[str, Any] = {"n_estimators": 5, "verbose": -1, "min_child_samples": 2}
    categories = MIXED[["region", "c"]]
    models: dict[str, tuple[Any, Any]] = {
        "classifier": (lightgbm.LGBMClassifier(**few).fit(NUMBERS, LABELS), NUMBERS),
        "regressor": (lightgbm.LGBMRegressor(**few).fit(NUMBERS, TARGET), NUMBERS),
        "ranker": (lightgbm.LGBMRanker(**few).fit(NUMBERS, CODES, group=[30, 30]), NUMBERS),
        "categories": (lightgbm.LGBMRegressor(**few).fit(categories, TARGET), categories),
        "spaces": (
            lightgbm.LGBMRegressor(**few).fit(NUMBERS.rename(columns="column {}".format), TARGET),
            NUMBERS.rename(columns="column {}".format),
        ),
        "array": (lightgbm.LGBMRegressor(**few).fit(BARE, TARGET), BARE),
        "booster": (lightgbm.train({"verbose": -1}, lightgbm.Dataset(NUMBERS, TARGET), 5), NUMBERS),
        "pipeline": (make_pipeline(StandardScaler(), lightgbm.LGBMRegressor(**few)).fit(NUMBERS, TARGET), NUMBERS),
    }
    for name, (model, rows) in models.items():
        yield f"lightgbm: {name}", Fitted(model, rows, model.predict(rows))


def of_catboost() -> Iterator[tuple[str, Fitted]]:
    """Its estimators, and categories."""
    catboost = pytest.importorskip("catboost")

    few: dict[str, Any] = {"iterations": 5, "verbose": 0, "allow_writing_files": False}
    categories = MIXED[["region", "c"]]
    models: dict[str, tuple[Any, Any]] = {
        "classifier": (catboost.CatBoostClassifier(**few).fit(NUMBERS, LABELS), NUMBERS),
        "regressor": (catboost.CatBoostRegressor(**few).fit(NUMBERS, TARGET), NUMBERS),
        "categories": (catboost.CatBoostRegressor(**few, cat_features=["region"]).fit(categories, TARGET), categories),
        "model": (catboost.CatBoost(few).fit(NUMBERS, TARGET), NUMBERS),
    }
    for name, (model, rows) in models.items():
        yield f"catboost: {name}", Fitted(model, rows, np.asarray(model.predict(rows)).ravel())


def of_statsmodels() -> Iterator[tuple[str, Fitted]]:
    """Results of arrays, frames and formulas."""
    sm = pytest.importorskip("statsmodels.api")
    smf = pytest.importorskip("statsmodels.formula.api")

    rows = sm.add_constant(NUMBERS)
    named = NUMBERS.assign(y=TARGET)
    models: dict[str, tuple[Any, Any]] = {
        "least squares": (sm.OLS(TARGET, rows).fit(), rows),
        "generalized": (sm.GLM(TARGET, rows, family=sm.families.Gamma(sm.families.links.Log())).fit(), rows),
        "logit": (sm.Logit((NUMBERS["c"] + NUMBERS["b"] > NUMBERS["a"] * 2).astype(int), rows).fit(disp=0), rows),
        "robust": (sm.RLM(TARGET, rows).fit(), rows),
        "formula": (smf.ols("y ~ a + np.log(b)", named).fit(), NUMBERS),
        "quantiles": (smf.quantreg("y ~ a + b", named).fit(), NUMBERS),
    }
    for name, (model, given) in models.items():
        yield f"statsmodels: {name}", Fitted(model, given, model.predict(given))


def of_imblearn() -> Iterator[tuple[str, Fitted]]:
    """Pipelines that resample in their fit, and an ensemble."""
    ensemble = pytest.importorskip("imblearn.ensemble")
    over = pytest.importorskip("imblearn.over_sampling")
    pipeline_of = pytest.importorskip("imblearn.pipeline").make_pipeline
    under = pytest.importorskip("imblearn.under_sampling")

    logistic = LogisticRegression(max_iter=1000)
    models: dict[str, Any] = {
        "SMOTE": pipeline_of(over.SMOTE(random_state=0, k_neighbors=2), logistic),
        "over": pipeline_of(StandardScaler(), over.RandomOverSampler(random_state=0), logistic),
        "under": pipeline_of(under.RandomUnderSampler(random_state=0), StandardScaler(), logistic),
        "forest": ensemble.BalancedRandomForestClassifier(5, random_state=0),
    }
    for name, model in models.items():
        yield f"imblearn: {name}", Fitted(model.fit(NUMBERS, LABELS), NUMBERS, model.predict(NUMBERS))


def of_keras() -> Iterator[tuple[str, Fitted]]:
    """Networks of one output and of several."""
    keras = pytest.importorskip("keras")
    layers = keras.layers
    for units in (1, 3):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(units)])
        yield f"keras: {units} outputs", Fitted(model, BARE, model.predict(BARE, verbose=0))


def of_pytorch() -> Iterator[tuple[str, Fitted]]:
    """Modules, exported to ONNX; compared with ONNX Runtime, which computes in another order than PyTorch."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    nn = torch.nn
    for units in (1, 3):
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, units)).eval()
        exported = export_module(model, BARE).files["model.onnx"]
        yield f"pytorch: {units} outputs", Fitted(model, BARE, by_onnx_runtime(exported)[0])


def of_onnx() -> Iterator[tuple[str, Fitted]]:
    """Converted classifiers and regressors."""
    import skl2onnx  # noqa: PLC0415 - an extra
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415 - an extra
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier  # noqa: PLC0415 - for these alone

    models = {
        "logistic": LogisticRegression().fit(BARE, CODES),
        "forest": RandomForestClassifier(5, random_state=0).fit(BARE, CODES),
        "boosting": GradientBoostingRegressor(n_estimators=5, random_state=0).fit(BARE, TARGET),
    }
    for name, model in models.items():
        options = {} if name == "boosting" else {"options": {"zipmap": False}}
        inputs = [("input", FloatTensorType([None, 3]))]
        graph = skl2onnx.convert_sklearn(model, initial_types=inputs, target_opset=15, **options)
        answered = by_onnx_runtime(graph.SerializeToString())
        yield f"onnx: {name}", Fitted(graph, BARE, np.column_stack([each.astype(np.float64) for each in answered]))


def by_onnx_runtime(graph: Any) -> list[Any]:
    """What ONNX Runtime answers."""
    import onnxruntime  # noqa: PLC0415 - an extra

    session = onnxruntime.InferenceSession(graph)
    answered: list[Any] = session.run(None, {session.get_inputs()[0].name: BARE.astype(np.float32)})
    return answered


LIBRARIES: dict[str, Callable[[], Iterator[tuple[str, Fitted]]]] = {
    "lightgbm": of_lightgbm,
    "catboost": of_catboost,
    "statsmodels": of_statsmodels,
    "imbalanced-learn": of_imblearn,
    "keras": of_keras,
    "pytorch": of_pytorch,
    "onnx": of_onnx,
}


def difference_of(fitted: Fitted, credentials: SoftwareCredentials, folder: Path) -> str | None:
    """Release a model; say what differs, if anything does."""
    folder.mkdir()
    (folder / "metadata.yaml").write_text(f"project_name: {folder.name}\nproject_version: v1\n", encoding="utf-8")
    with Deployer(credentials, folder / "metadata.yaml") as deployer:
        try:
            deployer.release(fitted.model, sample=fitted.rows[:50])
        except WMLDeployerError as error:
            return f"refused: {error}"
        scores = deployer.score(fitted.rows)
        deployer.delete(cascade=True)
    expected = np.asarray(fitted.answers).reshape(len(scores), -1)
    answered = scores.iloc[:, : expected.shape[1]].to_numpy()
    if np.array_equal(answered, expected.astype(answered.dtype)):
        return None
    return f"{answered[:2].tolist()} and not {expected[:2].tolist()}"


@pytest.mark.parametrize("part", range(PARTS))
def test_every_estimator_answers_bit_for_bit_or_is_refused(
    part: int, reached: SoftwareCredentials, tmp_path: Path
) -> None:
    """More than 140 of scikit-learn and XGBoost."""
    kinds = {**dict(sklearns()), **pipelines(), **arrays(), **functions(), **refused(), **boosters()}
    mine = list(kinds.items())[part::PARTS]
    found = {name: difference(kind, reached, tmp_path / f"kind{i}") for i, (name, kind) in enumerate(mine)}

    assert (True, {}) == (len(kinds) > 140, {name: what for name, what in found.items() if what})


@pytest.mark.parametrize("library", LIBRARIES)
def test_models_of_other_libraries_answer_bit_for_bit(
    library: str, reached: SoftwareCredentials, tmp_path: Path
) -> None:
    """Each by one release."""
    models = LIBRARIES[library]()
    found = {name: difference_of(fit, reached, tmp_path / f"{i}") for i, (name, fit) in enumerate(models)}

    assert {} == {name: what for name, what in found.items() if what}
