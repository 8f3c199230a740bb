"""Predictions as JSON, with every value exactly as the model returned it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.frames import LARGEST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["encode", "to_values"]


def encode(answer: Any) -> bytes:
    """Serialize predictions as strict JSON; NaN and infinity become null.

    Raises:
        PredictionError: A value has no JSON form, or the result is too large.

    """
    try:
        written = orjson.dumps(answer, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise PredictionError(
            400, "invalid_model_output", f"The predictions cannot be written as JSON: {error}"
        ) from error
    if len(written) > LARGEST_ANSWER:
        size = f"The predictions have {len(written)} bytes; at most {LARGEST_ANSWER} can be sent"
        raise PredictionError(413, "model_answer_too_large", f"{size}. Score fewer rows.")
    return written


def to_values(array: Any) -> list[Any]:
    """Convert the array returned by a model to nested lists.

    A float32 becomes the double of the same value, not the shortest decimal that represents it.
    """
    if hasattr(array, "toarray"):
        array = array.toarray()
    array = np.asarray(array)
    if array.dtype.kind in "mM":
        missing = np.isnat(array)
        array = array.astype(str).astype(object)
        array[missing] = None
    elif array.dtype == np.longdouble:
        array = array.astype(np.float64)
    values = array.tolist()
    return values if isinstance(values, list) else [values]


def _plain(value: Any) -> Any:
    """Convert a value that orjson does not support. Its own support of numpy would shorten float32 values."""
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    if type(value).__name__ in _MISSING:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_MISSING = frozenset({"NAType", "NaTType"})

_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (np.ndarray, to_values),
    ((np.datetime64, np.timedelta64), str),
    (np.generic, lambda value: value.item()),
    ((set, frozenset), list),
    (Decimal, float),
)
