"""What becomes of each value on its way into a request."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from wml_deployer.errors import PayloadError
from wml_deployer.payload import encode, to_input_data
from wml_deployer.payload._cells import MAX_DEPTH

LISBON = "Europe/Lisbon"
CENTRAL = timezone(timedelta(hours=1))
LOCAL_MEAN_TIME = timezone(timedelta(hours=-3, minutes=-6, seconds=-28))


class Colour(str, Enum):
    """A text enumeration, whose members print themselves differently."""

    RED = "red"


class Level(IntEnum):
    """An integer enumeration."""

    HIGH = 3


class Size(Enum):
    """An enumeration of values of several kinds."""

    SMALL = 0.5
    SINCE = datetime(2024, 1, 31, tzinfo=CENTRAL)
    ENDLESS = float("inf")


class Anything:
    """An arbitrary object."""


def values(data: object) -> list[list[Any]]:
    document = json.loads(encode(data))
    return list(document["input_data"][0]["values"])


def column(cells: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(cells, dtype=dtype)})


def moments(*texts: str | None) -> Any:
    return pd.Series([pd.Timestamp(text) if text else pd.NaT for text in texts])


COLUMNS: dict[str, tuple[pd.DataFrame, list[Any]]] = {
    "int64 beside a double's reach": (column([2**53 + 1, -1]), [2**53 + 1, -1]),
    "int8": (column([-128, 127], "int8"), [-128, 127]),
    "uint64": (column([2**64 - 1, 0], "uint64"), [2**64 - 1, 0]),
    "bool": (column([True, False]), [True, False]),
    "float64": (column([0.1, float("nan"), -0.0, 1.0]), [0.1, None, -0.0, 1.0]),
    "float32 as the double of its value": (column([0.1], "float32"), [0.10000000149011612]),
    "float16 as the double of its value": (column([0.1], "float16"), [0.0999755859375]),
    "text": (column(["a", None, "ção", ""]), ["a", None, "ção", ""]),
    "nullable integers": (column([2**53 + 1, None], "Int64"), [2**53 + 1, None]),
    "nullable booleans": (column([True, None], "boolean"), [True, None]),
    "nullable floats": (column([0.5, None], "Float64"), [0.5, None]),
    "nullable text": (column(["a", None], "string"), ["a", None]),
    "category of text": (column(["a", None, "a"], "category"), ["a", None, "a"]),
    "category of integers": (column(pd.Categorical([1, None, 2**53 + 1])), [1, None, 2**53 + 1]),
    "category of booleans": (column(pd.Categorical([True, None])), [True, None]),
    "category of dates": (
        column(pd.Categorical(moments("2024-01-31", None))),
        ["2024-01-31T00:00:00", None],
    ),
    "dates with time": (
        column(moments("2024-01-31 10:20:30", None)),
        ["2024-01-31T10:20:30", None],
    ),
    "microseconds, in all of the column": (
        column(moments("2024-01-31 10:20:30.5", "2024-01-31 10:20:30.000001")),
        ["2024-01-31T10:20:30.500000", "2024-01-31T10:20:30.000001"],
    ),
    "nanoseconds, in all of the column": (
        column(moments("2024-01-31 10:20:30.123456789", "2024-01-31 10:20:30")),
        ["2024-01-31T10:20:30.123456789", "2024-01-31T10:20:30.000000000"],
    ),
    "zones, with the offset of the day": (
        column(moments("2024-01-31", "2024-07-31", None).dt.tz_localize(LISBON)),
        ["2024-01-31T00:00:00+00:00", "2024-07-31T00:00:00+01:00", None],
    ),
    "durations": (column(pd.to_timedelta(["1 days 2 hours", None])), ["P1DT2H0M0S", None]),
    "sparse floats": (column(pd.arrays.SparseArray([0.5, np.nan, 0.0])), [0.5, None, 0.0]),
    "sparse integers": (column(pd.arrays.SparseArray([7, 0, 0])), [7, 0, 0]),
    "anything missing": (column([None, pd.NA, pd.NaT, float("nan")], object), [None, None, None, None]),
    "mixed scalars": (column([1, 2.5, "a", True, None], object), [1, 2.5, "a", True, None]),
    "numpy scalars": (
        column([np.int8(1), np.float32(0.1), np.bool_(True), np.str_("a"), np.float64("nan")], object),
        [1, 0.10000000149011612, True, "a", None],
    ),
    "Python's moments": (
        column(
            [datetime.fromisoformat("2024-01-31"), datetime(2024, 1, 31, tzinfo=CENTRAL), np.datetime64("2024-01-31")],
            object,
        ),
        ["2024-01-31T00:00:00", "2024-01-31T00:00:00+01:00", "2024-01-31T00:00:00"],
    ),
    "dates and times of day": (
        column([date(2024, 1, 31), time(10, 20, 30, 500)], object),
        ["2024-01-31", "10:20:30.000500"],
    ),
    "Python's durations": (
        column([timedelta(days=1, hours=2), np.timedelta64("NaT", "ns")], object),
        ["P1DT2H0M0S", None],
    ),
    "decimals": (
        column([Decimal("0.1"), Decimal(9007199254740993), Decimal("5.00"), Decimal("NaN"), Decimal(0)], object),
        [0.1, 2**53 + 1, 5.0, None, 0],
    ),
    "whole decimals": (
        column([Decimal("9007199254740993.00"), Decimal(2**64 - 1), Decimal(-(2**63)), Decimal("-0E+99")], object),
        [2**53 + 1, 2**64 - 1, -(2**63), 0],
    ),
    "enumerations": (column([Colour.RED, Level.HIGH], object), ["red", 3]),
    "enumerations and what is missing": (column([Size.SMALL, Colour.RED, None], object), [0.5, "red", None]),
    "an enumeration of dates": (column([Size.SINCE, Level.HIGH], object), ["2024-01-31T00:00:00+01:00", 3]),
    "UUIDs": (column([UUID(int=1), UUID(int=2)], object), [str(UUID(int=1)), str(UUID(int=2))]),
    "UUIDs and what is missing": (column([UUID(int=1), None], object), [str(UUID(int=1)), None]),
    "vectors": (
        column([[1, float("nan")], (2, [3]), np.array([0.5, np.nan]), np.array(["2024"], "M8[ns]")], object),
        [[1, None], [2, [3]], [0.5, None], ["2024-01-01T00:00:00"]],
    ),
    "mappings": (column([{"a": np.int64(1)}], object), [{"a": 1}]),
}

REFUSED = {
    "infinity": (column([1.0, float("inf")]), "row 1: is infinite"),
    "negative infinity": (column([1.0, -float("inf")]), "row 1: is infinite"),
    "float32 infinity": (column([1.0, float("inf")], "float32"), "row 1: is infinite"),
    "nullable infinity": (column([None, float("inf")], "Float64"), "row 1: is infinite"),
    "infinity among objects": (column(["a", float("inf")], object), "row 1: is infinite"),
    "infinite category": (column(pd.Categorical([1.0, float("inf")])), "row 1: is infinite"),
    "infinity in a vector": (column([[1.0], [float("inf")]], object), "row 1: is infinite"),
    "infinity in a mapping": (column([{"a": 1.0}, {"a": float("inf")}], object), "row 1: is infinite"),
    "infinity of an enumeration": (column([Size.SMALL, Size.ENDLESS], object), "row 1: is infinite"),
    "infinite decimal": (column([Decimal(1), Decimal("Infinity")], object), "row 1: is infinite"),
    "decimal beyond a double": (
        column([1, Decimal("1" + "0" * 400 + ".5")], object),
        "row 1: is too large for a double",
    ),
    "whole decimal beyond 64 bits": (column([1, Decimal("1E+30")], object), "row 1: is an integer beyond 64 bits"),
    "negative decimal beyond 64 bits": (
        column([1, Decimal(-(2**63) - 1)], object),
        "row 1: is an integer beyond 64 bits",
    ),
    "decimal of a million digits": (
        column([1, Decimal("-1.5E+999999")], object),
        "row 1: is an integer beyond 64 bits",
    ),
    "integer below 64 bits": (column([1, -(2**63) - 1], object), "row 1: is an integer beyond 64 bits"),
    "integer beyond 64 bits in a vector": (column([[1], [2**64]], object), "row 1: is an integer beyond 64 bits"),
    "integer beyond 64 bits": (column([1, 2**64], object), "row 1: is an integer beyond 64 bits"),
    "bytes": (column([1, b"a"], object), "row 1: is of type bytes"),
    "complex": (column([1, 1j], object), "row 1: is of type complex"),
    "complex column": (column([1j]), "row 0: is of type complex"),
    "an object": (column([1, Anything()], object), "row 1: is of type Anything"),
    "a set": (column([1, {2}], object), "row 1: is of type set"),
    "a period": (column(pd.PeriodIndex(["2024-01"], freq="M")), "row 0: is of type Period"),
    "an interval": (column(pd.IntervalIndex.from_breaks([0, 1])), "row 0: is of type Interval"),
    "a lone surrogate": (column(["a", "\ud800"], object), "row 1: is text with a lone surrogate"),
    "a year of five digits": (
        column([np.datetime64("2024-01-31"), np.datetime64("12024-01-31")], object),
        "row 1: is a date outside the years",
    ),
    "a mapping with other keys": (column([1, {2: 3}], object), "row 1: is a mapping whose keys are not all text"),
}


def tall(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The frame repeated until it is read column by column, or as one block, and not cell by cell."""
    repeats = 3_000 // len(frame) + 1
    return pd.concat([frame] * repeats, ignore_index=True), repeats


