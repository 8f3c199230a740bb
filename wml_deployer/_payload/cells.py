"""One Python value -> the JSON value that stands for it, or why there is none."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import numpy as np
import pandas as pd

from wml_deployer._payload.faults import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "INFINITE",
    "TEXT",
    "YEAR",
    "Precision",
    "RefusedError",
    "coarsest",
    "convert",
    "plain",
    "precision_of",
    "refusal_of",
]

Precision = Literal["seconds", "microseconds", "nanoseconds"]
"""How finely the moments of a column are written."""

INFINITE = Refusal("is infinite", "a finite number, or NaN, which is sent as null")
"""Why infinities are refused."""
YEAR = Refusal("is a date outside the years 1 to 9999", "what ISO 8601 writes in four digits")
"""Why far-off dates are refused."""
TEXT = Refusal("goes as text", "a number: the model was fitted on numbers there")
"""Why text, and what JSON has only text for, is refused where the model takes numbers."""
_BEYOND_64_BITS = Refusal("is an integer beyond 64 bits", "-2**63 to 2**64-1")
_BEYOND_DOUBLE = Refusal("is too large for a double", "at most 1.8e308")
_SURROGATE = Refusal("is text with a lone surrogate", "text that has a UTF-8 form")
_DURATION = Refusal("is a duration of no fixed length, or too long", "days, hours, minutes and seconds")
_KEY = Refusal("is a mapping whose keys are not all text", "a mapping with text keys")
_KINDS = "a number, text, a boolean, a date or nothing"

# What goes as it stands; exact types, for a subclass may mean something else.
_PLAIN = frozenset({int, float, str, bool, date, type(None)})
_FIRST_YEAR, _LAST_YEAR = 1, 9999
_MOMENTS = (datetime, np.datetime64)
_PRECISIONS: tuple[Precision, ...] = ("seconds", "microseconds", "nanoseconds")


class RefusedError(Exception):
    """Carries the refusal of one value up to where its column and row are known."""

    def __init__(self, refusal: Refusal) -> None:
        """Keep why."""
        super().__init__(refusal)
        self.refusal = refusal


def convert(cells: Iterable[Any], precision: Precision) -> list[Any]:
    """JSON values of one column whose cells can be sent, its moments all with this precision."""
    return [
        cell if type(cell) in _PLAIN else _moment(cell, precision) if isinstance(cell, _MOMENTS) else plain(cell)
        for cell in cells
    ]


def refusal_of(cell: Any) -> Refusal | None:
    """Why a cell cannot be sent, if it cannot."""
    if type(cell) is pd.Timestamp and _FIRST_YEAR <= cell.year <= _LAST_YEAR:
        return None
    try:
        plain(cell)
    except RefusedError as error:
        return error.refusal
    return None


def precision_of(cells: Iterable[Any]) -> Precision:
    """The coarsest precision that loses nothing of any date with time among the cells.

    One column is written with one precision: ``pandas.to_datetime`` on the other side takes the format of the
    first value for that of all.

    Raises:
        RefusedError: A date is out of reach.

    """
    return coarsest(_own_precision(cell) for cell in cells if isinstance(cell, _MOMENTS))


def coarsest(needed: Iterable[Precision]) -> Precision:
    """The coarsest precision that is fine enough for all of these."""
    return max(needed, key=_PRECISIONS.index, default="seconds")


def _own_precision(moment: Any) -> Precision:
    stamp = _stamp(moment) if isinstance(moment, np.datetime64) else moment
    if stamp is pd.NaT:
        return "seconds"
    if getattr(stamp, "nanosecond", 0):
        return "nanoseconds"
    return "microseconds" if stamp.microsecond else "seconds"


def _moment(value: Any, precision: Precision | Literal["auto"]) -> str | None:
    """ISO 8601 with the zone's offset, where it has one."""
    if value is pd.NaT:
        return None
    # Only a pandas moment writes nanoseconds.
    stamp = value if type(value) is datetime and precision != "nanoseconds" else _stamp(value)
    return None if stamp is pd.NaT else str(stamp.isoformat(timespec=precision))


def _stamp(value: Any) -> Any:
    """A pandas moment of a year that ISO 8601 can write."""
    try:
        stamp: Any = value if isinstance(value, pd.Timestamp) else pd.Timestamp(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(YEAR) from error
    if stamp is not pd.NaT and not _FIRST_YEAR <= stamp.year <= _LAST_YEAR:
        raise RefusedError(YEAR)
    return stamp


def plain(value: Any) -> Any:
    """The JSON value of one cell.

    Args:
        value: Any Python, numpy or pandas scalar; a list, tuple, array or mapping of such.

    Returns:
        What ``json.dumps`` writes as it stands, without NaN.

    Raises:
        RefusedError: JSON has no form for it.

    """
    return plain(value.value) if isinstance(value, Enum) else _plain(value)


@singledispatch
def _plain(value: Any) -> Any:
    raise RefusedError(Refusal(f"is of type {type(value).__qualname__}", _KINDS))


@_plain.register(type(None))
@_plain.register(type(pd.NA))
@_plain.register(type(pd.NaT))
def _(value: Any) -> None:  # noqa: ARG001 - all of them are one thing
    return None


@_plain.register(bool)
@_plain.register(np.bool_)
def _(value: Any) -> bool:
    return bool(value)


@_plain.register(int)
@_plain.register(np.integer)
def _(value: Any) -> int:
    if not -(2**63) <= value < 2**64:
        raise RefusedError(_BEYOND_64_BITS)
    return int(value)


@_plain.register(float)
@_plain.register(np.floating)
def _(value: Any) -> float | None:
    number = float(value)
    if math.isinf(number):
        raise RefusedError(INFINITE)
    return None if math.isnan(number) else number


@_plain.register
def _(value: Decimal) -> Any:
    """A whole number as an integer, any other as the double that a JSON reader makes of its digits."""
    if value.is_nan():
        return None
    if value.is_infinite():
        raise RefusedError(INFINITE)
    whole = int(value.as_tuple().exponent) >= 0 and value.adjusted() < len("9223372036854775807")
    number = int(value) if whole else float(value)
    if number in (math.inf, -math.inf):
        raise RefusedError(_BEYOND_DOUBLE)
    return number


@_plain.register
def _(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(_SURROGATE) from error
    return str.__str__(value)  # a subclass may print itself differently


@_plain.register
def _(value: UUID) -> str:
    return str(value)


@_plain.register(datetime)
@_plain.register(np.datetime64)
def _(value: Any) -> str | None:
    return _moment(value, "auto")


@_plain.register(date)
@_plain.register(time)
def _(value: Any) -> str:
    return str(value.isoformat())


@_plain.register(timedelta)
@_plain.register(np.timedelta64)
def _(value: Any) -> str | None:
    try:
        duration: Any = pd.Timedelta(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(_DURATION) from error
    return None if duration is pd.NaT else duration.isoformat()


@_plain.register(list)
@_plain.register(tuple)
def _(value: Any) -> list[Any]:
    return [plain(item) for item in value]


@_plain.register(np.ndarray)
def _(value: np.ndarray[Any, Any]) -> Any:
    # Iterated, not tolist(): that turns nanosecond moments into integers.
    return [plain(item) for item in value] if value.ndim else plain(value[()])


@_plain.register(dict)
def _(value: dict[Any, Any]) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in value):
        raise RefusedError(_KEY)
    return {plain(key): plain(item) for key, item in value.items()}
