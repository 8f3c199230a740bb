"""One pandas column -> its JSON values, row range by row range; what cannot be sent is found before the first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import pandas as pd

from wml_deployer._payload.cells import (
    INFINITE,
    YEAR,
    Precision,
    coarsest,
    convert,
    precision_of,
    refusal_of,
)
from wml_deployer._payload.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from wml_deployer._payload.faults import FaultLog

__all__ = ["Reader", "checked", "doubles_of", "needed_unit", "out_of_reach", "reader", "slices"]

Reader = Callable[[int, int], "list[Any]"]
"""From the first row (included) and the last (excluded) to the JSON values between."""

_SLICE_ROWS = 32_768
_FIRST, _LAST = np.datetime64("0001-01-01T00:00:00"), np.datetime64("9999-12-31T23:59:59")


def reader(column: pd.Series[Any], name: str, log: FaultLog) -> Reader:
    """Check a column, and say how its JSON values are read.

    Args:
        column: n values of any dtype. Many are not copied here: they are read when the reader is called.
        name: How faults name the column.
        log: Where its refused values go.

    """
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _zoned(column)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(column, name, log)
    kind = dtype.kind if isinstance(dtype, np.dtype) else "O"
    if kind in "biufM":
        values = column.to_numpy()
        return _moments(values, name, log) if kind == "M" else _numbers(values, name, log)
    return _objects(column, name, log)


def slices(count: int, step: int = _SLICE_ROWS) -> Iterator[tuple[int, int]]:
    """Row ranges that cover ``count`` rows, so that what is made on the way stays small."""
    return ((start, min(start + step, count)) for start in range(0, count, step))


def checked(cells: Sequence[Any], name: str, log: FaultLog, first: int = 0) -> tuple[Sequence[Any], Precision | None]:
    """JSON values of one column's cells, which stand from row ``first`` on; those refused go to the log.

    Returns:
        The values, and the precision of their moments; the cells themselves and None where they go as they stand.

    """
    if plain_text((cells,)) is not None:
        return cells, None
    refused = [(row, refusal) for row, cell in enumerate(cells, first) if (refusal := refusal_of(cell))]
    for row, refusal in refused:
        log.add(name, (row,), refusal)
    if refused:
        return cells, None
    precision = precision_of(cells)
    return convert(cells, precision), precision


def _numbers(values: NDArray[Any], name: str, log: FaultLog) -> Reader:
    if values.dtype.kind != "f":
        return lambda start, stop: values[start:stop].tolist()
    doubles = values if values.itemsize <= np.float64().itemsize else doubles_of(values)
    log.add(name, np.flatnonzero(np.isinf(doubles)).tolist(), INFINITE)
    # A float32 goes as the double of the same value, which is what the model would compute with.
    return lambda start, stop: doubles[start:stop].astype(np.float64, copy=False).tolist()


def doubles_of(values: NDArray[Any]) -> NDArray[np.float64]:
    """Floats of any width as doubles; a long double beyond their reach becomes infinite, and is refused."""
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def needed_unit(values: NDArray[np.datetime64]) -> Literal["s", "us", "ns"]:
    """The coarsest of ISO 8601's usual fractions that loses nothing of any value."""
    known = values[~np.isnat(values)]
    if (known.astype("M8[s]") == known).all():
        return "s"
    return "us" if (known.astype("M8[us]") == known).all() else "ns"


def out_of_reach(values: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Which values ISO 8601 cannot write with four digits for the year."""
    # Compared in seconds: numpy compares in the finer unit, where the year 9999 overflows nanoseconds.
    seconds = values.astype("M8[s]")
    outside: NDArray[np.bool_] = (seconds < _FIRST) | (seconds > _LAST)
    return outside


def _moments(values: NDArray[np.datetime64], name: str, log: FaultLog) -> Reader:
    log.add(name, np.flatnonzero(out_of_reach(values)).tolist(), YEAR)
    unit = needed_unit(values)
    if unit == "s":  # orjson writes datetimes of whole seconds without a fraction
        return lambda start, stop: values[start:stop].astype("M8[us]").tolist()
    return lambda start, stop: _texts(values[start:stop], unit)


def _texts(values: NDArray[np.datetime64], unit: Literal["s", "us", "ns"]) -> list[str | None]:
    if unit == "s":  # through orjson in half the time
        whole: list[str | None] = orjson.loads(orjson.dumps(values.astype("M8[us]").tolist()))
        return whole
    return [None if text == "NaT" else text for text in np.datetime_as_string(values, unit=unit).tolist()]


def _zoned(column: pd.Series[Any]) -> Reader:
    moments: Any = column.array
    unit = needed_unit(moments.tz_convert(None).to_numpy())

    def read(start: int, stop: int) -> list[Any]:
        part = moments[start:stop]
        wall = part.tz_localize(None).to_numpy()
        offsets = (wall - part.tz_convert(None).to_numpy()).astype("m8[s]").astype(np.int64)
        suffixes = {offset: _offset(offset) for offset in np.unique(offsets).tolist()}
        texts = _texts(wall, unit)
        if len(suffixes) == 1:
            (suffix,) = suffixes.values()
            return [text and text + suffix for text in texts]
        return [text and text + suffixes[offset] for text, offset in zip(texts, offsets.tolist(), strict=True)]

    return read


def _offset(seconds: int) -> str:
    """An offset from UTC as ISO 8601 writes it; NaT's is never looked at."""
    zone = timezone(timedelta(seconds=seconds)) if abs(seconds) < timedelta(days=1).total_seconds() else timezone.utc
    return datetime(2000, 1, 1, tzinfo=zone).isoformat()[len("2000-01-01T00:00:00") :]


def _categories(column: pd.Series[Any], name: str, log: FaultLog) -> Reader:
    """Convert each category once; the missing one (code -1) is the last of the table."""
    labels = list(column.cat.categories)
    if any(map(refusal_of, labels)):  # only rows that hold such a category are at fault, if there are any
        return _objects(column, name, log)
    table = [*convert(labels, precision_of(labels)), None]
    codes: Any = column.array.codes  # type: ignore[attr-defined]  # a Categorical's
    return lambda start, stop: [table[code] for code in codes[start:stop].tolist()]


def _objects(column: pd.Series[Any], name: str, log: FaultLog) -> Reader:
    fetch = _fetcher(column)
    if len(column) <= _SLICE_ROWS:  # few are fetched once, and kept
        values, _ = checked(fetch(0, len(column)), name, log)
        return lambda start, stop: list(values[start:stop])
    needed = [
        precision
        for start, stop in slices(len(column))
        if (precision := checked(fetch(start, stop), name, log, start)[1])
    ]
    if not needed:
        return fetch
    precision = coarsest(needed)
    return lambda start, stop: convert(fetch(start, stop), precision)


def _fetcher(column: pd.Series[Any]) -> Reader:
    if column.dtype == object:
        cells = column.to_numpy()
        return lambda start, stop: cells[start:stop].tolist()
    if isinstance(column.dtype, np.dtype):
        return lambda start, stop: column.iloc[start:stop].to_numpy(dtype=object).tolist()
    values: Any = column.array
    return lambda start, stop: values[start:stop].to_numpy(dtype=object, na_value=None).tolist()
