"""Columns against the model's input fields."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from wml_deployer.errors import PayloadError, SchemaError
from wml_deployer.payload import encode, prepare
from wml_deployer.schema import Field, Schema

SCHEMA = Schema((Field("age", "int64"), Field("income", "float64"), Field("city", "object")))
FRAME = pd.DataFrame({"age": [31], "income": [2150.5], "city": ["Porto"]})
EXPECTED: dict[str, Any] = {"fields": ["age", "income", "city"], "values": [[31, 2150.5, "Porto"]]}


class Answer(Enum):
    """An enumeration of numbers and texts."""

    ONE = 1
    MANY = "many"


def block(data: object, schema: Schema | None = SCHEMA) -> dict[str, Any]:
    return dict(json.loads(encode(data, schema=schema))["input_data"][0])


def faults(data: object, schema: Schema = SCHEMA) -> list[tuple[str, str, str]]:
    with pytest.raises(SchemaError) as caught:
        encode(data, schema=schema)
    return [(fault.where, fault.problem, fault.expected) for fault in caught.value.faults]


@pytest.mark.parametrize("rows", [1, 100, 1_000])
def test_columns_are_put_in_the_model_s_order(rows: int) -> None:
    """The service does not look at names, so their order has to be the model's, however many rows there are."""
    shuffled = pd.concat([FRAME[["city", "age", "income"]]] * rows)

    assert {**EXPECTED, "values": EXPECTED["values"] * rows} == block(shuffled)


@pytest.mark.parametrize("rows", [1, 100, 1_000])
def test_numbers_are_put_in_the_model_s_order(rows: int) -> None:
    """So it is for a frame of one dtype, which is written as one block."""
    schema = Schema(tuple(Field(f"c{position}", "float64") for position in range(30)))
    names = [field.name for field in schema.fields]
    values = np.random.default_rng(0).normal(size=(rows, 30))

    shuffled = pd.DataFrame(values, columns=names)[names[::-1]]

    assert {"fields": names, "values": values.tolist()} == block(shuffled, schema)


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        FRAME[["income", "city", "age"]],
        FRAME.iloc[0],
        {"city": "Porto", "income": 2150.5, "age": 31},
        [{"city": "Porto", "income": 2150.5, "age": 31}],
        [[31, 2150.5, "Porto"]],
        [31, 2150.5, "Porto"],
        np.array([[31, 2150.5, "Porto"]], dtype=object),
    ],
)
def test_rows_of_any_kind_fit_the_model(data: object) -> None:
    """Rows with names are put in order by them; rows without take the model's."""
    assert EXPECTED == block(data)


def test_every_difference_is_listed_at_once() -> None:
    """Missing, unknown and duplicate columns come in one error, with the nearest names."""
    frame = pd.DataFrame([[31, 31, "Porto", 1]], columns=["Age", "Age", "city", "extra"])

    assert [
        ("column 'Age'", "is there 2 times", "once"),
        ("column 'age'", "is missing", "did you mean 'Age'?"),
        ("column 'income'", "is missing", "float64"),
        ("column 'Age'", "is unknown to the model", "did you mean 'age'?"),
        ("column 'extra'", "is unknown to the model", ""),
    ] == faults(frame)


def test_duplicate_of_a_known_column_is_a_fault() -> None:
    """Which of the two the model should get is not ours to guess."""
    assert [("column 'age'", "is there 2 times", "once")] == faults(
        pd.concat([FRAME, FRAME[["age"]]], axis="columns"),
    )


def test_many_differences_are_capped_with_a_count() -> None:
    """A frame of a wholly different table is twenty lines and a count."""
    found = faults(pd.DataFrame([range(50)], columns=[f"x{position}" for position in range(50)]))

    assert (21, "33 further faults") == (len(found), found[-1][0])


def test_duplicates_are_refused_without_a_schema() -> None:
    """Two values of one name cannot be told apart, whatever the model is."""
    with pytest.raises(SchemaError, match="cannot be told apart"):
        encode(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_number_and_text_of_it_are_one_name() -> None:
    """Column 1 and column '1' would both be sent as '1'."""
    with pytest.raises(SchemaError, match="cannot be told apart"):
        encode(pd.DataFrame([[1, 2]], columns=[1, "1"]))


@pytest.mark.parametrize("labels", [[("a", "b")], [None], [1.5], [pd.Timestamp("2024-01-31")], [True]])
def test_labels_that_are_no_names_are_refused(labels: list[Any]) -> None:
    """Names are text, as IBM's contract has it, or integers, whose text is meant."""
    with pytest.raises(SchemaError, match="have to be text"):
        encode(pd.DataFrame([[1]], columns=pd.Index(labels, dtype=object, tupleize_cols=False)))


def test_levels_of_columns_are_refused() -> None:
    """A MultiIndex has no names to send; the error says how to join its levels."""
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))

    with pytest.raises(SchemaError, match="levels of a MultiIndex are joined"):
        encode(frame)


def test_numbered_columns_match_their_text() -> None:
    """A model fitted on '0' and '1' is meant by a frame without names."""
    schema = Schema((Field("1", "int64"), Field("0", "int64")))

    assert {"fields": ["1", "0"], "values": [[11, 10]]} == block(pd.DataFrame([[10, 11]]), schema)


@pytest.mark.parametrize("data", [[[1, 2]], [1, 2], np.zeros((3, 2)), np.zeros((3, 4)), [[1, 2, 3, 4]]])
def test_rows_of_another_width_are_refused(data: object) -> None:
    """Rows without names have to have exactly the model's values."""
    with pytest.raises(SchemaError, match="the model takes 3"):
        encode(data, schema=SCHEMA)


