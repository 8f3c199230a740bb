"""The ways rows are handed to orjson: as one block of numbers, column by column, or as rows of Python values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import orjson

from wml_deployer._payload.cells import INFINITE, TEXT
from wml_deployer._payload.columns import checked, doubles_of, needed_unit, out_of_reach, reader, slices
from wml_deployer._payload.faults import FaultLog
from wml_deployer._payload.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer._payload.table import Values

__all__ = [
    "NUMBER_KINDS",
    "Block",
    "array_values",
    "block_values",
    "column_name",
    "column_values",
    "is_number",
    "moment_values",
    "row_values",
]

NUMBER_KINDS = "biuf"
"""Of numpy's dtypes, and of those that pandas and Arrow have for numbers with gaps."""

_KEPT_BYTES = 65_536
_DOUBLE = np.float64().itemsize
_NUMBERS = frozenset({int, float, bool, type(None)})

Block = Callable[[int, int], "NDArray[Any]"]
"""From the first row (included) and the last (excluded) to the numbers between, one row a line."""


def is_number(dtype: object) -> bool:
    """Whether numpy holds such values as booleans, integers or floats."""
    return isinstance(dtype, np.dtype) and dtype.kind in NUMBER_KINDS


def column_name(names: Sequence[str] | None, position: int) -> str:
    """How faults name a column: by its name, or its position where it has none."""
    return f"column {names[position]!r}" if names is not None else f"column {position}"


def array_values(array: NDArray[Any], names: Sequence[str], index: pd.Index[Any]) -> Values:
    """Few numbers of one dtype, which are brought into orjson's form at once.

    Raises:
        PayloadError: There are infinities among them.

    """
    values = _native(array)
    if values.dtype.kind == "f" and np.isinf(values).any():
        return block_values(lambda start, stop: values[start:stop], len(values), names, index)
    return lambda start, stop: values[start:stop]


def block_values(block: Block, rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None) -> Values:
    """Numbers of one dtype go to orjson as they lie in memory.

    Raises:
        PayloadError: There are infinities among them.

    """
    log = FaultLog(index)
    for start, stop in slices(rows):
        _check_block(block(start, stop), names, log, start)
    log.check()
    return lambda start, stop: _native(block(start, stop))


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Floats as the doubles of the same value (orjson would shorten a float32), everything as orjson reads it."""
    native = np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("=")
    return np.ascontiguousarray(doubles_of(values) if values.itemsize > _DOUBLE else values, dtype=native)


def _check_block(values: NDArray[Any], names: Sequence[str] | None, log: FaultLog, first: int) -> None:
    if values.dtype.kind != "f":
        return
    infinite = np.isinf(doubles_of(values) if values.itemsize > _DOUBLE else values)
    if not infinite.any():
        return
    for position, column in enumerate(infinite.reshape(len(values), values.shape[1], -1).swapaxes(0, 1)):
        log.add(column_name(names, position), (first + np.flatnonzero(column.any(axis=1))).tolist(), INFINITE)


def column_values(
    columns: Sequence[pd.Series[Any]], names: Sequence[str], index: pd.Index[Any], numbers: Sequence[int] = ()
) -> Values:
    """Columns of several dtypes are read each in its own way, and zipped into rows.

    Args:
        columns: k columns of n values, in the order of the names.
        names: Their k names.
        index: The labels of the n rows.
        numbers: Positions of the columns that the model takes as numbers.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    log = FaultLog(index)
    readers = [reader(column, column_name(names, position), log) for position, column in enumerate(columns)]
    log.check()
    for position in numbers:
        if columns[position].dtype.kind not in NUMBER_KINDS:
            for start, stop in slices(len(index)):
                _refuse_text(readers[position](start, stop), column_name(names, position), log, start)
    log.check()
    return lambda start, stop: list(zip(*(read(start, stop) for read in readers), strict=True))


def moment_values(array: NDArray[Any]) -> Values | None:
    """Dates with time of whole seconds, all together; None where they need a fraction, or go too far."""
    if needed_unit(array) != "s" or out_of_reach(array).any():
        return None
    rows = array.astype("M8[us]").tolist()
    return lambda start, stop: rows[start:stop]


def row_values(
    rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None, numbers: Sequence[int] = ()
) -> Values:
    """Rows of Python values go as they stand, or column by column where a value needs a hand.

    Args:
        rows: n rows of k values.
        names: The k names, if they have any.
        index: The labels of the n rows, if they have any.
        numbers: Positions of the values that the model takes as numbers.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    text = plain_text(rows)
    if text is None or (numbers and b'"' in text and _are_not_all_numbers(rows, numbers)):
        rows = _converted(rows, names, index, numbers)
    elif len(text) <= _KEPT_BYTES:  # few rows are sent as the text by which they were checked
        whole = orjson.Fragment(text)
        return lambda start, stop: whole if stop - start == len(rows) else rows[start:stop]
    return lambda start, stop: rows[start:stop]


def _are_not_all_numbers(rows: list[Any], numbers: Sequence[int]) -> bool:
    return not all(type(row[position]) in _NUMBERS for row in rows for position in numbers)


def _converted(
    rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None, numbers: Sequence[int]
) -> list[Any]:
    log = FaultLog(index)
    columns = [
        checked(cells, column_name(names, position), log)[0] for position, cells in enumerate(zip(*rows, strict=True))
    ]
    for position in numbers if columns else ():
        _refuse_text(columns[position], column_name(names, position), log, 0)
    log.check()
    return list(zip(*columns, strict=True))


def _refuse_text(cells: Sequence[Any], name: str, log: FaultLog, first: int) -> None:
    log.add(name, (row for row, cell in enumerate(cells, first) if _goes_as_text(cell)), TEXT)


def _goes_as_text(cell: Any) -> bool:
    """Whether it is text in JSON, however Python holds it."""
    return isinstance(cell.value if isinstance(cell, Enum) else cell, str | date | UUID)
