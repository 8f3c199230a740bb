"""Serve a model as a Python function of the service.

This file is stored as it stands, with one more statement at its end that hands it a model and a description of the
model's input::

    score = ModelFunction("{...}", "H4sIAAAA...").score

A user's own function stands there in place of a model: ``score = load("H4sIAAAA...")``.

It therefore imports nothing of the library that it comes from, and of other libraries only what the model needs.

A request is JSON, which has neither dtypes nor categories nor time zones. The description says how each column was at
the fit, so that the model gets the same frame again: ``{"kind": "category", "categories": ["b", "a"], ...}`` for
instance. Each kind of column is a function in ``COLUMNS``; each way to ask a model is one in ``CALLS``.
"""

from __future__ import annotations

import base64
import gzip
import importlib
import io
import json
import pickle
import re
import warnings
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Column = Mapping[str, Any]

__all__ = ["CALLS", "ModelFunction", "answer", "load", "outputs", "values_of"]

_EXACT_IN_DOUBLE = 2**53
_NONE: Any = None
_MISSING = {"nan": float("nan"), "none": None}


class ModelFunction:
    """A model, and how its rows looked at the fit.

    Args:
        description: JSON text: ``input`` says what the model takes (``frame``, ``series`` or ``array``), ``columns``
            how each column was, ``call`` how the model is asked, ``settings`` how its library was set.
        content: The model's pickle, gzipped, in base64; or its own format, where the description names a ``format``.

    """

    def __init__(self, description: str, content: str) -> None:
        """Load the model once; requests only read it."""
        self.describe(json.loads(description))
        for name, settings in self.description.get("settings", {}).items():
            importlib.import_module(name).set_config(**settings)
        self.model = load(content, self.description.get("format", "pickle"))

    def describe(self, description: dict[str, Any]) -> None:
        """Take in how the model's input looked at the fit."""
        self.description = description
        self._call: str = description.get("call", "predict")
        self._columns: list[Column] = description.get("columns", [])
        self._names = description.get("names") or [column["name"] for column in self._columns]

    def score(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request: ``{"input_data": [{"fields"?: [k names], "values": [n rows]}]}``."""
        return {"predictions": [self._answer(block) for block in payload["input_data"]]}

    def read(self, block: Mapping[str, Any]) -> Any:
        """Rebuild the rows of a request as the model was fitted on them: a frame, a series or an array."""
        rows = _in_order(block, self._names)
        if self.description["input"] == "array":
            return _array(rows, self.description)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas warns of what this undoes
            if self.description["input"] == "series":
                return _series([row[0] for row in rows], self._columns[0])
            return _frame(rows, self._columns)

    def _answer(self, block: Mapping[str, Any]) -> dict[str, Any]:
        parts = list(self._apart(block))
        if len(parts) == 1:
            return answer(self.model, self.read(block), self._call)
        answers = [answer(self.model, self.read({**block, "values": rows}), self._call) for _, rows in parts]
        placed = [pair for (places, _), each in zip(parts, answers) for pair in zip(places, each["values"])]  # noqa: B905
        return {**answers[0], "values": [row for _, row in sorted(placed, key=lambda pair: pair[0])]}

    def _apart(self, block: Mapping[str, Any]) -> Iterator[tuple[list[int], list[Any]]]:
        """Divide rows so that no gap makes doubles of the large integers in other rows."""
        values = block["values"]
        fields = block.get("fields") or self._names
        integers = [
            fields.index(column["name"])
            for column in self._columns
            if column["kind"] == "integer" and column["name"] in fields
        ]
        gaps = [any(row[place] is None for place in integers) for row in values] if integers else []
        if not any(gaps) or not any(_is_large(row[place]) for row in values for place in integers):
            yield list(range(len(values))), values
            return
        for has_gap in sorted(set(gaps)):
            places = [place for place, gap in enumerate(gaps) if gap == has_gap]
            yield places, [values[place] for place in places]


def load(content: str, form: str = "pickle") -> Any:
    """Read what was stored.

    Args:
        content: Gzipped bytes in base64.
        form: The name of one of ``READERS``.

    """
    return READERS[form](gzip.decompress(base64.b64decode(content)))


def answer(model: Any, rows: Any, call: str = "predict") -> dict[str, Any]:
    """Ask a model, and write what it says in the service's usual shape.

    Args:
        model: Anything that one of ``CALLS`` knows how to ask.
        rows: n rows as the model takes them.
        call: The name of that one.

    Returns:
        ``{"fields": ["prediction", "probability"], "values": [n rows]}``, without probabilities where there are none.
        Missing and infinite numbers, which JSON does not have, are None.

    """
    columns = outputs(model, rows, call)
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


def _in_order(block: Mapping[str, Any], names: Sequence[str]) -> list[list[Any]]:
    """Put the values of each row in the order of the fit."""
    rows, fields = block["values"], block.get("fields")
    rows = [row if isinstance(row, list) else [row] for row in rows]
    if names:
        wrong = next((row for row in rows if len(row) != len(fields or names)), None)
        if wrong is not None:
            raise ValueError(f"A row has {len(wrong)} values for {len(fields or names)} columns.")
    if not names or fields is None or list(fields) == list(names):
        return rows
    missing = [name for name in names if name not in fields]
    if missing:
        raise ValueError(f"The columns {', '.join(missing)} are missing.")
    places = [fields.index(name) for name in names]
    return [[row[place] for place in places] for row in rows]


def _array(rows: list[list[Any]], description: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    objects = np.array(rows, dtype=object)
    if "dtype" not in description:
        plain = all(value is None or isinstance(value, int | float) for value in objects.flat)
        return np.array(rows, dtype=np.float64 if None in objects else None) if plain else objects
    dtype = np.dtype(description["dtype"])
    if dtype.kind == "O":
        objects[np.equal(objects, _NONE)] = _missing(description)
        return objects
    if dtype.kind == "f":
        return np.array(rows, dtype=np.float64).astype(dtype)
    flat = [value for row in rows for value in row]
    return _number(flat, {"dtype": dtype.name}).reshape(len(rows), -1)


def _frame(rows: list[list[Any]], columns: Sequence[Column]) -> Any:
    pd = _pandas()
    if columns and all((column["kind"], column.get("dtype")) == ("float", "float64") for column in columns):
        # One block, laid out by column as pandas does: the last bit of a dot product depends on it.
        array = np.asfortranarray(np.array(rows, dtype=np.float64).reshape(len(rows), len(columns)))
        return pd.DataFrame(array, columns=[column["name"] for column in columns], copy=False)
    arrays = {place: _array_of([row[place] for row in rows], column) for place, column in enumerate(columns)}
    # From pandas 3 on, an array of objects would become text, and so it is named as what it is.
    named = {
        place: pd.Series(array, dtype=object) if array.dtype == object else array for place, array in arrays.items()
    }
    frame = pd.DataFrame(named, index=range(len(rows)))
    frame.columns = pd.Index([column["name"] for column in columns])
    return frame


def _series(values: list[Any], column: Column) -> Any:
    array = _array_of(values, column)
    return _pandas().Series(array, name=column.get("name"), dtype=array.dtype)


def _array_of(values: list[Any], column: Column) -> Any:
    try:
        return COLUMNS[column["kind"]](values, column)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"The column {column.get('name')!r} cannot be read as {column['kind']}: {error}") from error


def _number(values: list[Any], column: Column) -> np.ndarray[Any, Any]:
    """Read numbers; a gap makes doubles of integers, as it does in a frame."""
    dtype = np.dtype(column["dtype"])
    if dtype.kind == "f":
        return np.array(values, dtype=np.float64).astype(dtype)
    if None in values:
        return np.array(values, dtype=np.float64)
    if dtype == np.uint64 and all(type(value) is int for value in values):
        return np.array(values, dtype=dtype)
    array = np.array(values)
    if array.dtype.kind not in "iu" or not array.size:
        return array if array.size else array.astype(dtype)  # fractions stay what they are
    limits = np.iinfo(dtype)
    return array.astype(dtype) if limits.min <= array.min() and array.max() <= limits.max else array


def _any(values: list[Any], column: Column) -> Any:
    """Read a column of which nothing is known but its name: numbers where all are, else objects."""
    if all(value is None or isinstance(value, int | float) for value in values):
        return np.array(values, dtype=np.float64 if None in values else None)
    return _object(values, column)


def _boolean(values: list[Any], column: Column) -> np.ndarray[Any, Any]:
    return _object(values, column) if None in values else np.array(values)


def _object(values: list[Any], column: Column) -> np.ndarray[Any, Any]:
    """Read text, or whatever was in a column of objects, with its own kind of gap."""
    read = OBJECTS.get(column.get("of", ""))
    gap = _missing(column)
    array = np.empty(len(values), dtype=object)
    array[:] = [gap if value is None else read(value) if read else value for value in values]
    return array


def _missing(column: Column) -> Any:
    kind = column.get("missing", "nan")
    if kind in _MISSING:
        return _MISSING[kind]
    pd = _pandas()
    return {"NA": pd.NA, "NaT": pd.NaT}[kind]


def _extension(values: list[Any], column: Column) -> Any:
    """Read one of pandas' own dtypes by its name, such as ``Int64``."""
    pd = _pandas()
    return pd.array(values, dtype=column["dtype"])


def _string(values: list[Any], column: Column) -> Any:
    pd = _pandas()
    if column["missing"] == "NA" or column["storage"] == "pyarrow_numpy":
        return pd.array(values, dtype=pd.StringDtype(column["storage"]))
    return pd.array(values, dtype=pd.StringDtype(column["storage"], na_value=float("nan")))


def _category(values: list[Any], column: Column) -> Any:
    """Give values the codes that they had at the fit; what was no category then is missing."""
    pd = _pandas()
    of, listed = column["of"], column["categories"]
    categories = pd.Index(_series(listed, of))
    if not listed:
        return pd.Categorical.from_codes(np.full(len(values), -1), categories, ordered=column["ordered"])
    filled = [listed[0] if value is None else value for value in values]
    codes = np.array(categories.get_indexer(pd.Index(_series(filled, of))))
    codes[[value is None for value in values]] = -1
    return pd.Categorical.from_codes(codes, categories, ordered=column["ordered"])


def _moment(values: list[Any], column: Column) -> Any:
    pd = _pandas()
    if column.get("zone"):
        moments = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601").dt
        return moments.tz_convert(column["zone"]).dt.as_unit(column["unit"]).array
    return np.array(["NaT" if value is None else value for value in values], dtype=f"M8[{column['unit']}]")


def _duration(values: list[Any], column: Column) -> Any:
    pd = _pandas()
    durations: Any = pd.to_timedelta(pd.Series(values, dtype=object))
    return durations.dt.as_unit(column["unit"]).array


def _arrow(values: list[Any], column: Column) -> Any:
    """Read a column of Arrow's, whose type is text such as ``int64`` or ``timestamp[ns, tz=Europe/Lisbon]``."""
    pd, pa = _pandas(), _imported("pyarrow")
    name = column["type"]
    zoned = re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", name)
    kind = pa.timestamp(*zoned.groups()) if zoned else pa.type_for_alias(name)
    if pa.types.is_timestamp(kind):
        # Arrow keeps moments in UTC, whatever the zone.
        moments = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
        array = pa.array(moments.dt.tz_localize(None) if kind.tz is None else moments, type=kind, from_pandas=True)
    elif pa.types.is_duration(kind):
        array = pa.array(pd.to_timedelta(pd.Series(values, dtype=object)), type=kind, from_pandas=True)
    else:
        read = date.fromisoformat if pa.types.is_date(kind) else None
        array = pa.array([read(value) if read and value else value for value in values], type=kind)
    return pd.Series(array, dtype=pd.ArrowDtype(kind)).array


def _sparse(values: list[Any], column: Column) -> Any:
    pd = _pandas()
    return pd.arrays.SparseArray(_number(values, column), fill_value=column["fill"])


COLUMNS: dict[str, Callable[[list[Any], Column], Any]] = {
    "any": _any,
    "integer": _number,
    "float": _number,
    "boolean": _boolean,
    "object": _object,
    "extension": _extension,
    "string": _string,
    "category": _category,
    "moment": _moment,
    "duration": _duration,
    "arrow": _arrow,
    "sparse": _sparse,
}
"""How the n JSON values of a column become what the column was."""

OBJECTS: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "Decimal": lambda value: Decimal(str(value)),
    "UUID": UUID,
}
"""How a JSON value becomes the object that it stands for."""


