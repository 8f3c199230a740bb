"""Single values: the JSON value that stands for a Python, numpy or pandas value, or the reason why there is none.

A cell becomes JSON in two steps, because all dates of a column are written with one precision: ``pandas.to_datetime``
on the other side takes the format of the first value for that of all.

>>> from datetime import datetime
>>> cells = [parse_cell(cell) for cell in (datetime(2024, 1, 31), datetime(2024, 1, 31, 12, 0, 0, 5), pd.NaT)]
>>> write_moments(cells, fraction_digits(cells))
['2024-01-31T00:00:00.000000', '2024-01-31T12:00:00.000005', None]

NaN becomes ``null`` without a line of code: orjson writes it so. It would do the same to infinities, so these are
looked for first.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import singledispatch
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import orjson
import pandas as pd

from wml_deployer.payload._errors import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DEPTH",
    "INFINITE",
    "MAX_DEPTH",
    "OFFSET",
    "TEXT",
    "YEAR",
    "flat_text",
    "fraction_digits",
    "json_values",
    "parse_cell",
    "to_json",
    "unmasked",
    "write_moments",
]

MAX_DEPTH = 100
"""Lists and mappings inside one cell: orjson writes 254 levels, some of which are the document's own."""

INFINITE = Refusal("is infinite", "a finite number, or NaN, which is sent as null")
"""JSON has no infinities."""
YEAR = Refusal("is a date outside the years 1 to 9999", "a year that ISO 8601 writes with four digits")
"""Readers of ISO 8601 expect four digits."""
OFFSET = Refusal("is a time whose offset from UTC has seconds", "an offset of whole minutes, or UTC")
"""ISO 8601 writes hours and minutes. Zones had offsets with seconds until about 1900."""
TEXT = Refusal("goes as text", "a number: the model was fitted on numbers there")
"""For text, and for what JSON has only text for."""
DEPTH = Refusal(f"is nested more than {MAX_DEPTH} levels deep", "fewer levels")
"""orjson writes only so many levels."""
_BEYOND_64_BITS = Refusal("is an integer beyond 64 bits", "-2**63 to 2**64-1")
_BEYOND_DOUBLE = Refusal("is too large for a double", "at most 1.8e308")
_SURROGATE = Refusal("is text with a lone surrogate", "valid Unicode text")
_DURATION = Refusal("is a duration in months or years, or too long", "days, hours, minutes and seconds")
_FINER = Refusal("is finer than nanoseconds", "nanoseconds or a coarser unit")
_KEY = Refusal("is a mapping whose keys are not all text", "a mapping with text keys")
_KINDS = "a number, text, a boolean, a date or a missing value"

# Exact types: a subclass may mean something else.
_FLAT = frozenset({int, float, str, bool, type(None)})
_INTEGERS = frozenset({int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})
_LEAST_INTEGER, _GREATEST_INTEGER = -(2**63), 2**64 - 1
_EXACT_IN_DOUBLE = 2**53
_FIRST_YEAR, _LAST_YEAR = 1, 9999
_MINUTE = timedelta(minutes=1)
_UNITS_BELOW_NANOSECONDS = ("ps", "fs", "as")
_MICROSECOND_DIGITS = 6
_MICROSECONDS_LENGTH = len("2024-01-31T10:20:30.123456")
_STRICT = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def flat_text(rows: Sequence[Sequence[Any]]) -> bytes | None:
    """Return the JSON text of rows if it is certain to be right, else None.

    For few rows this costs less than to look at each value. Uncertain are subclasses of plain types, integers beyond
    64 bits and lone surrogates (orjson's errors), NaN and infinities (both ``null`` for orjson), and nested values.
    """
    try:
        text = orjson.dumps(rows, option=_STRICT)
    except TypeError:
        return None
    return text if b"null" not in text and b"{" not in text and text.count(b"[") == len(rows) + 1 else None


def json_values(cells: Sequence[Any]) -> Sequence[Any] | None:
    """Return cells that orjson writes correctly as they are, or None if there are others among them.

    orjson keeps the UTF-8 form of a text that is not ASCII inside the string object. Such texts are copied, so that
    the caller's own strings do not grow.
    """
    kinds = set(map(type, cells))
    if not kinds <= _FLAT:
        return None
    if float in kinds and (math.inf in cells or -math.inf in cells):
        return None
    if int in kinds and not _fit_64_bits(cells, kinds):
        return None
    return _with_own_texts(cells, kinds) if str in kinds else cells


