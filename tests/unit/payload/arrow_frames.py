"""Random frames of polars and pyarrow, made of the same cells as a column of pandas with the same values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.unit.payload.reference import (
    TEXTS,
    gaps,
    modern_moment,
    random_float,
    random_integer,
    random_moment,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

ZONES = ["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]
UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
"""Microseconds of a unit; nanoseconds have columns of their own."""


class Column(NamedTuple):
    """One column.

    Attributes:
        arrow: Its values in pyarrow's keeping.
        cells: The same as Python's or pandas' values, from which the reference computes what is to be sent.

    """

    arrow: Any
    cells: list[Any]


def of(make: Callable[[Random], Any], dtype: Any) -> Callable[[Random, int], Column]:
    def column(random: Random, rows: int) -> Column:
        cells = gaps([make(random) for _ in range(rows)], random)
        return Column(pa.array(cells, dtype), cells)

    return column


def moments(unit: str, zone: bool) -> Callable[[Random, int], Column]:
    def column(random: Random, rows: int) -> Column:
        name = random.choice(ZONES) if zone else None
        make = modern_moment if zone or unit == "ns" else random_moment
        naive = gaps([make(random) for _ in range(rows)], random)
        nanoseconds = random.choice([0, 0, 999]) if unit == "ns" else 0
        counts = [None if cell is None else microseconds(cell) // UNITS.get(unit, 1) for cell in naive]
        if unit == "ns":
            counts = [None if count is None else count * 1_000 + nanoseconds for count in counts]
        cells = [None if count is None else moment_of(count, unit, name) for count in counts]
        return Column(pa.array(counts, pa.int64()).cast(pa.timestamp(unit, name)), cells)

    return column


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001


def moment_of(count: int, unit: str, zone: str | None) -> Any:
    if unit == "ns":
        utc: Any = pd.Timestamp(count, unit="ns", tz="UTC")
    else:
        utc = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=count * UNITS[unit])
    if zone is None:
        return utc.replace(tzinfo=None)
    return (utc if isinstance(utc, pd.Timestamp) else pd.Timestamp(utc)).tz_convert(zone)


def durations(unit: str) -> Callable[[Random, int], Column]:
    def column(random: Random, rows: int) -> Column:
        counts = gaps([random.randrange(10**9) for _ in range(rows)], random)
        cells = [None if count is None else pd.Timedelta(count, unit=unit) for count in counts]  # type: ignore[arg-type]
        return Column(pa.array(counts, pa.int64()).cast(pa.duration(unit)), cells)

    return column


def dictionary(random: Random, rows: int) -> Column:
    cells = gaps([random.choice(TEXTS) for _ in range(rows)], random)
    return Column(pa.array(cells, pa.string()).dictionary_encode(), cells)


COLUMNS: dict[str, Callable[[Random, int], Column]] = {
    "bool": of(lambda random: random.random() < 1 / 2, pa.bool_()),
    "int8": of(whole(-128, 127), pa.int8()),
    "int64": of(random_integer, pa.int64()),
    "uint16": of(whole(0, 2**16 - 1), pa.uint16()),
    "uint64": of(whole(0, 2**64 - 1), pa.uint64()),
    "double": of(random_float, pa.float64()),
    "float": of(lambda random: random.randrange(10**6) / 64, pa.float32()),
    "string": of(lambda random: random.choice(TEXTS), pa.string()),
    "large string": of(lambda random: random.choice(TEXTS), pa.large_string()),
    "dictionary": dictionary,
    "date": of(lambda random: random_moment(random).date(), pa.date32()),
    "time": of(lambda random: random_moment(random).time(), pa.time64("us")),
    "decimal": of(lambda random: Decimal(random.randrange(-(10**18), 10**18)).scaleb(-4), pa.decimal128(20, 4)),
    "whole decimal": of(lambda random: Decimal(random.randrange(-(2**63), 2**64)), pa.decimal128(20, 0)),
    "null": lambda _, rows: Column(pa.nulls(rows), [None] * rows),
    **{f"timestamp[{unit}]": moments(unit, zone=False) for unit in ("ms", "us", "ns")},
    **{f"timestamp[{unit}] with a zone": moments(unit, zone=True) for unit in ("ms", "us", "ns")},
    **{f"duration[{unit}]": durations(unit) for unit in ("ms", "us", "ns")},
}
"""Kinds of columns that polars has, too."""

ARROW_COLUMNS: dict[str, Callable[[Random, int], Column]] = {
    **COLUMNS,
    "halffloat": of(lambda random: np.float16(random.randrange(1_000) / 8), pa.float16()),
    "timestamp[s]": moments("s", zone=False),
    "timestamp[s] with a zone": moments("s", zone=True),
    "duration[s]": durations("s"),
    "time32": of(lambda random: random_moment(random).time().replace(microsecond=0), pa.time32("s")),
    "decimal256": of(lambda random: Decimal(random.randrange(10**9)).scaleb(-2), pa.decimal256(50, 2)),
    "date64": of(lambda random: random_moment(random).date(), pa.date64()),
}


def chunked(random: Random, arrow: Any) -> Any:
    """Cut an array into chunks, as data read in parts are."""
    if random.random() < 1 / 2 or not len(arrow):
        return pa.chunked_array([arrow], arrow.type)
    cut = random.randrange(len(arrow) + 1)
    return pa.chunked_array([arrow[:cut], arrow[cut:cut], arrow[cut:]], arrow.type)
