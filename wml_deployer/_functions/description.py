"""Describe how a model's input looked at the fit, so that a function can rebuild it from JSON.

A model takes its rows as a frame, as a bare array, or as a series of texts: this is its *form*.

>>> import pandas as pd
>>> describe_column("size", pd.Series(pd.Categorical(["S", "L"], categories=["S", "M", "L"], ordered=True)))
{'name': 'size', 'kind': 'category', 'ordered': True, 'categories': ['S', 'M', 'L'], 'of': {'kind': 'object'}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from wml_deployer._functions.loader import OBJECTS
from wml_deployer.errors import Fault, ModelError
from wml_deployer.frameworks import process_settings, recognise
from wml_deployer.frameworks._schema import column_types, takes_names
from wml_deployer.frameworks._sklearn import input_instead_of_rows
from wml_deployer.payload import to_input_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.schema import Schema

__all__ = ["Form", "as_fitted", "describe", "describe_column", "form_of"]

Form = Literal["frame", "array", "series"]
"""How a model takes its rows."""

_NUMBERS = {"i": "integer", "u": "integer", "f": "float", "b": "boolean"}
_ARROW_TYPES = frozenset(
    {
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        "halffloat",
        "float",
        "double",
        "string",
        "large_string",
        "date32[day]",
        "date64[ms]",
    }
)
_ARROW_TYPES_WITH_UNIT = ("timestamp[", "duration[")


def form_of(model: object, *, named: bool = True) -> Form:
    """Say how a model takes its rows.

    Args:
        model: What is asked for predictions.
        named: Whether its rows come with names; a model that may take both then gets a frame.

    """
    if input_instead_of_rows(model) == "a list of texts":
        return "series"
    return "frame" if named and takes_names(model) else "array"


def as_fitted(frame: pd.DataFrame, form: Form) -> Any:
    """Bring rows into the form that a model was fitted on.

    Args:
        frame: n rows × k columns; one column of texts for a series.
        form: The model's.

    """
    if form == "frame":
        return frame
    if form == "series":
        return frame.iloc[:, 0]
    # Mixed numbers would make an array of objects, which no model was fitted on.
    numbers = all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in frame.dtypes)
    array = frame.to_numpy()
    return np.array(array.tolist()) if numbers and array.dtype == object else array


def describe(model: object, frame: pd.DataFrame | None, schema: Schema, *, named: bool = True) -> dict[str, Any]:
    """Describe a model's input, and how it is asked.

    Args:
        model: What is asked for predictions.
        frame: n rows × k columns of what it was fitted on, if there are some.
        schema: Its columns.
        named: Whether the rows came with names.

    Raises:
        ModelError: A column is of a dtype that cannot be rebuilt, or only rows tell what was in it.

    """
    form = form_of(model, named=named)
    described: dict[str, Any]
    if form == "series":
        column = {"kind": "any"} if frame is None else _description(frame.iloc[:, 0])
        described = {"columns": [{"name": "text" if frame is None else str(frame.columns[0]), **column}]}
    elif form == "frame":
        columns = _unknown_columns(model, schema) if frame is None else _described_frame(frame)
        described = {"columns": columns}
        axis = None if frame is None else frame.columns.name
        described |= {"axis": axis} if isinstance(axis, str) else {}
    else:
        # Names that a bare array never had put its columns in order.
        described = {"names": [field.name for field in schema.fields]}
        described |= {} if frame is None else _array(as_fitted(frame, "array"))
    call, settings = recognise(model).call, process_settings()
    return {"input": form, "call": call, **({"settings": settings} if settings else {}), **described}


def _described_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe a frame as the model takes it.

    Args:
        frame: n rows × k columns with the dtypes of the fit. What a gap among objects is, NaN or None, is read off the
            rows; without a gap it is NaN, which is what pandas makes of one.

    Raises:
        ModelError: A column is of a dtype that cannot be rebuilt.

    """
    columns, faults = [], []
    for name, column in frame.items():
        try:
            columns.append(describe_column(str(name), column))
        except TypeError as error:  # noqa: PERF203 - all faults at once
            faults.append(Fault(f"column {str(name)!r}", str(error)))
    if faults:
        raise ModelError(
            "Some columns cannot be rebuilt from a request.",
            faults=tuple(faults),
            next_step="Fit the model on numbers, text, dates, durations or categories in these columns.",
        )
    return columns