def _fit_64_bits(cells: Sequence[Any], kinds: set[type]) -> bool:
    if kinds <= _INTEGERS:  # without the missing ones, and zeros
        least, greatest = (extreme(filter(None, cells), default=0) for extreme in (min, max))
    else:
        integers = [cell for cell in cells if type(cell) is int]
        least, greatest = min(integers), max(integers)
    return bool(least >= _LEAST_INTEGER and greatest <= _GREATEST_INTEGER)


def _with_own_texts(cells: Sequence[Any], kinds: set[type]) -> Sequence[Any] | None:
    if kinds <= _TEXTS and "".join(filter(None, cells)).isascii():
        return cells
    texts = [cell for cell in cells if type(cell) is str]
    joined = "\0".join(texts)
    if joined.isascii():
        return cells
    try:
        joined.encode()
    except UnicodeEncodeError:
        return None
    copies = joined.split("\0")
    if len(copies) != len(texts):  # a text contains the separator itself
        copies = [text.encode().decode() for text in texts]
    remaining = iter(copies)
    return [next(remaining) if type(cell) is str else cell for cell in cells]


def to_json(value: Any) -> Any:
    """Convert one value to its JSON value, a date with the precision that it needs.

    Raises:
        RefusedError: JSON has no form for it.

    """
    return _written(parse_cell(value))


def parse_cell(value: Any, depth: int = 0) -> Any:
    """Convert a cell to its JSON value; a date with time becomes a ``datetime`` that can be written.

    Args:
        value: Any Python, numpy or pandas scalar; a list, tuple, array or mapping of such.
        depth: How many lists and mappings it lies in.

    Raises:
        RefusedError: JSON has no form for it.

    """
    return parse_cell(value.value, depth) if isinstance(value, Enum) else _parse(value, depth)


def fraction_digits(cells: Iterable[Any]) -> int | None:
    """Return how many digits after the second the dates among parsed cells need: 0, 6 or 9; None without dates."""
    return max((_fraction_digits(cell) for cell in cells if isinstance(cell, datetime)), default=None)


def write_moments(cells: Iterable[Any], digits: int) -> list[Any]:
    """Replace the dates among parsed cells by their text with so many digits after the second."""
    return [_iso_text(cell, digits) if isinstance(cell, datetime) else cell for cell in cells]


def _written(parsed: Any) -> Any:
    return _iso_text(parsed, _fraction_digits(parsed)) if isinstance(parsed, datetime) else parsed


def _fraction_digits(moment: datetime) -> int:
    if getattr(moment, "nanosecond", 0):
        return 9
    return 6 if moment.microsecond else 0


def _iso_text(moment: datetime, digits: int) -> str:
    """Write ISO 8601 text, with the zone's offset if there is a zone."""
    if digits <= _MICROSECOND_DIGITS:
        return moment.isoformat(timespec="microseconds" if digits else "seconds")
    # A plain datetime has no nanoseconds, and pandas misplaces them beside some offsets.
    text = moment.isoformat(timespec="microseconds")
    nanoseconds = getattr(moment, "nanosecond", 0)
    return f"{text[:_MICROSECONDS_LENGTH]}{nanoseconds:03}{text[_MICROSECONDS_LENGTH:]}"


@singledispatch
def _parse(value: Any, depth: int) -> Any:  # noqa: ARG001 - the containers below need it
    raise RefusedError(Refusal(f"is of type {type(value).__qualname__}", _KINDS))


@_parse.register(type(None))
@_parse.register(type(pd.NA))
@_parse.register(type(pd.NaT))
def _(value: Any, depth: int) -> None:  # noqa: ARG001 - all of them mean the same
    return None


@_parse.register(bool)
@_parse.register(np.bool_)
def _(value: Any, depth: int) -> bool:  # noqa: ARG001
    return bool(value)


@_parse.register(int)
@_parse.register(np.integer)
def _(value: Any, depth: int) -> int:  # noqa: ARG001
    if not _LEAST_INTEGER <= value <= _GREATEST_INTEGER:
        raise RefusedError(_BEYOND_64_BITS)
    return int(value)


@_parse.register(float)
@_parse.register(np.floating)
def _(value: Any, depth: int) -> float | None:  # noqa: ARG001
    number = float(value)
    if math.isinf(number):
        raise RefusedError(INFINITE)
    return None if math.isnan(number) else number


