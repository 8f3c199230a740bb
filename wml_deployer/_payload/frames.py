"""Data frames -> a checked table, written in whichever way is fastest for their size and dtypes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer._payload.faults import KINDS
from wml_deployer._payload.names import arrange
from wml_deployer._payload.sources import (
    NUMBER_KINDS,
    array_values,
    block_values,
    column_values,
    is_number,
    moment_values,
    row_values,
)
from wml_deployer._payload.table import Table
from wml_deployer.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wml_deployer._payload.sources import Block
    from wml_deployer._payload.table import Values
    from wml_deployer.schema import Schema

__all__ = ["frame_table"]

_Source = Callable[["pd.DataFrame", "list[str]", "list[int] | None", "Sequence[int]"], "Values"]

# Up to these sizes it costs less to make Python values of all cells than to ask pandas for its columns, or dtypes.
_FEW_ROWS = 256
_FEW_CELLS = 2_048
_FEWEST_CELLS = 400
# Up to this size, numbers may be copied once more where that saves asking pandas for their rows again and again.
_FEW_NUMBERS = 1 << 19
_IS_PANDAS_1 = pd.__version__.startswith("1.")


def frame_table(frame: pd.DataFrame, schema: Schema | None) -> Table:
    """Check a frame, and choose how it is written."""
    names, order = arrange(frame.columns.tolist(), schema)
    index = frame.index
    rows, width = len(index), len(names)
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a column cannot be scored.", next_step=KINDS)
    numbers = schema.numbers if schema else ()
    return Table(names, width, rows, index, _source(width, rows * width)(frame, names, order, numbers))


def _source(width: int, cells: int) -> _Source:
    """For few cells one without a look at the dtypes, which alone costs more than writing some rows."""
    if not 0 < cells <= _FEW_CELLS:
        return _by_dtype
    if cells > _FEWEST_CELLS:
        return _of_one_array
    return _lone_column if width == 1 else _python_rows


def _python_rows(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    return row_values(_values(frame, order), names, frame.index, numbers)


def _lone_column(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    array = frame.to_numpy()
    kind = array.dtype.kind
    if kind == "M" and not numbers and (values := moment_values(array)):
        return values
    rows = array.tolist()
    if kind in "Obiu" or (kind == "f" and not _may_have_been_integers(rows)):
        return row_values(rows, names, frame.index, numbers)
    return _by_dtype(frame, names, order, numbers)


def _may_have_been_integers(rows: list[list[float]]) -> bool:
    """Whether these floats may be a category of integers with gaps, of which pandas makes such an array."""
    first = rows[0][0]
    return (math.isnan(first) or first.is_integer()) and any(math.isnan(cell) for (cell,) in rows)


def _of_one_array(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    """All values in the one array that pandas makes of them; as Python values where something is lost in it."""
    with np.errstate(invalid="ignore"):  # a category with gaps beside integers: pandas casts NaN to an integer
        array = frame.to_numpy()
        # Only where all columns are of one numpy dtype, pandas shows its own memory each time, and no copy.
        own = array.dtype.kind in NUMBER_KINDS + "M" and np.may_share_memory(array, frame.to_numpy())
    ordered = array if order is None else array[:, order]
    if array.dtype.kind == "O":
        return row_values(ordered.tolist(), names, frame.index, numbers)
    if own and array.dtype.kind != "M":
        return array_values(ordered, names, frame.index)
    moments = moment_values(ordered) if own and not numbers else None
    return moments or _python_rows(frame, names, order, numbers)


def _by_dtype(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    kinds = set(frame.dtypes)
    if len(kinds) == 1 and is_number(*kinds):
        return block_values(_blocks(frame, order), len(frame), names, frame.index)
    if len(frame) <= _FEW_ROWS and len(names) > 1:
        return _python_rows(frame, names, order, numbers)
    return _by_column(frame, names, order, numbers)


def _blocks(frame: pd.DataFrame, order: list[int] | None) -> Block:
    if frame.size > _FEW_NUMBERS:
        return lambda start, stop: _block(frame.iloc[start:stop], order)
    array = _block(frame, order)
    return lambda start, stop: array[start:stop]


def _by_column(frame: pd.DataFrame, names: list[str], order: list[int] | None, numbers: Sequence[int]) -> Values:
    columns = [column for _, column in frame.items()]
    return column_values([columns[place] for place in order] if order else columns, names, frame.index, numbers)


def _block(frame: pd.DataFrame, order: list[int] | None) -> NDArray[Any]:
    values = frame.to_numpy()
    return values if order is None else values[:, order]


def _values(frame: pd.DataFrame, order: list[int] | None) -> list[list[Any]]:
    """Python values; of an object array, for only there integers stay integers beside floats."""
    # pandas 1 makes integers of dates and durations where all columns are such.
    array = (frame.astype(object) if _IS_PANDAS_1 else frame).to_numpy(dtype=object)
    values: list[list[Any]] = (array if order is None else array[:, order]).tolist()
    return values