@pytest.mark.parametrize("name", COLUMNS)
def test_small_column_is_sent_as(name: str) -> None:
    """Each kind of column has its JSON values."""
    frame, expected = COLUMNS[name]

    assert repr([[cell] for cell in expected]) == repr(values(frame))


@pytest.mark.parametrize("name", COLUMNS)
def test_large_column_is_sent_as(name: str) -> None:
    """A long column has the JSON values of a short one, though it is read in another way."""
    frame, expected = COLUMNS[name]
    long, repeats = tall(frame)

    assert repr([[cell] for cell in expected] * repeats) == repr(values(long))


@pytest.mark.parametrize("name", COLUMNS)
def test_column_beside_others_is_sent_as(name: str) -> None:
    """A neighbour of another kind changes no value."""
    frame, expected = COLUMNS[name]
    long, repeats = tall(frame.assign(y=0.5, z=7))

    assert repr([[cell, 0.5, 7] for cell in expected] * repeats) == repr(values(long))


@pytest.mark.parametrize("name", REFUSED)
def test_value_is_refused(name: str) -> None:
    """What JSON has no form for is refused, naming its column and row."""
    frame, complaint = REFUSED[name]

    with pytest.raises(PayloadError) as caught:
        encode(frame)

    assert f"column 'x', {complaint}" in str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_value_in_a_large_column_is_refused(name: str) -> None:
    """In a long column the first rows are named and all are counted."""
    frame, complaint = REFUSED[name]
    long, repeats = tall(frame)

    with pytest.raises(PayloadError, match=f"{repeats:,} values") as caught:
        encode(long)

    row, problem = complaint.split(": ")
    first = int(row.removeprefix("row "))
    rows = ", ".join(str(first + step * len(frame)) for step in range(3))
    assert f"column 'x', rows {rows} and {repeats - 3:,} more: {problem}" in str(caught.value)