@_parse.register
def _(value: Decimal, depth: int) -> int | float | None:  # noqa: ARG001
    """A whole number as an integer where it is written as one or a double would change it, else the nearest double."""
    if value.is_nan():
        return None
    if value.is_infinite():
        raise RefusedError(INFINITE)
    is_written_whole = int(value.as_tuple().exponent) >= 0
    if is_written_whole or (value.copy_abs() > _EXACT_IN_DOUBLE and value == value.to_integral_value()):
        if value.adjusted() >= len(str(_GREATEST_INTEGER)):  # no integer of a million digits is made
            if value:
                raise RefusedError(_BEYOND_64_BITS)
            return 0
        return int(_parse(int(value), 0))
    number = float(value)
    if math.isinf(number):
        raise RefusedError(_BEYOND_DOUBLE)
    return number


@_parse.register
def _(value: str, depth: int) -> str:  # noqa: ARG001
    text = str.__str__(value)  # a subclass may print itself differently
    if text.isascii():
        return text
    try:
        return text.encode().decode()  # a copy, as in json_values
    except UnicodeEncodeError as error:
        raise RefusedError(_SURROGATE) from error


@_parse.register
def _(value: UUID, depth: int) -> str:  # noqa: ARG001
    return str(value)


@_parse.register(datetime)
@_parse.register(np.datetime64)
def _(value: Any, depth: int) -> datetime | None:  # noqa: ARG001
    moment = value if type(value) is datetime or isinstance(value, pd.Timestamp) else _timestamp(value)
    if moment is pd.NaT:
        return None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise RefusedError(YEAR)
    _require_whole_minutes(moment.utcoffset())
    return moment


def _timestamp(value: Any) -> Any:
    """Make a pandas moment of a numpy one, or of another library's ``datetime``."""
    if isinstance(value, np.datetime64):
        _require_nanoseconds(value, "M8[ns]")
    try:
        return pd.Timestamp(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(YEAR) from error


def _require_nanoseconds(value: Any, dtype: str) -> None:
    """Refuse what pandas would cut off silently."""
    if np.datetime_data(value.dtype)[0] in _UNITS_BELOW_NANOSECONDS and value.astype(dtype) != value:
        raise RefusedError(_FINER)


def _require_whole_minutes(offset: timedelta | None) -> None:
    if offset and offset % _MINUTE:
        raise RefusedError(OFFSET)


@_parse.register
def _(value: date, depth: int) -> str:  # noqa: ARG001
    return value.isoformat()


@_parse.register
def _(value: time, depth: int) -> str:  # noqa: ARG001
    _require_whole_minutes(value.utcoffset())
    return value.isoformat()


@_parse.register(timedelta)
@_parse.register(np.timedelta64)
def _(value: Any, depth: int) -> str | None:  # noqa: ARG001
    if isinstance(value, np.timedelta64):
        _require_nanoseconds(value, "m8[ns]")
    try:
        duration: Any = pd.Timedelta(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(_DURATION) from error
    return None if duration is pd.NaT else str(duration.isoformat())


@_parse.register(list)
@_parse.register(tuple)
def _(value: Any, depth: int) -> Sequence[Any]:
    if depth >= MAX_DEPTH:
        raise RefusedError(DEPTH)
    values = json_values(value)
    # orjson refuses named tuples.
    return [_written(parse_cell(item, depth + 1)) for item in value] if values is None else list(values)


@_parse.register(np.ndarray)
def _(value: np.ndarray[Any, Any], depth: int) -> Any:
    if isinstance(value, np.ma.MaskedArray):
        return _written(parse_cell(unmasked(value), depth))
    if not value.ndim:
        return parse_cell(value[()], depth)
    # tolist() would make integers of dates.
    return parse_cell(value.tolist() if value.dtype.kind in "biufU" else list(value), depth)


def unmasked(array: Any) -> Any:
    """Return the values of a masked array as nested lists, the masked ones None."""
    return _without_masked(np.asarray(array.data), np.broadcast_to(array.mask, array.shape))


def _without_masked(data: Any, mask: Any) -> Any:
    if not data.ndim:
        return None if mask else data[()] if isinstance(data, np.ndarray) else data
    return [_without_masked(part, hidden) for part, hidden in zip(data, mask, strict=True)]


@_parse.register(dict)
def _(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if depth >= MAX_DEPTH:
        raise RefusedError(DEPTH)
    if not all(isinstance(key, str) for key in value):
        raise RefusedError(_KEY)
    return {parse_cell(key): _written(parse_cell(item, depth + 1)) for key, item in value.items()}
