"""Answered columns -> a DataFrame on the index of the rows that were sent."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wml_deployer.errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wml_deployer.schema import ClassLabel

__all__ = ["Column", "frame_of", "invalid", "labelled_frame", "natural", "objects", "plain_frame", "probability_names"]

_NEXT = "Look at the answer's text: what answers here may not be a scoring service, or was cut off on the way."
_EXACT_IN_DOUBLE = 2**53


class Column(NamedTuple):
    """One answered column."""

    name: str
    cells: Any


def invalid(message: str) -> InvalidResponseError:
    """The error of an answer that has not the shape it should have."""
    return InvalidResponseError(message, next_step=_NEXT)


def frame_of(columns: Sequence[Column], rows: int, index: pd.Index[Any] | None) -> pd.DataFrame:
    """Columns side by side, on the index of the rows sent where that is known."""
    arrays = dict(enumerate(column.cells for column in columns))
    _check_rows(index, rows)
    frame: pd.DataFrame = pd.DataFrame(arrays, index=pd.RangeIndex(rows) if index is None else index, copy=False)
    frame.columns = _header(tuple(column.name for column in columns)).view()
    return frame


def labelled_frame(
    labels: Any, slots: NDArray[np.float64], names: tuple[str, ...], index: pd.Index[Any] | None
) -> pd.DataFrame:
    """A column of labels and the float block beside it.

    Args:
        labels: n predictions.
        slots: n rows x (1 + k) columns: a place for the label, and k probabilities.
        names: The 1 + k column names.
        index: The labels of the rows sent, if known.

    """
    frame = plain_frame(slots, names, index)
    frame.isetitem(0, labels)
    return frame


def plain_frame(block: NDArray[Any], names: tuple[str, ...], index: pd.Index[Any] | None) -> pd.DataFrame:
    """One block of columns of one kind."""
    _check_rows(index, len(block))
    frame: pd.DataFrame = pd.DataFrame(block, columns=_header(names).view(), index=index, copy=False)
    return frame


def _check_rows(index: pd.Index[Any] | None, rows: int) -> None:
    if index is not None and len(index) != rows:
        raise invalid(f"The answer holds {rows:,} rows, but {len(index):,} were sent.")


@lru_cache(maxsize=64)
def _header(names: tuple[str, ...]) -> Any:
    """Made once for each model: it costs as much as the rest of a small frame. Each frame gets a view of its own."""
    return pd.Index(names)


def probability_names(count: int, classes: Sequence[ClassLabel]) -> tuple[str, ...]:
    """Named by class where there is a label for each, else by position."""
    return tuple(f"probability_{label}" for label in (classes if len(classes) == count else range(count)))


def natural(cells: Sequence[Any]) -> Any:
    """Cells as the array of their own kind; numbers exactly as they were answered, or as objects."""
    kinds = set(map(type, cells))
    if kinds == {int}:
        return _integers(cells)
    if kinds == {float}:
        return np.array(cells, dtype=np.float64)
    if kinds == {bool}:
        return np.array(cells, dtype=np.bool_)
    if kinds and kinds <= {int, float, type(None)} and kinds != {type(None)}:
        return _mixed_numbers(cells)
    return objects(cells)


def _integers(cells: Sequence[int]) -> Any:
    low, high = min(cells), max(cells)
    if low >= -(2**63) and high < 2**63:
        return np.array(cells, dtype=np.int64)
    return np.array(cells, dtype=np.uint64) if low >= 0 and high < 2**64 else objects(cells)


def _mixed_numbers(cells: Sequence[float | None]) -> Any:
    """Doubles, the missing ones NaN; integers that a double would change stay what they are."""
    if any(type(cell) is int and abs(cell) > _EXACT_IN_DOUBLE for cell in cells):
        return objects(cells)
    return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)


def objects(cells: Sequence[Any]) -> NDArray[Any]:
    """Cells as they are; lists among them stay lists."""
    return np.fromiter(cells, dtype=object, count=len(cells))
