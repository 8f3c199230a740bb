"""Columns: the JSON values of one column, range of rows by range of rows, all checked before the first is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import pandas as pd

from wml_deployer.payload._cells import (
    INFINITE,
    OFFSET,
    TEXT,
    YEAR,
    fraction_digits,
    json_values,
    parse_cell,
    write_moments,
)
from wml_deployer.payload._errors import FaultLog, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wml_deployer.payload._errors import Refusal

__all__ = [
    "NUMBER_KINDS",
    "CheckedColumn",
    "Reader",
    "column_name",
    "column_rows",
    "doubles_of",
    "out_of_range",
    "slices",
]

Reader = Callable[[int, int], Sequence[Any]]
"""From the first row (included) and the last (excluded) to the JSON values of a column between them."""

NUMBER_KINDS = "biuf"
"""Booleans, integers and floats: of numpy's dtypes, and of those that pandas and Arrow have for numbers with gaps."""

SLICE_ROWS = 32_768
"""Rows of a column that are converted at a time, so that intermediate values stay few."""

FEW_MOMENTS = 3
"""Up to so many dates, making Python values of them costs less than to have NumPy write them together."""

_FIRST, _LAST = np.datetime64("0001-01-01T00:00:00"), np.datetime64("9999-12-31T23:59:59")
_UNITS = frozenset({"s", "ms", "us", "ns"})  # of pandas; numpy has more
_MINUTE_SECONDS = 60


@dataclass(frozen=True, eq=False)
class CheckedColumn:
    """A column of a library that vouches for the type of its values, so that none of them has to be looked at.

    Attributes:
        read: Returns values that orjson writes as they are.
        is_number: Whether they are numbers or booleans.
        refused: The rows whose values cannot be sent, and why, if there are some.

    """

    read: Reader
    is_number: bool = False
    refused: tuple[Sequence[int], Refusal] | None = None


def slices(count: int, step: int | None = None) -> Iterator[tuple[int, int]]:
    """Return row ranges of ``SLICE_ROWS`` rows, or of ``step`` rows, that cover ``count`` rows."""
    size = step or SLICE_ROWS
    return ((start, min(start + size, count)) for start in range(0, count, size))


def column_name(names: Sequence[str] | None, position: int) -> str:
    """Return how faults name a column: by its name, or by its position if it has none."""
    return f"column {names[position]!r}" if names is not None else f"column {position}"


def column_rows(
    columns: Sequence[Any],
    names: Sequence[str] | None,
    index: pd.Index[Any] | None,
    rows: int,
    numbers: Sequence[int] = (),
) -> Callable[[int, int], list[Any]]:
    """Check columns, and return how ranges of their rows are read.

    Args:
        columns: k numpy arrays, pandas arrays, checked columns or sequences of n values. Many values are not copied
            here: they are read again when rows are written.
        names: The k names, if they have any.
        index: The labels of the n rows, if they have any.
        rows: n.
        numbers: Positions of the columns that the model takes as numbers.

    Raises:
        PayloadError: Some values cannot be sent.

    """
    log = FaultLog(index)
    readers = [_reader(column, column_name(names, place), log) for place, column in enumerate(columns)]
    log.check()
    for place in numbers:
        if not _is_number(columns[place]):
            for start, stop in slices(rows):
                texts = (row for row, cell in enumerate(readers[place](start, stop), start) if _goes_as_text(cell))
                log.add(column_name(names, place), texts, TEXT)
    log.check()
    return lambda start, stop: list(zip(*(read(start, stop) for read in readers), strict=True))


def _is_number(column: Any) -> bool:
    if isinstance(column, CheckedColumn):
        return column.is_number
    return getattr(getattr(column, "dtype", None), "kind", "O") in NUMBER_KINDS


def _goes_as_text(cell: Any) -> bool:
    # orjson itself writes the dates of whole seconds.
    return isinstance(cell, str | date)


