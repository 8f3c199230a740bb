"""scikit-learn, and what speaks its API: ``predict`` and, where there is one, ``predict_proba``.

The answer is ``[prediction, probability]`` for whatever has probabilities and ``[prediction]`` for the rest, as the
service's recorded answers show; a prediction of several columns is a list inside its one field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline

from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import to_values
from wml_deployer.server.runtimes.worker.files import only_file, unzip
from wml_deployer.server.runtimes.worker.inputs import to_array, to_frame
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer.server.runtimes.worker.contract import Request, Score

__all__ = ["load", "serve", "unpickle"]

_SUFFIXES = (".joblib", ".pkl", ".pickle", ".sav", ".gz", ".z")


def load(request: Request) -> Score:
    """Load a pickled estimator.

    Raises:
        LoadError: There is not exactly one pickle, it does not load, or it cannot predict.

    """
    unzip(request.directory, request.bounds)
    return serve(unpickle(only_file(request.directory, _SUFFIXES)), request)


def serve(model: Any, request: Request) -> Score:
    """Answer with an estimator's predictions.

    Raises:
        LoadError: It cannot predict.

    """
    if not hasattr(model, "predict"):
        raise LoadError(
            "invalid_model_content",
            f"A {type(model).__name__} has no 'predict': only what predicts can be deployed online.",
        )
    return _Estimator(model, request).score


def unpickle(path: Path) -> Any:
    """Load a pickle.

    Raises:
        LoadError: It is damaged, or a package that it needs is missing.

    """
    try:
        return joblib.load(path)
    except ModuleNotFoundError as error:
        raise LoadError(
            "missing_package",
            f"The model needs the Python package {error.name!r}, which is not installed where it is served. "
            "Install it beside the service, or add it to the software specification as a package extension.",
        ) from error
    except Exception as error:
        raise LoadError(
            "model_load_failed", f"The model cannot be unpickled: {type(error).__name__}: {error}"
        ) from error


class _Estimator:
    """A fitted estimator and the columns that it is called with."""

    def __init__(self, model: Any, request: Request) -> None:
        self._model = model
        self._has_probabilities = hasattr(model, "predict_proba")
        self._transform, self._last = _divide(model)
        names = getattr(model, "feature_names_in_", None)
        self._dtypes = dict(request.fields) if request.input_type == "DataFrame" else {}
        self._as_frame = request.input_type == "DataFrame"
        self._fitted_on_frame = names is not None
        self._names = list(self._dtypes) or [str(name) for name in (() if names is None else names)]
        # Making an index costs more than making the frame of one row.
        self._index: pd.Index[str] = pd.Index(self._names)

    def score(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": [self._answer(block) for block in input_blocks(payload)]}

    def _answer(self, block: Block) -> dict[str, Any]:
        data = self._data(block)
        if not self._has_probabilities:
            return {"fields": ["prediction"], "values": [[value] for value in to_values(self._model.predict(data))]}
        data = self._transform(data)
        predictions, probabilities = to_values(self._last.predict(data)), _probabilities(self._last.predict_proba(data))
        rows = list(zip(predictions, probabilities, strict=True))
        return {"fields": ["prediction", "probability"], "values": rows}

    def _data(self, block: Block) -> Any:
        # A model fitted on a data frame checks the names that it is given; without names it takes columns as they come.
        named = block.fields is not None and self._fitted_on_frame
        if not self._as_frame and not named:
            return to_array(block.values)
        return to_frame(block.values, self._columns(block.fields), self._dtypes)

    def _columns(self, fields: list[str] | None) -> pd.Index[str]:
        if fields is not None and fields != self._names:
            columns: pd.Index[str] = pd.Index(fields)
            return columns
        if not self._names:
            raise PredictionError(
                400, "invalid_input_argument", "The model takes data frames: 'fields' must name the columns."
            )
        return self._index


def _divide(model: Any) -> tuple[Callable[[Any], Any], Any]:
    """Take a pipeline's predictor off its transformers, which need not work twice for predictions and probabilities.

    Only scikit-learn's own: others may do more in ``predict`` than their steps do, or change what they are given.
    """
    if type(model) is Pipeline and len(model.steps) > 1 and type(model[-1]).__module__.startswith("sklearn."):
        return model[:-1].transform, model[-1]
    return lambda data: data, model


def _probabilities(answer: Any) -> list[Any]:
    """One entry a row; for several outputs each entry holds one list of probabilities an output."""
    if isinstance(answer, list):
        return list(zip(*map(to_values, answer), strict=True))
    return to_values(answer)
