"""From rows that a caller hands in to a sample: what to send, and what the local model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._rollout.sample import Sample

if TYPE_CHECKING:
    from wml_deployer.schema import Schema

__all__ = ["MOST_ROWS", "take_sample"]

MOST_ROWS = 1000
"""A proof of more rows finds nothing that these do not, and holds an unproven version at the endpoint for longer."""


def take_sample(estimator: Any, rows: Any, schema: Schema) -> Sample:
    """Encode the rows and let the local estimator answer them as the service's runtime does.

    Of more than a thousand rows a thousand are taken, evenly spread over all of them.

    Args:
        estimator: The fitted estimator.
        rows: n rows × k fields.
        schema: Its fields and classes.

    """
    from wml_deployer.payload import encode  # noqa: PLC0415 - importing this module is cheap

    chosen = _thinned(rows)
    given = _as_fitted(estimator, chosen, [field.name for field in schema.fields])
    columns = {"prediction": _plain(estimator.predict(given))}
    probabilities = _probabilities(estimator, given)
    if probabilities is not None:
        columns["probability"] = probabilities
    values = [list(row) for row in zip(*columns.values(), strict=True)]
    answer = {"predictions": [{"fields": list(columns), "values": values}]}
    return Sample(encode(chosen, schema=schema), orjson.dumps(answer), schema)


def _thinned(rows: Any) -> Any:
    # A mapping or a Series is one row, whatever its length.
    count = 1 if isinstance(rows, dict) or getattr(rows, "ndim", 2) == 1 else len(rows)
    if count <= MOST_ROWS:
        return rows
    positions = [index * count // MOST_ROWS for index in range(MOST_ROWS)]
    if hasattr(rows, "iloc"):
        return rows.iloc[positions]
    return [rows[position] for position in positions] if isinstance(rows, list) else rows[positions]


def _as_fitted(estimator: Any, rows: Any, names: list[str]) -> Any:
    """Bring rows into the form that the estimator was fitted on: named columns, or a bare array."""
    import numpy as np  # noqa: PLC0415 - importing this module is cheap
    import pandas as pd  # noqa: PLC0415

    frame = rows if isinstance(rows, pd.DataFrame) else _frame(rows, names)
    if names:
        ordered = frame[names]
        return _matrix(estimator, ordered)
    # Text beside numbers stays what it is: a list of both would become text alone.
    array = frame.to_numpy()
    return _matrix(estimator, np.array(array.tolist()) if array.dtype == object and _all_numbers(frame) else array)


def _frame(rows: Any, names: list[str]) -> Any:
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

    several = rows if isinstance(rows, list) and rows and isinstance(rows[0], list | tuple | dict) else None
    if several is None and not hasattr(rows, "ndim"):
        several = [rows]
    table = rows if several is None else several
    if getattr(table, "ndim", 2) == 1:
        table = [list(table)]
    return pd.DataFrame(table, columns=names or None)


def _all_numbers(frame: Any) -> bool:
    return all(dtype.kind in "biuf" for dtype in frame.dtypes if hasattr(dtype, "kind"))


def _matrix(estimator: Any, rows: Any) -> Any:
    """A bare XGBoost Booster takes nothing but its own matrices."""
    if type(estimator).__name__ != "Booster":
        return rows
    import xgboost  # noqa: PLC0415 - the object's own library, loaded already

    return xgboost.DMatrix(rows, enable_categorical=True)


def _probabilities(estimator: Any, given: Any) -> list[Any] | None:
    """Return one entry a row; several outputs have one list an output in each."""
    if not hasattr(estimator, "predict_proba"):
        return None
    answer = estimator.predict_proba(given)
    if isinstance(answer, list):
        return [list(row) for row in zip(*map(_plain, answer), strict=True)]
    return _plain(answer)


def _plain(values: Any) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - importing this module is cheap

    array = np.asarray(values)
    # The runtime answers a float32 as the double of the same value.
    plain = (array.astype(np.float64) if array.dtype.kind == "f" else array).tolist()
    return list(plain)
