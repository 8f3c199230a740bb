"""Ask a model, and write what it says as JSON, or refuse it.

A part of ``loader.py``, into which it is written where a function is stored: it may import what that may.
"""

from __future__ import annotations

import importlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CALLS", "answer", "outputs", "values_of"]

_NONE: Any = None


def answer(model: Any, rows: Any, call: str = "predict") -> dict[str, Any]:
    """Ask a model, and write what it says in the service's usual shape.

    Args:
        model: Anything that one of ``CALLS`` knows how to ask.
        rows: n rows as the model takes them.
        call: The name of that one.

    Returns:
        ``{"fields": ["prediction", "probability"], "values": [n rows]}``, without probabilities where there are none.
        Missing numbers, which JSON does not have, are None.

    Raises:
        ValueError: A prediction is infinite, or a duration.

    """
    columns = outputs(model, rows, call)
    for name, column in columns.items():
        _refuse_what_json_lacks(name, column)
    values = [list(row) for row in zip(*map(values_of, columns.values()))]  # noqa: B905 - one value a row in each
    return {"fields": list(columns), "values": values}


def outputs(model: Any, rows: Any, call: str = "predict") -> dict[str, Any]:
    """Ask a model for its predictions and, where it has some, its probabilities, by their field in an answer.

    Args:
        model: Anything that one of ``CALLS`` knows how to ask.
        rows: n rows; the model may change them.
        call: The name of that one.

    """
    if not hasattr(model, "predict_proba"):
        return {"prediction": CALLS[call](model, rows)}
    steps: Any = getattr(model, "steps", ())
    if call == "predict" and len(steps) > 1 and _is_of_sklearn(model) and _is_of_sklearn(steps[-1][1]):
        # Its transformers need not work twice. Pipelines of others may do more than their steps do.
        rows, model = model[:-1].transform(rows), steps[-1][1]
        return {"prediction": model.predict(rows), "probability": model.predict_proba(rows)}
    return {"prediction": CALLS[call](model, _copy(rows)), "probability": model.predict_proba(rows)}


def _is_of_sklearn(model: Any) -> bool:
    return type(model).__module__.startswith("sklearn.")


def _copy(rows: Any) -> Any:
    return rows.copy() if hasattr(rows, "copy") else rows


def _refuse_what_json_lacks(name: str, column: Any) -> None:
    """Refuse infinite numbers, which would arrive as missing ones, and durations."""
    if isinstance(column, list):
        for part in column:
            if hasattr(part, "dtype"):
                _refuse_what_json_lacks(name, part)
        return
    array = np.asarray(column.toarray() if hasattr(column, "toarray") else column)
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ValueError(f"The model's {name} is infinite in some rows, and JSON has no infinity.")
    if array.dtype.kind == "m":
        raise ValueError(f"The model's {name} is a duration, which JSON does not have; let it be a number of seconds.")


def values_of(column: Any) -> list[Any]:
    """Turn what a model returned into one JSON value a row; a list of tables has one for each of several outputs."""
    if isinstance(column, list) and column and getattr(column[0], "ndim", 0) > 1:
        return [list(row) for row in zip(*map(values_of, column))]  # noqa: B905 - all have n rows
    if isinstance(column, list | tuple):
        return [_json(value) for value in column]  # NumPy would make text of what stands beside text
    array = np.asarray(column.toarray() if hasattr(column, "toarray") else column)
    if array.dtype.kind in "mM":
        array = np.where(np.isnat(array), _NONE, array.astype(str).astype(object))
    if array.dtype.kind == "f":
        array = array.astype(np.float64)  # the double of the same value
        if not np.isfinite(array).all():
            array = np.where(np.isfinite(array), array.astype(object), _NONE)
        plain: list[Any] = array.tolist()
        return plain
    return [_json(value) for value in array.tolist()] if array.dtype.kind == "O" else list(array.tolist())


def _json(value: Any) -> Any:
    """Turn an object among predictions into what JSON has."""
    if isinstance(value, np.datetime64):
        value = None if np.isnat(value) else str(value)
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, float | Decimal):
        return float(value) if np.isfinite(float(value)) else None
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, str | int):
        return value
    return value.isoformat()


def _predict(model: Any, rows: Any) -> Any:
    return model.predict(rows)


def _call_model(model: Any, rows: Any) -> Any:
    return model(rows)


def _flat(model: Any, rows: Any) -> Any:
    """Ask a model that answers labels as a table of one column."""
    return _flattened(model.predict(rows))


def _flattened(predicted: Any) -> Any:
    predicted = np.asarray(predicted)
    return predicted[:, 0] if predicted.ndim > 1 and predicted.shape[1] == 1 else predicted


def _ask_keras(model: Any, rows: Any) -> Any:
    return _flattened(model.predict(np.asarray(rows), verbose=0))


def _ask_torch(model: Any, rows: Any) -> Any:
    torch = importlib.import_module("torch")
    given = torch.tensor(rows)
    if given.is_floating_point():
        kinds = (weight.dtype for weight in model.parameters() if weight.is_floating_point())
        given = given.to(next(kinds, torch.float32))
    with torch.no_grad():
        return _flattened(model(given).numpy())


def _ask_xgboost(model: Any, rows: Any) -> Any:
    return model.predict(importlib.import_module("xgboost").DMatrix(rows, enable_categorical=True))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "predict": _predict,
    "call": _call_model,
    "flat": _flat,
    "keras": _ask_keras,
    "torch": _ask_torch,
    "xgboost": _ask_xgboost,
}
"""How a model is asked for the predictions of n rows."""