def _reader(values: Any, name: str, log: FaultLog) -> Reader:
    if isinstance(values, CheckedColumn):
        if values.refused is not None:
            log.add(name, *values.refused)
        return values.read
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(values, name, log)
    if isinstance(dtype, np.dtype) and dtype.kind in NUMBER_KINDS:
        return _numbers(np.asarray(values), name, log)
    if len(values) > FEW_MOMENTS:
        if isinstance(dtype, pd.DatetimeTZDtype):
            return _zoned(values, name, log)
        if isinstance(dtype, np.dtype) and dtype.kind == "M" and np.datetime_data(dtype)[0] in _UNITS:
            return _moments(np.asarray(values), name, log)
    return _objects(values, name, log)


def _numbers(values: NDArray[Any], name: str, log: FaultLog) -> Reader:
    if values.dtype.kind != "f":
        return lambda start, stop: values[start:stop].tolist()
    doubles = values if values.itemsize <= np.float64().itemsize else doubles_of(values)
    infinite = np.isinf(doubles)
    if infinite.any():
        log.add(name, np.flatnonzero(infinite).tolist(), INFINITE)
    # A float32 is sent as the double of the same value, with which the model would compute.
    return lambda start, stop: doubles[start:stop].astype(np.float64, copy=False).tolist()