def _imported(name: str) -> Any:
    """Import what only some models need."""
    return importlib.import_module(name)


def _pandas() -> Any:
    return _imported("pandas")


def _is_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _EXACT_IN_DOUBLE


def values_of(column: Any) -> list[Any]:
    """Turn what a model returned into one JSON value a row; a list of tables has one for each of several outputs."""
    if isinstance(column, list) and column and getattr(column[0], "ndim", 0) > 1:
        return [list(row) for row in zip(*map(values_of, column))]  # noqa: B905 - all have n rows
    array = np.asarray(column.toarray() if hasattr(column, "toarray") else column)
    if array.dtype.kind in "mM":
        array = array.astype(str)
    if array.dtype.kind == "f":
        array = array.astype(np.float64)  # the double of the same value
        if not np.isfinite(array).all():
            array = np.where(np.isfinite(array), array.astype(object), _NONE)
        plain: list[Any] = array.tolist()
        return plain
    return [_json(value) for value in array.tolist()] if array.dtype.kind == "O" else list(array.tolist())


def _json(value: Any) -> Any:
    """Turn an object among predictions into what JSON has."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_json(item) for item in value]
    if isinstance(value, float | Decimal):
        return float(value) if np.isfinite(float(value)) else None
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, str | int | dict):
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


def _ask_xgboost(model: Any, rows: Any) -> Any:
    return model.predict(_imported("xgboost").DMatrix(rows, enable_categorical=True))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "predict": _predict,
    "call": _call_model,
    "flat": _flat,
    "keras": _ask_keras,
    "xgboost": _ask_xgboost,
}
"""How a model is asked for the predictions of n rows."""


def _unpickle(content: bytes) -> Any:
    return pickle.load(io.BytesIO(content))


READERS: dict[str, Callable[[bytes], Any]] = {"pickle": _unpickle}
"""How a model is read from the bytes that were stored."""
