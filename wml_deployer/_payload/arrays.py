"""Numpy arrays, structured and masked ones too -> a checked table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer._payload.faults import KINDS
from wml_deployer._payload.frames import frame_table
from wml_deployer._payload.names import names_by_position
from wml_deployer._payload.rows import check_width, list_table
from wml_deployer._payload.sources import block_values, is_number
from wml_deployer._payload.table import Table
from wml_deployer.errors import PayloadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wml_deployer.schema import Schema

__all__ = ["array_table"]


def array_table(array: NDArray[Any], schema: Schema | None) -> Table:
    """Check an array of n rows, or of one."""
    if array.dtype.names:
        return _structured(array, schema)
    if isinstance(array, np.ma.MaskedArray):
        return list_table(_unmasked(array), schema)
    rows = np.atleast_2d(np.asarray(array))
    if array.ndim == 0:
        raise PayloadError("An array without a dimension is no row.", next_step=KINDS)
    if not is_number(rows.dtype):
        return list_table(list(rows), schema)
    check_width(rows.shape[1], len(rows))
    names = names_by_position(rows.shape[1], schema)
    values = block_values(lambda start, stop: rows[start:stop], len(rows), names, None)
    return Table(names, rows[:1].size, len(rows), pd.RangeIndex(len(rows)), values)


def _structured(array: NDArray[Any], schema: Schema | None) -> Table:
    records = array.reshape(-1)
    try:
        frame = pd.DataFrame({name: records[name] for name in records.dtype.names or ()})
    except ValueError as error:
        raise PayloadError(
            "A structured array with arrays in its fields has no rows of values.", next_step=KINDS
        ) from error
    return frame_table(frame, schema)


def _unmasked(array: np.ma.MaskedArray[Any, Any]) -> list[Any]:
    """Rows of Python values, the masked ones None."""
    rows, mask = np.atleast_2d(array.data), np.atleast_2d(np.broadcast_to(array.mask, array.shape))
    return [
        [None if hidden else cell for cell, hidden in zip(row, hides, strict=True)]
        for row, hides in zip(rows, mask, strict=True)
    ]