def doubles_of(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return floats of any width as doubles; a long double beyond their range becomes infinite, and is refused."""
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def _moments(values: NDArray[np.datetime64], name: str, log: FaultLog) -> Reader:
    outside = out_of_range(values)
    if outside.any():
        log.add(name, np.flatnonzero(outside).tolist(), YEAR)
        return lambda _start, _stop: ()
    unit = _needed_unit(values)
    if unit == "s":  # orjson writes datetimes of whole seconds without a fraction
        return lambda start, stop: values[start:stop].astype("M8[us]").tolist()
    return lambda start, stop: _texts(values[start:stop], unit)


def out_of_range(values: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return which values ISO 8601 cannot write with a year of four digits."""
    # In seconds, because numpy compares in the finer unit, and the year 9999 overflows nanoseconds.
    seconds = values.astype("M8[s]")
    outside: NDArray[np.bool_] = (seconds < _FIRST) | (seconds > _LAST)
    return outside


def _needed_unit(values: NDArray[np.datetime64]) -> Literal["s", "us", "ns"]:
    """Return the coarsest of the usual fractions that loses nothing of any value."""
    known = values[~np.isnat(values)]
    if (known.astype("M8[s]") == known).all():
        return "s"
    return "us" if (known.astype("M8[us]") == known).all() else "ns"


def _texts(values: NDArray[np.datetime64], unit: Literal["s", "us", "ns"]) -> list[str | None]:
    if unit == "s":  # through orjson in half the time
        whole: list[str | None] = orjson.loads(orjson.dumps(values.astype("M8[us]").tolist()))
        return whole
    return [None if text == "NaT" else text for text in np.datetime_as_string(values, unit=unit).tolist()]


def _zoned(values: Any, name: str, log: FaultLog) -> Reader:
    utc = np.asarray(values.tz_convert(None))
    outside = out_of_range(utc)
    if not outside.any():  # pandas can compute local times then
        seconds = _offsets(values)
        outside = out_of_range(utc + seconds.astype("m8[s]"))
        log.add(name, np.flatnonzero(seconds % _MINUTE_SECONDS).tolist(), OFFSET)
    log.add(name, np.flatnonzero(outside).tolist(), YEAR)
    unit = _needed_unit(utc)

    def read(start: int, stop: int) -> list[Any]:
        seconds = _offsets(values[start:stop])
        suffixes = {offset: _suffix(offset) for offset in np.unique(seconds).tolist()}
        texts = _texts(utc[start:stop] + seconds.astype("m8[s]"), unit)
        if len(suffixes) == 1:
            (suffix,) = suffixes.values()
            return [text and text + suffix for text in texts]
        return [text and text + suffixes[offset] for text, offset in zip(texts, seconds.tolist(), strict=True)]

    return read


def _offsets(values: Any) -> NDArray[np.int64]:
    """Return the offsets from UTC in seconds; those of missing values are zero."""
    utc, local = np.asarray(values.tz_convert(None)), np.asarray(values.tz_localize(None))
    offsets = (local - utc).astype("m8[s]")
    return np.where(np.isnat(offsets), 0, offsets.astype(np.int64))


def _suffix(seconds: int) -> str:
    """Write an offset from UTC as ISO 8601 does."""
    zone = timezone(timedelta(seconds=seconds))
    return datetime(2000, 1, 1, tzinfo=zone).isoformat()[len("2000-01-01T00:00:00") :]


def _categories(values: Any, name: str, log: FaultLog) -> Reader:
    """Convert each category once."""
    codes = values.codes
    labels = json_values(values.categories.tolist())
    # The missing category has the code -1: the last of the table.
    table = [*(_used_categories(values, name, log) if labels is None else labels), None]
    return lambda start, stop: [table[code] for code in codes[start:stop].tolist()]


def _used_categories(values: Any, name: str, log: FaultLog) -> list[Any]:
    """Convert the categories that rows hold; no other one can be at fault, or needs a fraction of a second."""
    used = np.zeros(len(values.categories) + 1, dtype=bool)
    used[values.codes] = True
    parsed: list[Any] = [None] * len(values.categories)
    for code in np.flatnonzero(used[:-1]).tolist():
        try:
            parsed[code] = parse_cell(values.categories[code])
        except RefusedError as error:  # noqa: PERF203 - each one is named
            log.add(name, np.flatnonzero(values.codes == code).tolist(), error.refusal)
    return write_moments(parsed, fraction_digits(parsed) or 0)


def _objects(values: Any, name: str, log: FaultLog) -> Reader:
    """Read values of any type one by one; those of a short column are converted once, and kept."""
    rows = len(values)
    if rows <= SLICE_ROWS:
        cells, digits = _parse_cells(_python_values(values, 0, rows), name, log, 0)
        kept = cells if digits is None else write_moments(cells, digits)
        return lambda start, stop: kept[start:stop]
    digits = 0
    are_unchanged = True
    for start, stop in slices(rows):
        given = _python_values(values, start, stop)
        cells, needed = _parse_cells(given, name, log, start)
        are_unchanged = are_unchanged and cells is given
        digits = max(digits, needed or 0)
    if are_unchanged:
        return lambda start, stop: _python_values(values, start, stop)

    def read(start: int, stop: int) -> Sequence[Any]:
        cells, needed = _parse_cells(_python_values(values, start, stop), name, log, start)
        return cells if needed is None else write_moments(cells, digits)

    return read


def _parse_cells(cells: Sequence[Any], name: str, log: FaultLog, first: int) -> tuple[Sequence[Any], int | None]:
    """Parse the cells from row ``first`` on; refused ones go to the log.

    Returns:
        The cells, and the digits after the second that their dates need; None without dates.

    """
    values = json_values(cells)
    if values is not None:
        return values, None
    parsed = []
    for row, cell in enumerate(cells, first):
        try:
            parsed.append(parse_cell(cell))
        except RefusedError as error:  # noqa: PERF203 - each one is named
            log.add(name, (row,), error.refusal)
    return parsed, fraction_digits(parsed)


def _python_values(values: Any, start: int, stop: int) -> Sequence[Any]:
    part: Any = values if stop - start == len(values) else values[start:stop]
    if isinstance(part, np.ndarray):
        cells: list[Any] = part.tolist() if part.dtype.kind in "OU" else list(part)
    elif isinstance(part, list | tuple):
        return part
    elif isinstance(part.dtype, pd.StringDtype):  # in a third of the time
        missing = pd.NA
        cells = [None if cell is missing else cell for cell in np.asarray(part, dtype=object).tolist()]
    else:
        cells = part.to_numpy(dtype=object, na_value=None).tolist()
    return cells
