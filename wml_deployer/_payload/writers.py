"""The three ways rows become JSON text: one numeric block, column by column, or as rows of Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wml_deployer._payload.cells import INFINITE, plain_text
from wml_deployer._payload.columns import checked, doubles_of, needed_unit, out_of_reach, reader, slices
from wml_deployer._payload.faults import FaultLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer._payload.table import Writer

__all__ = ["Block", "array_writer", "block_writer", "column_name", "column_writer", "moment_writer", "row_writer"]

_KEPT_BYTES = 65_536

Block = Callable[[int, int], "NDArray[Any]"]
"""From the first row (included) and the last (excluded) to the numbers between, one row a line."""


def column_name(names: Sequence[str] | None, position: int) -> str:
    """How faults name a column: by its name, or its position where it has none."""
    return f"column {names[position]!r}" if names is not None else f"column {position}"


def array_writer(array: NDArray[Any], names: Sequence[str], index: pd.Index[Any]) -> Writer:
    """Few numbers of one dtype, which are brought into orjson's form at once.

    Raises:
        PayloadError: There are infinities among them.

    """
    values = _native(array)
    if values.dtype.kind == "f" and np.isinf(values).any():
        return block_writer(lambda start, stop: values[start:stop], len(values), names, index)
    return lambda start, stop: orjson.dumps(values[start:stop], option=orjson.OPT_SERIALIZE_NUMPY)


def block_writer(block: Block, rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None) -> Writer:
    """Numbers of one dtype go to orjson as they lie in memory.

    Raises:
        PayloadError: There are infinities among them.

    """
    log = FaultLog(index)
    for start, stop in slices(rows):
        _check_block(_native(block(start, stop)), names, log, start)
    log.check()
    return lambda start, stop: orjson.dumps(_native(block(start, stop)), option=orjson.OPT_SERIALIZE_NUMPY)


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Floats as the doubles of the same value (orjson would shorten a float32), everything as orjson reads it."""
    if values.dtype.kind == "f":
        return np.ascontiguousarray(values if values.dtype == np.float64 else doubles_of(values), dtype=np.float64)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


def _check_block(values: NDArray[Any], names: Sequence[str] | None, log: FaultLog, first: int) -> None:
    if values.dtype.kind != "f" or not np.isinf(values).any():
        return
    for position, column in enumerate(values.reshape(len(values), values.shape[1], -1).swapaxes(0, 1)):
        infinite = np.isinf(column).any(axis=1)
        log.add(column_name(names, position), (first + np.flatnonzero(infinite)).tolist(), INFINITE)


def column_writer(columns: Sequence[pd.Series[Any]], names: Sequence[str], index: pd.Index[Any]) -> Writer:
    """Columns of several dtypes are read each in its own way, and zipped into rows.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    log = FaultLog(index)
    readers = [reader(column, column_name(names, position), log) for position, column in enumerate(columns)]
    log.check()
    return lambda start, stop: orjson.dumps(list(zip(*(read(start, stop) for read in readers), strict=True)))


def moment_writer(array: NDArray[Any]) -> Writer | None:
    """Dates with time of whole seconds, all together; None where they need a fraction, or go too far."""
    if needed_unit(array) != "s" or out_of_reach(array).any():
        return None
    rows = array.astype("M8[us]").tolist()
    return lambda start, stop: orjson.dumps(rows[start:stop])


def row_writer(rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None) -> Writer:
    """Rows of Python values go as they stand, or column by column where a value needs a hand.

    Raises:
        PayloadError: There are values that cannot be sent.

    """
    text = plain_text(rows, nested=True)
    if text is None:
        rows = _converted(rows, names, index)
    if text is not None and len(text) <= _KEPT_BYTES:  # what few rows are checked by is what is sent
        kept = text
        return lambda start, stop: kept if stop - start == len(rows) else orjson.dumps(rows[start:stop])
    return lambda start, stop: orjson.dumps(rows[start:stop])


def _converted(rows: list[Any], names: Sequence[str] | None, index: pd.Index[Any] | None) -> list[Any]:
    log = FaultLog(index)
    columns = [
        checked(cells, column_name(names, position), log)[0] for position, cells in enumerate(zip(*rows, strict=True))
    ]
    log.check()
    return list(zip(*columns, strict=True))
