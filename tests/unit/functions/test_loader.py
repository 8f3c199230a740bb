"""Rows of every dtype come out of a function's loader as they went into a request."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pandas as pd
import pytest

from wml_deployer._functions.description import describe_column
from wml_deployer._functions.loader import ModelFunction, answer
from wml_deployer.payload import encode

WHEN = pd.date_range("2026-01-31 22:00", periods=4, freq="7h")
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - without a zone


def objects(*values: Any) -> pd.Series[Any]:
    """A column of objects."""
    return pd.Series(values, dtype=object)


COLUMNS: dict[str, pd.Series[Any]] = {
    "int8": pd.Series([1, 2, -3], dtype="int8"),
    "uint64": pd.Series([2**64 - 1, 1], dtype="uint64"),
    "int64": pd.Series([2**63 - 1, -5]),
    "float32 with NaN": pd.Series([1.1, np.nan], dtype="float32"),
    "float16": pd.Series([0.5, 2], dtype="float16"),
    "bool": pd.Series([True, False]),
    "text with None": objects("a", None, "b"),
    "text with NaN": objects("a", np.nan),
    "text with NA": objects("a", pd.NA),
    "mixed objects": objects(1, "a", 2.5, True),
    "lists": objects([1, 2], [3]),
    "dates": objects(dt.date(2026, 1, 2), None),
    "times": objects(dt.time(3, 4)),
    "datetimes": objects(MOMENT, MOMENT.replace(microsecond=0)),
    "decimals": objects(Decimal("1.10"), Decimal(3)),
    "uuids": objects(UUID("12345678123456781234567812345678")),
    "Int64 beyond doubles": pd.Series([2**53 + 1, None], dtype="Int64"),
    "UInt64": pd.Series([2**64 - 1, None], dtype="UInt64"),
    "Int8": pd.Series([1, None], dtype="Int8"),
    "Float64": pd.Series([1.5, None], dtype="Float64"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "string": pd.Series(["a", None], dtype="string"),
    "ordered category": pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "a", "z"], ordered=True)),
    "category of integers": pd.Series(pd.Categorical([3, None, 1], categories=[3, 1, 2**60 + 1])),
    "category of dates": pd.Series(pd.Categorical(WHEN[:2], categories=pd.DatetimeIndex(WHEN.tolist()))),
    "category of floats": pd.Series(pd.Categorical([1.5, None])),
    "category of booleans": pd.Series(pd.Categorical([True, False])),
    "category of nothing": pd.Series(pd.Categorical([None, None], categories=pd.Index([], dtype=object))),
    "datetimes with NaT": pd.Series([WHEN[0], pd.NaT]),
    "datetimes in seconds": pd.Series(WHEN.as_unit("s")),
    "a far year": pd.Series(np.array(["3000-01-01"], dtype="M8[s]")),
    "nanoseconds": pd.Series([pd.Timestamp("2026-01-01 00:00:00.123456789")]),
    "a zone": pd.Series(WHEN.tz_localize("Europe/Lisbon")),
    "a fixed offset": pd.Series(WHEN.tz_localize("UTC+03:00")),
    "UTC in microseconds": pd.Series(WHEN.tz_localize("UTC").as_unit("us")),
    "timedelta": pd.Series(pd.to_timedelta([1, 2.5, None], unit="h")),
    "timedelta in seconds": pd.Series(pd.to_timedelta([1, 2], unit="h")).dt.as_unit("s"),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 1.0, 0.0], fill_value=0.0)),
}


class Echo:
    """A model that answers what it gets."""

    def predict(self, rows: Any) -> Any:
        """Keep the rows."""
        return rows


def loader(*columns: dict[str, Any], **description: Any) -> ModelFunction:
    """A loader without a stored model."""
    function = ModelFunction.__new__(ModelFunction)
    function.describe({"input": "frame", "columns": list(columns), **json.loads(json.dumps(description))})
    function.model = Echo()
    return function


def arrived(column: pd.Series[Any], rows: pd.Series[Any] | None = None) -> pd.Series[Any]:
    """A column after its way to the model; other rows of it if given."""
    sent = (column if rows is None else rows).to_frame("a")
    block = orjson.loads(encode(sent))["input_data"][0]
    frame = loader(json.loads(json.dumps(describe_column("a", column)))).read(block)
    found: pd.Series[Any] = frame["a"]
    return found


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_arrives_as_it_was(name: str) -> None:
    """Its dtype, its values and the kinds of its gaps are those of the fit."""
    column = COLUMNS[name]

    pd.testing.assert_series_equal(arrived(column), column.rename("a"), check_index=False)
    assert [type(value) for value in column] == [type(value) for value in arrived(column)]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_row_alone_arrives_as_it_was(name: str) -> None:
    """What is among the other rows of a request does not matter."""
    column = COLUMNS[name]

    for position in range(len(column)):
        alone = column.iloc[position : position + 1].reset_index(drop=True)
        pd.testing.assert_series_equal(arrived(column, alone), alone.rename("a"))


@pytest.mark.parametrize(
    "name",
    ["int64", "int8", "double", "float", "bool", "string", "date32[day]", "timestamp[ns]", "zone", "duration[ns]"],
)
def test_arrow_arrives_as_it_was(name: str) -> None:
    """Arrow's types are known by their names."""
    pa = pytest.importorskip("pyarrow")
    moments = [dt.datetime(2026, 1, 2, 3), None]  # noqa: DTZ001
    values = {
        "bool": [True, None],
        "string": ["a", None],
        "date32[day]": [dt.date(2026, 1, 2), None],
        "timestamp[ns]": moments,
        "zone": moments,
        "duration[ns]": [dt.timedelta(hours=2), None],
    }.get(name, [100, None])
    kind = pa.timestamp("us", "Europe/Lisbon") if name == "zone" else pa.type_for_alias(name)
    column = pd.Series(pa.array(values, type=kind), dtype=pd.ArrowDtype(kind))

    pd.testing.assert_series_equal(arrived(column), column.rename("a"))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("timestamp[ns]", "2026-01-01T00:00:00+09:00", "has a time zone"),
        ("timestamp[us, tz=Europe/Lisbon]", "2026-01-01T00:00:00", "has no time zone"),
        ("timestamp[s]", "2026-01-01T00:00:00.500000", "finer than the dates of the fit"),
    ],
)
def test_a_date_of_arrow_that_would_change_on_the_way_is_refused(name: str, value: str, problem: str) -> None:
    """As one of pandas is."""
    pytest.importorskip("pyarrow")

    with pytest.raises(ValueError, match=f"The column 'a' cannot be read as arrow: .*{problem}"):
        loader({"name": "a", "kind": "arrow", "type": name}).read({"values": [[value]]})


