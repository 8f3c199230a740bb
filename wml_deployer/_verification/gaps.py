"""Put gaps into the columns of a sample that may have some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["EXACT_INTEGERS", "large_integer_columns", "nullable_columns", "with_gaps"]

EXACT_INTEGERS = 2**53
"""Beyond this, not every integer is a double."""


def nullable_columns(frame: pd.DataFrame) -> list[Any]:
    """List the columns without a gap whose dtype admits one: all but plain integers and booleans."""
    return [name for name in frame if not (_is_plain(frame[name].dtype, "iub") or frame[name].isna().any())]


def large_integer_columns(frame: pd.DataFrame) -> list[Any]:
    """List the columns of plain integers that doubles would not hold exactly."""
    integers = [name for name in frame if _is_plain(frame[name].dtype, "iu")]
    return [name for name in integers if frame[name].max() > EXACT_INTEGERS or frame[name].min() < -EXACT_INTEGERS]


def with_gaps(frame: pd.DataFrame, columns: Sequence[Any], rows: int) -> pd.DataFrame:
    """Return the first rows of a frame with a gap in each column: the first column's in the first row, and so on.

    Args:
        frame: n rows × k columns.
        columns: The columns that get a gap.
        rows: How many rows to return; after the last row of the frame its first one follows.

    """
    holed = frame.iloc[[row % len(frame) for row in range(rows)]].reset_index(drop=True)
    for row, name in enumerate(columns):
        holed[name] = holed[name].mask(holed.index == row % rows)
    return holed


def _is_plain(dtype: Any, kinds: str) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in kinds
