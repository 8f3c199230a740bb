"""Data frames as checked tables, written in one of two ways: as one numeric array, or column by column.

Columns that all have the same numeric dtype are handed to orjson as one array. Any others become lists of Python
values, each by the rules of its dtype, and are zipped into rows: a frame is not a matrix, so integers stay integers
beside floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer.errors import PayloadError
from wml_deployer.payload._columns import NUMBER_KINDS, column_rows
from wml_deployer.payload._errors import KINDS
from wml_deployer.payload._names import arrange
from wml_deployer.payload._rows import FEW_CELLS, array_rows, python_rows, stacked_rows
from wml_deployer.payload._table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.payload._arrow import ArrowFrame
    from wml_deployer.payload._table import Values
    from wml_deployer.schema import Schema

__all__ = ["arrow_table", "frame_table"]


def frame_table(frame: pd.DataFrame, schema: Schema | None) -> Table:
    """Check a frame against the model's input and what JSON can carry."""
    names, order = arrange(frame.columns.tolist(), schema)
    index = frame.index
    _require_columns(len(index), len(names))
    return Table(names, len(names), len(index), index, _values(frame, names, order, schema.numbers if schema else ()))


def arrow_table(frame: ArrowFrame, schema: Schema | None) -> Table:
    """Check a frame of another library against the model's input and what JSON can carry."""
    names, order = arrange(frame.names, schema)
    index = pd.RangeIndex(len(frame))
    _require_columns(len(index), len(names))
    values = _column_values(frame.columns(order), names, index, schema.numbers if schema else ())
    return Table(names, len(names), len(index), index, values)


def _require_columns(rows: int, width: int) -> None:
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a column cannot be scored.", next_step=KINDS)


def _values(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    index = frame.index
    array = _own_array(frame)
    if array is not None and array.dtype.kind in NUMBER_KINDS:
        return array_rows(array, names, index, order)
    if array is not None and array.size <= FEW_CELLS:
        return python_rows((array if order is None else array[:, order]).tolist(), names, index, numbers)
    arrays = _column_arrays(frame) if array is None else list(array.T)
    columns = arrays if order is None else [arrays[place] for place in order]
    return _column_values(columns, names, index, numbers)


def _column_values(columns: list[Any], names: list[str], index: pd.Index[Any], numbers: Sequence[int]) -> Values:
    if _are_numbers_of_one_dtype(columns):
        if len(columns) == 1:
            return array_rows(columns[0].reshape(-1, 1), names, index)
        return stacked_rows(columns, names, index)
    return column_rows(columns, names, index, len(index), numbers)


def _own_array(frame: pd.DataFrame) -> Any:
    """Return the array in which pandas keeps all values of a frame, if there is such an array.

    Asking pandas for the dtypes would cost more than writing ten rows; hence the private attribute. Where it is
    missing, the frame is read by column.
    """
    blocks: Any = getattr(getattr(frame, "_mgr", None), "arrays", ())
    return frame.to_numpy() if len(blocks) == 1 and isinstance(blocks[0], np.ndarray) else None


def _column_arrays(frame: Any) -> list[Any]:
    """Return the array of each column, if possible without making a Series of it, which takes ten times as long."""
    try:
        return list(frame._iter_column_arrays())  # noqa: SLF001
    except AttributeError:
        return [
            column.to_numpy() if isinstance(column.dtype, np.dtype) and column.dtype.kind not in "mM" else column.array
            for _, column in frame.items()
        ]


def _are_numbers_of_one_dtype(columns: Sequence[Any]) -> bool:
    first = getattr(columns[0], "dtype", None) if columns else None
    return (
        isinstance(first, np.dtype)
        and first.kind in NUMBER_KINDS
        and all(isinstance(column, np.ndarray) and column.dtype == first for column in columns)
    )