@pytest.mark.skipif(pd.__version__ < "2", reason="pandas 1 holds nanoseconds alone, which end in the year 2262")
@pytest.mark.parametrize("rows", [2, 2_100])
def test_year_of_five_digits_is_refused(rows: int) -> None:
    """A column of seconds can hold it, but ISO 8601 cannot write it in four digits."""
    cells = np.resize(np.array(["2024", "12024"], "M8[s]"), rows)

    with pytest.raises(
        PayloadError, match=f"^{rows // 2:,} value.*\n.*column 'x', rows? 1.*is a date outside the years"
    ):
        encode(pd.DataFrame({"x": cells}))


@pytest.mark.skipif(pd.__version__ < "2", reason="pandas 1 holds nanoseconds alone, which end in the year 2262")
@pytest.mark.parametrize("rows", [2, 2_100])
def test_years_of_four_digits_are_sent(rows: int) -> None:
    """The first and the last of them are right, too."""
    cells = np.resize(np.array(["0001-01-01", "9999-12-31T23:59:59"], "M8[s]"), rows)

    assert [["0001-01-01T00:00:00"], ["9999-12-31T23:59:59"]] == values(pd.DataFrame({"x": cells}))[-2:]


def nested(depth: int, innermost: Any) -> Any:
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


def array_of(value: Any) -> Any:
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