@pytest.mark.parametrize("dtype", ["float64", "object"])
def test_the_name_of_the_columns_is_that_of_the_fit(dtype: str) -> None:
    """A frame that was pivoted has one."""
    frame = pd.DataFrame({"a": [1.0]}, dtype=dtype).rename_axis(columns="month")
    column = describe_column("a", frame["a"])

    assert "month" == loader(column, axis="month").read({"values": [[1.0]]}).columns.name


def test_a_category_that_the_fit_did_not_know_is_missing() -> None:
    """So it is in a frame with the categories of the fit."""
    column = COLUMNS["ordered category"]

    assert [-1, 1] == arrived(column, objects("new", "a")).cat.codes.tolist()


@pytest.mark.parametrize("name", ["category of integers", "category of floats", "category of booleans"])
def test_text_is_no_category_of_numbers(name: str) -> None:
    """The rows beside it keep their categories."""
    column = COLUMNS[name]

    assert [-1, column.cat.codes[0]] == arrived(column, objects("new", column[0])).cat.codes.tolist()


def test_text_is_no_category_of_dates() -> None:
    """Nor does it take their categories from the rows beside it."""
    column = COLUMNS["category of dates"]

    assert [-1, 0] == arrived(column, objects("new", str(column[0]))).cat.codes.tolist()


