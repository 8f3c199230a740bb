"""Convert rows of JSON to the arrays and data frames that models take."""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.worker.payload import require_width

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["to_array", "to_frame"]

_NUMBERS = frozenset("iufb")

_HAS_TEXT_DTYPE = isinstance(pd.Series(["text"]).dtype, pd.StringDtype)
"""Whether pandas gives text a string dtype by default, as version 3 does; that of the service's runtimes does not."""


def to_array(values: list[Any]) -> np.ndarray[Any, Any]:
    """Convert rows to an array: of numbers if all values are numbers or null, else of objects.

    Args:
        values: n rows of k values, nested more deeply for tensors.

    Returns:
        An array of n rows by k columns; null among numbers is NaN.

    Raises:
        PredictionError: The rows have different lengths.

    """
    floats = _floats(values)
    if floats is not None:
        return floats
    try:
        array = np.array(values)
    except ValueError as error:
        raise PredictionError(
            400, "invalid_input_argument", "The rows of 'values' do not all have the same length."
        ) from error
    if array.dtype.kind in _NUMBERS:
        return array
    # Without dtype=object, numpy would convert a mix of numbers and text to text.
    array = np.array(values, dtype=object)
    if all(value is None or isinstance(value, (int, float)) for value in array.flat):
        return array.astype(np.float64)
    return array


def to_frame(values: list[Any], columns: pd.Index[str], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Convert rows to a data frame, with the dtype of each column inferred from its values.

    Args:
        values: n rows of k values.
        columns: The k column names.
        dtypes: Declared pandas dtypes, by column.

    Returns:
        n rows by k columns; null is NaN among numbers and None among text.

    Raises:
        PredictionError: A row does not have k values, or a column cannot be converted to its declared dtype.

    """
    # pandas would pad short rows.
    require_width(values, len(columns))
    frame = _frame(values, columns)
    for name, dtype in dtypes.items():
        if name in frame.columns:
            _declare(frame, name, dtype)
    return frame


def _frame(values: list[Any], columns: pd.Index[str]) -> pd.DataFrame:
    floats = _floats(values)
    # Column-major, the layout of pandas: the last bit of a dot product depends on it.
    source: Any = values if floats is None else np.asfortranarray(floats)
    frame: pd.DataFrame = pd.DataFrame(source, columns=columns, copy=False)
    if _HAS_TEXT_DTYPE and floats is None:
        for position, name in enumerate(columns):
            if isinstance(frame.dtypes.iloc[position], pd.StringDtype):
                frame[name] = pd.Series([row[position] for row in values], dtype=object)
    return frame


def _floats(values: list[Any]) -> np.ndarray[Any, Any] | None:
    """Convert rows of numbers to an array if the first row has only floats; return None for other rows.

    This takes a third of the time of numpy, which inspects each value to find a type.
    """
    first = values[0] if values else None
    if not isinstance(first, list) or not first or not all(type(value) is float for value in first):
        return None
    shape = (len(values), len(first))
    try:
        if set(map(len, values)) != {len(first)}:
            return None
        cells = bytearray(8 * shape[0] * shape[1])
        struct.pack_into(f"={shape[0] * shape[1]}d", cells, 0, *chain.from_iterable(values))
    except (TypeError, struct.error):
        return None
    return np.frombuffer(cells).reshape(shape)


def _in_nanoseconds(dates: pd.Series[Any]) -> pd.Series[Any]:
    """Convert dates to nanoseconds, as in the runtimes of the service; dates in several time zones are objects."""
    return dates.dt.as_unit("ns") if dates.dtype.kind == "M" else dates


def _declare(frame: pd.DataFrame, name: str, dtype: str) -> None:
    """Convert a column to the dtype that the input schema declares; other columns keep what their values say."""
    column = frame[name]
    try:
        if dtype.startswith("datetime64"):
            frame[name] = _in_nanoseconds(pd.to_datetime(column))
        elif dtype == "category" or (dtype.startswith("float") and column.dtype.kind in "iuO"):
            frame[name] = column.astype(pd.api.types.pandas_dtype(dtype))
    except (ValueError, TypeError) as error:
        raise PredictionError(
            400, "invalid_input_argument", f"The column {name!r} cannot be read as {dtype}: {error}"
        ) from error