@pytest.mark.parametrize("innermost", [1.5, float("nan"), "a", np.float32(0.5)])
@pytest.mark.parametrize("rows", [1, 3_000])
def test_deepest_nesting_is_sent(rows: int, innermost: Any) -> None:
    """Whatever lies inside, and wherever the column stands."""
    sent = values(pd.DataFrame({"x": pd.Series([nested(MAX_DEPTH, innermost)] * rows), "y": "a"}))

    assert rows == len(sent)


@pytest.mark.parametrize("innermost", [1.5, float("nan"), "a"])
@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}, array_of])
def test_deeper_nesting_is_refused(wrap: Any, innermost: Any) -> None:
    """Before orjson, or Python itself, gives up."""
    with pytest.raises(PayloadError, match=rf"column 'x', row 0: is nested more than {MAX_DEPTH} levels"):
        encode(pd.DataFrame({"x": pd.Series([wrap(nested(MAX_DEPTH, innermost)) if innermost else None])}))


def test_a_list_in_itself_is_refused() -> None:
    """It has no end."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(PayloadError, match="is nested more than"):
        encode(pd.DataFrame({"x": pd.Series([endless])}))


@pytest.mark.parametrize("data", [lambda x: [[x]], lambda x: {"a": x}, lambda x: {"input_data": [{"values": [[x]]}]}])
def test_deep_nesting_in_rows_is_refused(data: Any) -> None:
    """As in a frame."""
    with pytest.raises(PayloadError, match=r"nested more than|holds lists"):
        encode(data(nested(400, 1)))


@pytest.mark.parametrize("rows", [2_000, 40_000])
@pytest.mark.parametrize("gap", [None, float("nan"), 1])
def test_texts_of_the_caller_do_not_grow(rows: int, gap: Any) -> None:
    """Orjson would leave the UTF-8 form of a text inside it."""
    texts = [f"ção {row}" for row in range(rows)]
    before = sum(map(sys.getsizeof, texts))

    encode(pd.DataFrame({"x": pd.Series([*texts, gap], dtype=object), "n": range(rows + 1)}))

    assert before == sum(map(sys.getsizeof, texts))


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("attribute", ["_mgr", "_iter_column_arrays"])
def test_private_attributes_of_pandas_are_not_needed(name: str, attribute: str) -> None:
    """A pandas that has renamed them costs time, and no value."""

    class Renamed(pd.DataFrame):
        def __getattribute__(self, asked: str) -> Any:
            if asked == attribute and sys._getframe(1).f_globals["__name__"].startswith("wml_deployer"):
                raise AttributeError(asked)
            return super().__getattribute__(asked)

    frame, expected = COLUMNS[name]

    assert repr([[cell, 0.5] for cell in expected]) == repr(values(Renamed(frame.assign(y=0.5))))
    assert repr([[cell] for cell in expected]) == repr(values(Renamed(frame)))


def test_nanoseconds_beside_offsets_and_plain_datetimes_are_right() -> None:
    """All of a column with the same fraction, whoever holds the date."""
    zone = timezone(timedelta(hours=-3, minutes=-30))
    cells = [pd.Timestamp("2024-01-31 10:20:30.123456789", tz=zone), datetime(2024, 1, 31, 1, tzinfo=zone)]

    assert [["2024-01-31T10:20:30.123456789-03:30"], ["2024-01-31T01:00:00.000000000-03:30"]] == values(
        column(cells, object)
    )


@pytest.mark.parametrize("rows", [2, 2_100])
@pytest.mark.parametrize("nanoseconds", [0, 7])
def test_offset_with_seconds_is_refused(nanoseconds: int, rows: int) -> None:
    """ISO 8601 writes hours and minutes; zones had seconds before about 1900."""
    moments = pd.DatetimeIndex(["1890-01-01", "2024-01-01"] * (rows // 2)) + pd.to_timedelta(nanoseconds, unit="ns")

    with pytest.raises(PayloadError, match=r"column 'x', rows? 0.*is a time whose offset from UTC has seconds"):
        encode(pd.DataFrame({"x": moments.tz_localize(LOCAL_MEAN_TIME)}))


@pytest.mark.skipif(pd.__version__ < "2", reason="pandas 1 holds nanoseconds alone, which end in the year 2262")
@pytest.mark.parametrize("rows", [2, 2_100])
@pytest.mark.parametrize(("moment", "hours"), [("9999-12-31T23:30:00", 5), ("0001-01-01T00:30:00", -5)])
def test_year_of_five_digits_in_its_own_zone_is_refused(moment: str, hours: int, rows: int) -> None:
    """The local time is written, so its year counts."""
    cells = pd.Series(np.array([moment, "2024-01-31"] * (rows // 2), dtype="M8[s]")).dt.tz_localize("UTC")

    assert [[f"{moment}+00:00"]] == values(cells.to_frame("x"))[:1]
    with pytest.raises(PayloadError, match=r"column 'x', rows? 0.*is a date outside the years"):
        encode(cells.dt.tz_convert(timezone(timedelta(hours=hours))).to_frame("x"))


@pytest.mark.parametrize("unit", ["ps", "as"])
def test_what_is_finer_than_nanoseconds_is_refused(unit: Any) -> None:
    """Pandas would cut it off."""
    cells = [np.datetime64(1_001, unit), np.timedelta64(1_001, unit)]

    with pytest.raises(PayloadError, match="row 0: is finer than nanoseconds"):
        encode(column(cells[:1], object))
    with pytest.raises(PayloadError, match="row 0: is finer than nanoseconds"):
        encode(column(cells[1:], object))


def test_unused_category_is_not_refused() -> None:
    """A category that no row holds is nobody's fault."""
    unused = column(pd.Categorical([1.0, None], categories=[1.0, float("inf")]))

    assert [[1.0], [None]] * 2_000 == values(pd.concat([unused] * 2_000))


