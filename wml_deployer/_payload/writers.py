"""The three ways rows become JSON text: one numeric block, column by column, or as rows of Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wml_deployer._payload.cells import INFINITE, convert, is_plain
from wml_deployer._payload.columns import reader, slices, survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer._payload.faults import FaultLog
    from wml_deployer._payload.table import Writer

__all__ = ["Block", "block_writer", "column_name", "column_writer", "row_writer"]

Block = Callable[[int, int], "NDArray[Any]"]
"""From the first row (included) and the last (excluded) to the numbers between, one row a line."""


def column_name(names: Sequence[str] | None, position: int) -> str:
    """How faults name a column: by its name, or its position where it has none."""
    return f"column {names[position]!r}" if names is not None else f"column {position}"


def block_writer(block: Block, rows: int, names: list[str] | None, log: FaultLog) -> Writer:
    """Numbers of one dtype go to orjson as they lie in memory."""
    for start, stop in slices(rows):
        _check_block(_doubles(block(start, stop)), names, log, start)
    return lambda start, stop: orjson.dumps(_doubles(block(start, stop)), option=orjson.OPT_SERIALIZE_NUMPY)


def _doubles(values: NDArray[Any]) -> NDArray[Any]:
    """Floats as the doubles of the same value (orjson would shorten a float32), everything as orjson reads it."""
    native = np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):  # a long double beyond a double becomes infinite, and is refused
        return np.ascontiguousarray(values, dtype=native)


def _check_block(values: NDArray[Any], names: list[str] | None, log: FaultLog, first: int) -> None:
    if values.dtype.kind != "f" or not np.isinf(values).any():
        return
    for position, column in enumerate(values.reshape(len(values), values.shape[1], -1).swapaxes(0, 1)):
        infinite = np.isinf(column).any(axis=1)
        log.add(column_name(names, position), (first + np.flatnonzero(infinite)).tolist(), INFINITE)


def column_writer(columns: Sequence[pd.Series[Any]], names: list[str], log: FaultLog) -> Writer:
    """Columns of several dtypes are read each in its own way, and zipped into rows."""
    readers = [reader(column, column_name(names, position), log) for position, column in enumerate(columns)]
    return lambda start, stop: orjson.dumps(list(zip(*(read(start, stop) for read in readers), strict=True)))


def row_writer(rows: list[Any], names: list[str] | None, log: FaultLog) -> Writer:
    """Rows of Python values go as they stand, or column by column where a value needs a hand."""
    if not is_plain(rows, nested=True):
        rows = _converted(rows, names, log)
    return lambda start, stop: orjson.dumps(rows if stop - start == len(rows) else rows[start:stop])


def _converted(rows: list[Any], names: list[str] | None, log: FaultLog) -> list[Any]:
    columns = []
    for position, cells in enumerate(zip(*rows, strict=True)):
        precision = survey(cells, column_name(names, position), log)
        columns.append(convert(cells, precision) if precision else cells)
    return list(zip(*columns, strict=True))