def _unknown_columns(model: object, schema: Schema) -> list[dict[str, Any]]:
    """Describe a frame of which the names are known and no rows: each column has the dtype of what it gets."""
    categories = [name for name, dtype in column_types(model).items() if dtype == "category"]
    if categories:
        raise ModelError(
            f"The model was fitted on categories, in {', '.join(categories)}, and which ones is not known.",
            next_step="Give as sample= some rows of the frame that it was fitted on.",
        )
    return [{"name": field.name, "kind": "any"} for field in schema.fields]


def _array(array: np.ndarray[Any, Any]) -> dict[str, str]:
    if array.dtype.kind in _NUMBERS:
        return {"dtype": array.dtype.name}
    return {"dtype": "object", **_gap(pd.Series(array.ravel(), dtype=object))}


def describe_column(name: str, column: pd.Series[Any]) -> dict[str, Any]:
    """Describe one column.

    Args:
        name: Its name.
        column: n values.

    Raises:
        TypeError: Its dtype cannot be rebuilt from JSON.

    """
    return {"name": name, **_description(column)}


def _description(column: pd.Series[Any]) -> dict[str, Any]:
    rule = next((rule for kind, rule in _RULES.items() if isinstance(column.dtype, kind)), _extension)
    return rule(column, column.dtype)


def _extension(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    """Describe one of pandas' numbers with gaps, such as ``Int64``."""
    del column
    if dtype.kind not in _NUMBERS:
        raise TypeError(f"{dtype} has no form in JSON that it could be read back from")
    return {"kind": "extension", "dtype": str(dtype)}


def _numpy(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    if dtype.kind in "mM":
        return {"kind": "timestamp" if dtype.kind == "M" else "duration", "unit": np.datetime_data(dtype)[0]}
    if dtype.kind in _NUMBERS:
        return {"kind": _NUMBERS[dtype.kind], "dtype": dtype.name}
    return {"kind": "object", **_gap(column), **_objects(column)}


def _category(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    del column
    categories = dtype.categories.to_series()
    listed = [row[0] for row in to_input_data(categories.to_frame("value"))["input_data"][0]["values"]]
    of = _description(categories)
    if of["kind"] == "object":
        of.pop("missing", None)  # a gap is not a category
    return {"kind": "category", "ordered": bool(dtype.ordered), "categories": listed, "of": of}


def _zoned(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    del column
    zone = str(dtype.tz)
    try:
        known = pd.DatetimeTZDtype(dtype.unit, zone) == dtype
    except (LookupError, ValueError, TypeError):
        known = False
    if not known:
        raise TypeError(f"its time zone {zone} has no name that it could be found by")
    return {"kind": "timestamp", "unit": dtype.unit, "zone": zone}


def _string(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    del column
    missing = "NA" if getattr(dtype, "na_value", pd.NA) is pd.NA else "nan"
    return {"kind": "string", "storage": dtype.storage, "missing": missing}


def _sparse(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    if dtype.subtype.kind not in _NUMBERS:
        return _extension(column, dtype)
    return {"kind": "sparse", "dtype": dtype.subtype.name, "fill": np.asarray(dtype.fill_value).item()}


def _arrow(column: pd.Series[Any], dtype: Any) -> dict[str, Any]:
    del column
    name = str(dtype.pyarrow_dtype)
    if not name.startswith(_ARROW_TYPES_WITH_UNIT) and name not in _ARROW_TYPES:
        raise TypeError(f"Arrow's {name} has no form in JSON that it could be read back from")
    return {"kind": "arrow", "type": name}


_RULES: dict[Any, Callable[[pd.Series[Any], Any], dict[str, Any]]] = {
    pd.CategoricalDtype: _category,
    pd.DatetimeTZDtype: _zoned,
    pd.StringDtype: _string,
    pd.ArrowDtype: _arrow,
    pd.SparseDtype: _sparse,
    np.dtype: _numpy,
}
"""How a column is described, by the class of its dtype."""


def _gap(column: pd.Series[Any]) -> dict[str, str]:
    """Say what a gap is among objects, where that is not NaN: what most of the gaps are."""
    gaps = [value for value in column[column.isna()].tolist() if not isinstance(value, float)]
    if len(gaps) * 2 <= column.isna().sum():
        return {}
    last = gaps[-1]
    return {"missing": "none" if last is None else "NA" if last is pd.NA else "NaT"}


def _objects(column: pd.Series[Any]) -> dict[str, str]:
    """Name the type of the objects that JSON has only text or numbers for, if they are all of one."""
    kinds = {type(value).__name__ for value in column[column.notna()].tolist()}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return {"of": kind} if kind in OBJECTS else {}