def test_ragged_rows_are_held_against_the_model() -> None:
    """The right width is the model's, not that of the first row."""
    with pytest.raises(PayloadError) as caught:
        encode([[1, 2], [1, 2, "x"]], schema=SCHEMA)

    assert [("row 0", "3")] == [(fault.where, fault.expected) for fault in caught.value.faults]


def test_schema_without_fields_takes_any_width() -> None:
    """A model fitted without names tells neither names nor width."""
    assert {"values": [[1, 2]]} == block([[1, 2]], Schema())


def test_schema_without_fields_takes_any_columns() -> None:
    """Whatever the columns are called, they are sent as they stand."""
    assert {"fields": ["b", "a"], "values": [[1, 2]]} == block(pd.DataFrame({"b": [1], "a": [2]}), Schema())


@pytest.mark.parametrize("data", [FRAME.iloc[:0], []])
def test_no_rows_still_have_the_model_s_fields(data: object) -> None:
    """An empty frame is checked as a full one."""
    assert {"fields": ["age", "income", "city"], "values": []} == block(data)


def test_empty_frame_of_other_columns_is_refused() -> None:
    """That there is no row yet does not make the columns right."""
    assert ("column 'age'", "is missing", "int64") in faults(pd.DataFrame(columns=["x"]))


def test_faults_of_values_name_the_model_s_column() -> None:
    """Put in order, a column is still called by its name."""
    shuffled = pd.DataFrame({"city": ["Porto"], "age": [31], "income": [float("inf")]})

    with pytest.raises(PayloadError, match="column 'income', row 0"):
        encode(shuffled, schema=SCHEMA)


KINDS = Schema((Field("age", "int64"), Field("plan", "object"), Field("spend", "Float64"), Field("on", "")))
"""Numbers, text, numbers that may be missing, and what nobody knows."""
FITTING = {"age": 31, "plan": "gold", "spend": None, "on": "2024-01-01"}


def as_frame(rows: list[dict[str, Any]]) -> Any:
    """Rows as a frame; of many, the columns are looked at one by one."""
    return pd.DataFrame(rows)


@pytest.mark.parametrize("times", [1, 40, 1000], ids=["a row", "some rows", "many rows"])
@pytest.mark.parametrize("form", [list, as_frame, lambda rows: [list(row.values()) for row in rows]])
@pytest.mark.parametrize("given", ["31", "", pd.Timestamp("2024-01-01"), "many", UUID(int=31), Answer.MANY])
def test_text_is_refused_where_the_model_takes_numbers(times: int, form: Any, given: object) -> None:
    """An encoder would take it for a category that it never saw, and answer as if nothing were wrong."""
    with pytest.raises(PayloadError) as raised:
        prepare(form([FITTING | {"age": given}] * times), schema=KINDS)

    assert ["column 'age'"] == [fault.where.split(",")[0] for fault in raised.value.faults]
    assert {"goes as text"} == {fault.problem for fault in raised.value.faults}


@pytest.mark.parametrize("times", [1, 40, 1000], ids=["a row", "some rows", "many rows"])
@pytest.mark.parametrize("form", [list, as_frame, lambda rows: [list(row.values()) for row in rows]])
@pytest.mark.parametrize("given", [31, 31.5, True, None, np.int8(3), Decimal("2.5"), float("nan"), Answer.ONE])
def test_numbers_of_any_kind_do_where_the_model_takes_numbers(times: int, form: Any, given: object) -> None:
    """A missing integer makes a float of its column, and a model fitted on integers is still meant."""
    assert times == prepare(form([FITTING | {"age": given}] * times), schema=KINDS).rows


@pytest.mark.parametrize("rows", [1, 300])
def test_frame_of_dates_is_refused_where_the_model_takes_numbers(rows: int) -> None:
    """Dates go as text, the model was fitted on numbers."""
    frame = pd.DataFrame({name: pd.to_datetime(["2024-01-01"] * rows) for name in ("a", "b")})

    with pytest.raises(PayloadError, match="column 'a'"):
        prepare(frame, schema=Schema((Field("a", "int64"), Field("b", "datetime64[ns]"))))


def test_category_of_texts_is_refused_where_the_model_takes_numbers() -> None:
    """A category is what it stands for."""
    frame = pd.DataFrame({"a": pd.Categorical(["x", "y"] * 600)})

    with pytest.raises(PayloadError, match="column 'a'"):
        prepare(frame, schema=Schema((Field("a", "float64"),)))


@pytest.mark.parametrize("rows", [pd.DataFrame({"\ud800": [1]}), {"\ud800": 1}, [{"a": 1, "\udfff": 2}]])
def test_names_that_are_no_text_are_refused(rows: object) -> None:
    """A lone surrogate has no UTF-8 form."""
    with pytest.raises(SchemaError, match="has a lone surrogate"):
        encode(rows)


def test_names_that_print_otherwise_are_sent_as_they_are() -> None:
    """What the model was fitted on is the text, not how Python shows it."""

    class Name(str, Enum):
        AGE = "age"

    assert ["age"] == block(pd.DataFrame([[1]], columns=pd.Index([Name.AGE], dtype=object)), None)["fields"]


def test_a_row_with_a_label_twice_is_refused() -> None:
    """In a list of series, too, where a mapping would lose one of the values."""
    with pytest.raises(SchemaError, match="is there 2 times"):
        encode([pd.Series([1, 2], index=["a", "a"])])
