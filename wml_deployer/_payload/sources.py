"""The ways rows are handed to orjson: as one block of numbers, column by column, or as rows of Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wml_deployer._payload.cells import INFINITE, plain_rows
from wml_deployer._payload.columns import checked, doubles_of, needed_unit, out_of_reach, reader, slices
from wml_deployer._payload.faults import FaultLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer._payload.table import Values

__all__ = ["Block", "array_values", "block_values", "column_name", "column_values", "moment_values", "row_values"]

_KEPT_BYTES = 65_536
_DOUBLE = np.float64().itemsize

Block = Callable[[int, int], "NDArray[Any]"]
"""From the first row (included) and the last (excluded) to the numbers between, one row a line."""


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


def column_values(columns: Sequence[pd.Series[Any]], names: Sequence[str], index: pd.Index[Any]) -> Values:
    """Columns of several dtypes are read each in its own way, and zipped into rows.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    log = FaultLog(index)
    readers = [reader(column, column_name(names, position), log) for position, column in enumerate(columns)]
    log.check()
    return lambda start, stop: list(zip(*(read(start, stop) for read in readers), strict=True))


def moment_values(array: NDArray[Any]) -> Values | None:
    """Dates with time of whole seconds, all together; None where they need a fraction, or go too far."""
    if needed_unit(array) != "s" or out_of_reach(array).any():
        return None
    rows = array.astype("M8[us]").tolist()
    return lambda start, stop: rows[start:stop]


def row_values(rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None) -> Values:
    """Rows of Python values go as they stand, or column by column where a value needs a hand.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    text = plain_rows(rows)
    if text is None:
        rows = _converted(rows, names, index)
    elif len(text) <= _KEPT_BYTES:  # few rows are sent as the text by which they were checked
        whole = orjson.Fragment(text)
        return lambda start, stop: whole if stop - start == len(rows) else rows[start:stop]
    return lambda start, stop: rows[start:stop]


def _converted(rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None) -> list[Any]:
    log = FaultLog(index)
    columns = [
        checked(cells, column_name(names, position), log)[0] for position, cells in enumerate(zip(*rows, strict=True))
    ]
    log.check()
    return list(zip(*columns, strict=True))
