"""Data frames -> a checked table, written in whichever way is fastest for their size and dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wml_deployer._payload.faults import KINDS, FaultLog
from wml_deployer._payload.names import arrange
from wml_deployer._payload.table import Table
from wml_deployer._payload.writers import block_writer, column_writer, row_writer
from wml_deployer.errors import PayloadError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer.schema import Schema

__all__ = ["frame_table", "is_number"]

# Up to these sizes it costs less to make Python values of all cells than to ask pandas for its columns.
_FEW_CELLS = 2_048
_FEW_ROWS = 256


def frame_table(frame: pd.DataFrame, schema: Schema | None) -> Table:
    """Check a frame, and choose how it is written."""
    names, order = arrange(frame.columns.tolist(), schema)
    rows, width = len(frame), len(names)
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a column cannot be scored.", next_step=KINDS)
    log = FaultLog(frame.index)
    if frame.size <= _FEW_CELLS:
        write = row_writer(_values(frame, order), names, log)
    elif _is_one_kind_of_number(frame):
        write = block_writer(lambda start, stop: _block(frame.iloc[start:stop], order), rows, names, log)
    elif rows <= _FEW_ROWS:
        write = row_writer(_values(frame, order), names, log)
    else:
        write = column_writer([frame.iloc[:, position] for position in order or range(width)], names, log)
    log.check()
    return Table(names, width, rows, frame.index, write)


def _values(frame: pd.DataFrame, order: list[int] | None) -> list[list[Any]]:
    """Python values; of an object array, for only there integers stay integers beside floats."""
    return list(_block(frame, order, dtype=object).tolist())


def _block(frame: pd.DataFrame, order: list[int] | None, dtype: type | None = None) -> NDArray[Any]:
    values = frame.to_numpy(dtype=dtype)
    return values if order is None else values[:, order]


def _is_one_kind_of_number(frame: pd.DataFrame) -> bool:
    kinds = set(frame.dtypes)
    return len(kinds) == 1 and is_number(kinds.pop())


def is_number(dtype: object) -> bool:
    """Whether numpy holds such values as booleans, integers or floats."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"
