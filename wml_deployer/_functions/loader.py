"""Serve a model as a Python function of the service.

This file is stored as it stands, with what it imports from ``outputs.py`` written into it, and with one more statement
at its end that hands it a model and a description of the model's input::

    score = ModelFunction("{...}", "H4sIAAAA...").score

A user's own function stands there in place of a model: ``score = load("H4sIAAAA...")``.

It therefore imports nothing else of the library that it comes from, and of other libraries only what the model needs.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from wml_deployer._functions.outputs import CALLS, answer, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Column = Mapping[str, Any]

__all__ = ["CALLS", "ModelFunction", "answer", "load", "outputs"]

INSTALLED = "package:"
"""Before the name of the package that carries a model too large for a function; base64 has no colon."""

MODEL_FILE = "model.gz"
"""The file of such a package that holds the model."""

_EXACT_IN_DOUBLE = 2**53
_NONE: Any = None
_NUMBERS = frozenset({"integer", "float", "boolean", "extension"})
_OFFSET = re.compile(r"[T ].*(?:Z|[+-]\d\d(?::?\d\d)?)$")
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
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
            return _frame(rows, self._columns, self.description.get("axis"))

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
        content: Gzipped bytes in base64; or the name of an installed package that carries them, after ``INSTALLED``.
        form: The name of one of ``READERS``.

    """
    if content.startswith(INSTALLED):
        package = importlib.import_module(content[len(INSTALLED) :])
        with gzip.open(Path(str(package.__file__)).with_name(MODEL_FILE)) as stream:
            return pickle.load(stream) if form == "pickle" else READERS[form](stream.read())
    return READERS[form](gzip.decompress(base64.b64decode(content)))


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


def _frame(rows: list[list[Any]], columns: Sequence[Column], axis: str | None = None) -> Any:
    pd = _pandas()
    names = pd.Index([column["name"] for column in columns], name=axis)
    if columns and all((column["kind"], column.get("dtype")) == ("float", "float64") for column in columns):
        # One block, laid out by column as pandas does: the last bit of a dot product depends on it.
        array = np.asfortranarray(np.array(rows, dtype=np.float64).reshape(len(rows), len(columns)))
        return pd.DataFrame(array, columns=names, copy=False)
    arrays = {place: _array_of([row[place] for row in rows], column) for place, column in enumerate(columns)}
    # From pandas 3 on, an array of objects would become text, and so it is named as what it is.
    named = {
        place: pd.Series(array, dtype=object) if array.dtype == object else array for place, array in arrays.items()
    }
    frame = pd.DataFrame(named, index=range(len(rows)))
    frame.columns = names
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
    if array.dtype.kind not in "iufb":  # NumPy makes text of numbers beside text
        raise ValueError("not all of its values are numbers")
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
    if of["kind"] in _NUMBERS:
        values = [None if isinstance(value, str) else value for value in values]
    filled = [listed[0] if value is None else value for value in values]
    codes = np.array(_codes(filled, of, categories))
    codes[[value is None for value in values]] = -1
    return pd.Categorical.from_codes(codes, categories, ordered=column["ordered"])


def _codes(values: list[Any], of: Column, categories: Any) -> Any:
    """Look values up among categories. What cannot even be read as one is none."""
    try:
        return categories.get_indexer(_pandas().Index(_series(values, of)))
    except ValueError:
        return [-1] if len(values) == 1 else [_codes([value], of, categories)[0] for value in values]


def _timestamp(values: list[Any], column: Column) -> Any:
    """Read dates. Neither a time zone nor a fraction of a second may be added or lost silently."""
    pd = _pandas()
    zone, unit = column.get("zone"), column["unit"]
    cut_off = re.compile(rf"\.\d{{{_DIGITS[unit]}}}\d*[1-9]")
    for value in values:
        if value is not None:
            _check_date(value, zone, cut_off, unit)
    if zone:
        timestamps = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601").dt
        return timestamps.tz_convert(zone).dt.as_unit(unit).array
    text = ["NaT" if value is None else value for value in values]
    read = np.array(text, dtype=f"M8[{unit}]")
    # NumPy counts on from the far end where a unit's years are over.
    seconds = np.array(text, dtype="M8[s]")
    if not (np.isnat(seconds) | (read.astype(seconds.dtype) == seconds)).all():
        raise ValueError(f"a date is outside the years that {read.dtype} holds")
    return read


def _check_date(value: Any, zone: str | None, cut_off: re.Pattern[str], unit: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a date")
    if zone and not _OFFSET.search(value):
        raise ValueError(f"{value} has no time zone; give it the one of the fit, with .dt.tz_localize({zone!r})")
    if not zone and _OFFSET.search(value):
        raise ValueError(f"{value} has a time zone, and the fit had none; drop it with .dt.tz_localize(None)")
    if cut_off.search(value):
        raise ValueError(f"{value} is finer than the dates of the fit; round it with .dt.as_unit({unit!r})")


def _duration(values: list[Any], column: Column) -> Any:
    pd = _pandas()
    durations: Any = pd.to_timedelta(pd.Series(values, dtype=object))
    read = durations.dt.as_unit(column["unit"])
    if not (durations.isna() | (read == durations)).all():
        raise ValueError(f"a duration is finer than those of the fit; round it with .dt.as_unit({column['unit']!r})")
    return read.array


def _arrow(values: list[Any], column: Column) -> Any:
    """Read a column of Arrow's, whose type is text such as ``int64`` or ``timestamp[ns, tz=Europe/Lisbon]``."""
    pd, pa = _pandas(), _imported("pyarrow")
    name = column["type"]
    zoned = re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", name)
    kind = pa.timestamp(*zoned.groups()) if zoned else pa.type_for_alias(name)
    if pa.types.is_timestamp(kind):
        cut_off = re.compile(rf"\.\d{{{_DIGITS[kind.unit]}}}\d*[1-9]")
        for value in values:
            if value is not None:
                _check_date(value, kind.tz, cut_off, kind.unit)
        # Arrow keeps timestamps in UTC, whatever the zone.
        timestamps = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
        array = pa.array(
            timestamps.dt.tz_localize(None) if kind.tz is None else timestamps, type=kind, from_pandas=True
        )
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
    "timestamp": _timestamp,
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


def _unpickle(content: bytes) -> Any:
    return pickle.load(io.BytesIO(content))


READERS: dict[str, Callable[[bytes], Any]] = {"pickle": _unpickle}
"""How a model is read from the bytes that were stored."""