@pytest.mark.parametrize(
    ("fitted", "value", "problem"),
    [
        ("nanoseconds", "2500-01-01T00:00:00", "outside the years"),
        ("datetimes with NaT", "2026-01-01T00:00:00+09:00", "has a time zone"),
        ("datetimes with NaT", 5, "5 is not a date"),
        ("a zone", "2026-01-01T00:00:00", "has no time zone"),
        ("datetimes in seconds", "2026-01-01T00:00:00.500000", "finer than the dates of the fit"),
        ("timedelta in seconds", "PT0.5S", "finer than those of the fit"),
        ("int64", "5", "not all of its values are numbers"),
    ],
)
def test_a_value_that_would_change_on_the_way_is_refused(fitted: str, value: Any, problem: str) -> None:
    """The error names the column."""
    column = describe_column("a", COLUMNS[fitted])

    with pytest.raises(ValueError, match=f"The column 'a' cannot be read as .*{problem}"):
        loader(column).read({"values": [[value]]})


def test_a_time_zone_without_a_name_is_refused() -> None:
    """No other process would find it."""
    zoned = pd.Series(WHEN.tz_localize("dateutil/Europe/Lisbon"))

    with pytest.raises(TypeError, match="has no name that it could be found by"):
        describe_column("a", zoned)


def test_fractions_in_a_column_of_integers_stay() -> None:
    """Nothing is cut off silently."""
    assert [1.5, 2.0] == arrived(COLUMNS["int64"], pd.Series([1.5, 2])).tolist()


def test_a_gap_does_not_change_the_large_integers_of_other_rows() -> None:
    """Rows with a gap are asked apart, and each answer stands at its row's place."""
    column = describe_column("a", pd.Series([1]))
    rows = [[2**53 + 1], [None], [2**53 + 3]]
    values = loader(column, call="predict").score({"input_data": [{"fields": ["a"], "values": rows}]})

    assert [[[2**53 + 1]], [[None]], [[2**53 + 3]]] == values["predictions"][0]["values"]


def test_columns_are_put_in_the_order_of_the_fit() -> None:
    """The names of a request say which is which."""
    columns = [describe_column(name, pd.Series([1.0])) for name in "ab"]
    frame = loader(*columns).read({"fields": ["b", "a"], "values": [[2.0, 1.0]]})

    assert {"a": [1.0], "b": [2.0]} == frame.to_dict("list")


def test_a_missing_column_is_refused() -> None:
    """The error names it."""
    with pytest.raises(ValueError, match="The columns a are missing"):
        loader(describe_column("a", pd.Series([1.0]))).read({"fields": ["b"], "values": [[1.0]]})


def test_a_value_of_another_kind_is_refused() -> None:
    """The error names the column."""
    with pytest.raises(ValueError, match="'a' cannot be read as float"):
        loader(describe_column("a", pd.Series([1.0], dtype="float32"))).read({"values": [["x"]]})


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array([0.1], dtype="float32"), [float(np.float32(0.1))]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        ([pd.Timestamp("2026-01-31"), pd.NaT], ["2026-01-31T00:00:00", None]),
        (np.array(["2026-01-31", "NaT"], dtype="M8[D]"), ["2026-01-31", None]),
        ([(1, "a"), (2.5, "b")], [[1, "a"], [2.5, "b"]]),
        ([2**60 + 1, 0.5], [2**60 + 1, 0.5]),
        ([{"mean": np.float64(1.5)}], [{"mean": 1.5}]),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array([True]), [True]),
    ],
)
def test_what_a_model_predicts_is_written_as_json(predicted: Any, expected: list[Any]) -> None:
    """Missing values are null, and numbers are those of the model, bit for bit."""
    assert [[value] for value in expected] == answer(Echo(), predicted)["values"]


@pytest.mark.parametrize("predicted", [np.array([1.0, -np.inf]), [np.array([[np.inf]])], pd.DataFrame({"a": [np.inf]})])
def test_an_infinite_prediction_is_refused(predicted: Any) -> None:
    """It would arrive as a missing one."""
    with pytest.raises(ValueError, match="prediction is infinite"):
        answer(Echo(), predicted)


def test_a_predicted_duration_is_refused() -> None:
    """NumPy would cut off its text."""
    with pytest.raises(ValueError, match="prediction is a duration"):
        answer(Echo(), pd.Series(pd.to_timedelta([1], unit="h")))