def test_all_faults_come_at_once() -> None:
    """One error lists every column and row at fault."""
    frame = pd.DataFrame(
        {"a": [float("inf"), 1.0], "b": [b"x", b"y"], "c": [1, 2], "d": pd.Series(["\ud800", "x"], dtype=object)}
    )

    with pytest.raises(PayloadError) as caught:
        encode(frame)

    assert ["column 'a', row 0", "column 'b', rows 0, 1", "column 'd', row 0"] == [
        fault.where for fault in caught.value.faults
    ]


def test_faults_are_capped_with_a_count() -> None:
    """Fifty columns at fault are twenty lines and a count."""
    frame = pd.DataFrame(np.full((1, 50), np.inf), columns=[f"c{position}" for position in range(50)])

    with pytest.raises(PayloadError) as caught:
        encode(frame)

    assert (21, "30 further faults") == (len(caught.value.faults), caught.value.faults[-1].where)


def test_rows_are_named_by_their_labels() -> None:
    """Whoever looks for the row finds it under the label that his frame gives it."""
    frame = pd.DataFrame({"x": [1.0, float("inf")]}, index=["ana", "rui"])

    with pytest.raises(PayloadError, match="column 'x', row 'rui'"):
        encode(frame)


def test_integers_stay_integers_beside_floats() -> None:
    """A frame is no matrix: its floats do not turn its integers into floats."""
    assert [[2**53 + 1, 0.5]] == values(pd.DataFrame({"a": [2**53 + 1], "b": [0.5]}))


def test_input_data_holds_plain_values() -> None:
    """The document can be written by the json module as it is, NaN and dates included."""
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": moments("2024-01-31", None)})

    document = to_input_data(frame)

    assert {"input_data": [{"fields": ["a", "b"], "values": [[1.5, "2024-01-31T00:00:00"], [None, None]]}]} == document
    assert json.loads(encode(frame)) == json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("name", COLUMNS)
def test_frame_of_the_caller_is_not_touched(name: str) -> None:
    """Encoding changes neither the values, nor the dtypes, nor the labels of what it is given."""
    frame = COLUMNS[name][0].copy(deep=True)
    before = frame.copy(deep=True)

    encode(frame)

    pd.testing.assert_frame_equal(before, frame)


@pytest.mark.parametrize("rows", [1, 300])
@pytest.mark.parametrize(
    ("cell", "sent"), [(pd.Timestamp("2024-01-01"), "2024-01-01T00:00:00"), (pd.Timedelta(days=1), "P1DT0H0M0S")]
)
def test_frame_of_moments_alone_is_sent_as_text(cell: Any, sent: str, rows: int) -> None:
    """Where no other column is beside them, pandas 1 has integers for them."""
    assert [[sent, sent]] * rows == values(pd.DataFrame({"a": [cell] * rows, "b": [cell] * rows}))
