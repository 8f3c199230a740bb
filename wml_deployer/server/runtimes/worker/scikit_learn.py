"""scikit-learn, and other libraries with its API: ``predict`` and optionally ``predict_proba``.

The fields of the response are ``prediction``, and ``probability`` for models with ``predict_proba`` (recorded). A
prediction of several columns is a list in one field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline

from wml_deployer.server.runtimes.archive import only_file, unzip
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import to_values
from wml_deployer.server.runtimes.worker.inputs import to_array, to_frame
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer.server.runtimes.worker.registry import Request, Score

__all__ = ["load", "serve", "unpickle"]

_SUFFIXES = (".joblib", ".pkl", ".pickle", ".sav", ".gz", ".z")


def load(request: Request) -> Score:
    """Load a pickled estimator.

    Raises:
        LoadError: There is not exactly one pickle, it cannot be loaded, or the object cannot predict.

    """
    unzip(request.directory, request.bounds)
    return serve(unpickle(only_file(request.directory, _SUFFIXES)), request)


def serve(model: Any, request: Request) -> Score:
    """Return the function that predicts with an estimator.

    Raises:
        LoadError: It has no ``predict``.

    """
    if not hasattr(model, "predict"):
        raise LoadError(
            "invalid_model_content",
            f"A {type(model).__name__} has no method 'predict', so it cannot be deployed online.",
        )
    return _Estimator(model, request).score


def unpickle(path: Path) -> Any:
    """Load a pickle.

    Raises:
        LoadError: It is damaged, or needs a package that is missing.

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
    """A fitted estimator, and the columns that it takes."""

    def __init__(self, model: Any, request: Request) -> None:
        self._model = model
        self._has_probabilities = hasattr(model, "predict_proba")
        self._transform, self._last = _divide(model)
        names = getattr(model, "feature_names_in_", None)
        self._dtypes = dict(request.fields) if request.input_type == "DataFrame" else {}
        self._as_frame = request.input_type == "DataFrame"
        self._fitted_on_frame = names is not None
        self._names = list(self._dtypes) or [str(name) for name in (() if names is None else names)]
        # Creating an index takes longer than creating a frame with one row.
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
        # A model fitted on a data frame checks names, if there are any; without names, the order of the columns counts.
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
                400, "invalid_input_argument", "The model takes data frames, so 'fields' must contain the column names."
            )
        return self._index


def _divide(model: Any) -> tuple[Callable[[Any], Any], Any]:
    """Split a pipeline into transformers and predictor, so that data are transformed once for both predictions.

    Only for scikit-learn's own: other predictors may modify their input, and other pipelines override ``predict``.
    """
    if type(model) is Pipeline and len(model.steps) > 1 and type(model[-1]).__module__.startswith("sklearn."):
        return model[:-1].transform, model[-1]
    return lambda data: data, model


def _probabilities(answer: Any) -> list[Any]:
    """Return the probabilities of each row; for several outputs, a list with those of each output."""
    if isinstance(answer, list):
        return list(zip(*map(to_values, answer), strict=True))
    return to_values(answer)
