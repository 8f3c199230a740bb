"""Numbers of one dtype, which are handed to orjson as they lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wml_deployer.payload._cells import INFINITE
from wml_deployer.payload._columns import column_name, doubles_of, slices
from wml_deployer.payload._errors import FaultLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from wml_deployer.payload._table import Values

__all__ = ["array_rows", "stacked_rows"]

_DOUBLE_BYTES = np.dtype(np.float64).itemsize


def array_rows(
    array: NDArray[Any],
    names: Sequence[str] | None,
    index: pd.Index[Any] | None,
    order: Sequence[int] | None = None,
) -> Values:
    """Check an array of n rows, and return how ranges of them are read.

    Args:
        array: n rows × k numbers.
        names: The k names in the order in which they are sent, if they have any.
        index: The labels of the n rows, if they have any.
        order: The positions of their columns in the array, if it has another order.

    Raises:
        PayloadError: Some of the numbers are infinite.

    """
    if order is None:
        return _checked(lambda start, stop: array[start:stop], len(array), names, index)
    return _checked(lambda start, stop: array[start:stop, order], len(array), names, index)


def stacked_rows(columns: Sequence[NDArray[Any]], names: Sequence[str], index: pd.Index[Any]) -> Values:
    """Check k columns of n numbers of one dtype, and return how ranges of their rows are read.

    Raises:
        PayloadError: Some of the numbers are infinite.

    """
    return _checked(
        lambda start, stop: np.stack([column[start:stop] for column in columns], axis=1), len(index), names, index
    )


def _checked(
    read: Callable[[int, int], NDArray[Any]], rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None
) -> Values:
    for start, stop in slices(rows):
        numbers = read(start, stop)
        if numbers.dtype.kind == "f" and np.isinf(_doubles(numbers)).any():
            _refuse_infinite(read, rows, names, index)
    return lambda start, stop: _as_orjson_reads(read(start, stop))


def _refuse_infinite(
    read: Callable[[int, int], NDArray[Any]], rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None
) -> None:
    """Raise the error that names all infinite numbers; the values of an array of three dimensions are arrays."""
    log = FaultLog(index)
    for start, stop in slices(rows):
        infinite = np.isinf(_doubles(read(start, stop)))
        by_column = infinite.reshape(*infinite.shape[:2], -1).any(axis=2).T
        for position, column in enumerate(by_column):
            log.add(column_name(names, position), (start + np.flatnonzero(column)).tolist(), INFINITE)
    log.check()


def _doubles(numbers: NDArray[Any]) -> NDArray[Any]:
    return numbers if numbers.itemsize <= _DOUBLE_BYTES else doubles_of(numbers)


def _as_orjson_reads(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return contiguous numbers in native byte order; floats as doubles, because orjson would shorten a float32."""
    native = np.float64 if numbers.dtype.kind == "f" else numbers.dtype.newbyteorder("=")
    return np.ascontiguousarray(_doubles(numbers) if numbers.dtype.kind == "f" else numbers, dtype=native)
