"""Models stored as ``xgboost_*``: a native Booster, or an estimator of XGBoost's scikit-learn API.

IBM's client stores a Booster as a pickle or in an ``XGBRegressor``; files in the JSON, UBJSON and binary formats of
XGBoost are accepted, too. No response of a native Booster was recorded: its only field is ``prediction``, by the rule
that all recorded responses follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import xgboost

from wml_deployer.server.runtimes.archive import only_file, unzip
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker import scikit_learn
from wml_deployer.server.runtimes.worker.answers import to_values
from wml_deployer.server.runtimes.worker.inputs import to_array, to_frame
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.server.runtimes.worker.registry import Request, Score

__all__ = ["load"]

_PICKLES = (".joblib", ".pkl", ".pickle", ".sav")
_NATIVE = (".json", ".ubj", ".model", ".bst", ".bin", ".deprecated")
# A pickle, or one compressed by joblib.
_PICKLE_STARTS = (b"\x80", b"x")


def load(request: Request) -> Score:
    """Load a Booster or an estimator.

    Raises:
        LoadError: There is not exactly one model file, or it cannot be loaded.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, _PICKLES + _NATIVE)
    if path.suffix not in _PICKLES and not _start(path).startswith(_PICKLE_STARTS):
        return _Booster(_read(path), request).score
    model = scikit_learn.unpickle(path)
    if isinstance(model, xgboost.Booster):
        return _Booster(model, request).score
    return scikit_learn.serve(model, request)


def _read(path: Path) -> xgboost.Booster:
    booster = xgboost.Booster()
    try:
        booster.load_model(_named_by_format(path))
    except xgboost.core.XGBoostError as error:
        raise LoadError("model_load_failed", f"XGBoost cannot read the model: {_message_of(error)}") from error
    return booster


def _named_by_format(path: Path) -> Path:
    """Rename a file by its format: XGBoost relies on the suffix, which may be wrong or lost."""
    start = _start(path)
    if not start.startswith(b"{"):
        return path.rename(path.with_suffix(".deprecated"))
    is_text = start[1:].lstrip().startswith(b'"')
    return path.rename(path.with_suffix(".json" if is_text else ".ubj"))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64).lstrip()


def _message_of(error: Exception) -> str:
    """Return the message of XGBoost without its stack trace."""
    return str(error).partition("Stack trace:")[0].strip()


class _Booster:
    """A native Booster, and the conversion of payloads to its matrices."""

    def __init__(self, booster: xgboost.Booster, request: Request) -> None:
        self._booster = booster
        self._as_frame = request.input_type == "DataFrame"
        self._dtypes = dict(request.fields) if self._as_frame else {}

    def score(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": [self._answer(block) for block in input_blocks(payload)]}

    def _answer(self, block: Block) -> dict[str, Any]:
        try:
            predictions = to_values(self._booster.predict(self._matrix(block)))
        except xgboost.core.XGBoostError as error:
            raise PredictionError(400, "invalid_input_argument", _message_of(error)) from error
        return {"fields": ["prediction"], "values": [[prediction] for prediction in predictions]}

    def _matrix(self, block: Block) -> xgboost.DMatrix:
        known = self._booster.feature_names
        names = block.fields or list(self._dtypes) or known
        if self._as_frame and names:
            columns: pd.Index[str] = pd.Index(names)
            return xgboost.DMatrix(to_frame(block.values, columns, self._dtypes), enable_categorical=True)
        # A Booster trained without names accepts none; one trained with names requires them.
        return xgboost.DMatrix(to_array(block.values), feature_names=None if known is None else names)
