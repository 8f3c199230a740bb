"""Data frames -> a checked table, written in whichever way is fastest for their size and dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wml_deployer._payload.faults import KINDS
from wml_deployer._payload.names import arrange
from wml_deployer._payload.table import Table
from wml_deployer._payload.writers import array_writer, block_writer, column_writer, moment_writer, row_writer
from wml_deployer.errors import PayloadError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer._payload.table import Writer
    from wml_deployer.schema import Schema

__all__ = ["frame_table", "is_number"]

# Up to these sizes it costs less to make Python values of all cells than to ask pandas for its columns, or dtypes.
_FEW_ROWS = 256
_FEW_CELLS = 2_048
_FEWEST_CELLS = 100


def frame_table(frame: pd.DataFrame, schema: Schema | None) -> Table:
    """Check a frame, and choose how it is written."""
    names, order = arrange(frame.columns.tolist(), schema)
    rows, width = frame.shape
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a column cannot be scored.", next_step=KINDS)
    writer = _small if rows * width <= _FEW_CELLS else _by_dtype
    return Table(names, width, rows, frame.index, writer(frame, names, order))


def is_number(dtype: object) -> bool:
    """Whether numpy holds such values as booleans, integers or floats."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _small(frame: pd.DataFrame, names: list[str], order: list[int] | None) -> Writer:
    """Without a look at the dtypes, which alone costs more than writing some rows."""
    array = _block(frame, order)
    kind = array.dtype.kind
    if kind in "biu" or (kind == "f" and array.size > _FEWEST_CELLS and _holds_floats_only(array)):
        return array_writer(array, names, frame.index)
    if kind == "M" and (writer := moment_writer(array)):
        return writer
    values = array.tolist() if kind == "O" else _values(frame, order)
    if kind == "f" and array.shape[1] == 1 and _may_be_integers(values):
        return _by_dtype(frame, names, order)
    return row_writer(values, names, frame.index)


def _by_dtype(frame: pd.DataFrame, names: list[str], order: list[int] | None) -> Writer:
    rows, width = frame.shape
    kinds = set(frame.dtypes)
    if len(kinds) == 1 and is_number(*kinds):
        return block_writer(lambda start, stop: _block(frame.iloc[start:stop], order), rows, names, frame.index)
    if width > 1 and rows <= _FEW_ROWS:
        return row_writer(_values(frame, order), names, frame.index)
    return column_writer([frame.iloc[:, position] for position in order or range(width)], names, frame.index)


def _block(frame: pd.DataFrame, order: list[int] | None, dtype: type | None = None) -> NDArray[Any]:
    values = frame.to_numpy(dtype=dtype)
    return values if order is None else values[:, order]


def _values(frame: pd.DataFrame, order: list[int] | None) -> list[list[Any]]:
    """Python values; of an object array, for only there integers stay integers beside floats."""
    return list(_block(frame, order, dtype=object).tolist())


def _holds_floats_only(values: NDArray[Any]) -> bool:
    """Whether no column of integers can have become floats: it would show as one of whole numbers."""
    whole = (np.floor(values) == values) | np.isnan(values)
    return not whole.all(axis=0).any()


def _may_be_integers(values: list[list[Any]]) -> bool:
    """Whether they are floats that look like integers: pandas makes these of a lone category with gaps."""
    return all(type(cell) is float and (cell != cell or cell.is_integer()) for (cell,) in values)  # noqa: PLR0124
