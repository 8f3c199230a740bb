"""Pasted rows become requests: what is read how, and what is refused."""

from __future__ import annotations

import json
import time
from io import StringIO
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wml_deployer.server.console.rows import example, to_body
from wml_deployer.server.console.scores import Probability, read
from wml_deployer.server.errors import InvalidRequestError

NUMBER, TEXT, TRUTH = ("n", "float64"), ("t", "object"), ("b", "bool")


def block(text: str, *fields: tuple[str, str]) -> Any:
    """The one block that rows become."""
    (only,) = json.loads(to_body(text, fields))["input_data"]
    return only


@pytest.mark.parametrize(
    ("text", "fields", "values"),
    [
        ("n\n1", [NUMBER], [[1]]),
        ("n\n1.50", [NUMBER], [[1.5]]),
        ("n\n-2e3", [NUMBER], [[-2000.0]]),
        ("n,t\n,x", [NUMBER, TEXT], [[None, "x"]]),
        ("n,t\n1, ", [NUMBER, TEXT], [[1, " "]]),
        ("n\nNaN", [NUMBER], [[None]]),
        ("t\n007", [TEXT], [["007"]]),
        ("t\ntrue", [TEXT], [["true"]]),
        ("b\nTrue", [TRUTH], [[True]]),
        ("c\n007", [], [["007"]]),
        ("c\n7", [], [[7]]),
        ("c\ntrue", [], [[True]]),
        ('t,n\n"a,b",1', [TEXT, NUMBER], [["a,b", 1]]),
        ("t;n\na,b;1", [TEXT, NUMBER], [["a,b", 1]]),
        ("t\tn\r\na\t1\r\n", [TEXT, NUMBER], [["a", 1]]),
        ("\ufeffn\n1", [NUMBER], [[1]]),
        ("n\n\n1\n\n2\n", [NUMBER], [[1], [2]]),
    ],
)
def test_cells_are_read_by_the_columns_type(text: str, fields: list[tuple[str, str]], values: list[Any]) -> None:
    """Numbers as numbers, codes as text, empty as null; where no type is told, by how they look."""
    assert values == block(text, *fields)["values"]


@pytest.mark.parametrize("cell", ["9" * 20, "-9223372036854775809", "1e999", "9" * 999])
def test_a_number_of_more_than_64_bits_is_refused(cell: str) -> None:
    """With its line; as a double it would be another number, and as an infinity none."""
    with pytest.raises(InvalidRequestError, match="Line 3 has a number that does not fit"):
        to_body(f"n\n1\n{cell}", [NUMBER])


@pytest.mark.parametrize("cell", ["9" * 20_000, "9" * 20_000 + "x", "1." * 10_000, "1e" * 10_000])
def test_a_long_cell_is_read_at_once(cell: str) -> None:
    """As text; reading it as a number would take the time of the square of its length."""
    started = time.process_time()

    assert [[cell]] == block(f"t\n{cell}", TEXT)["values"]
    assert [[cell]] == block(f"n\n{cell}", NUMBER)["values"]
    assert time.process_time() - started < 1


def test_rows_without_a_header_are_the_models_columns() -> None:
    """A first line with numbers in it is a row."""
    assert {"values": [[1, "a"], [2, "b"]]} == block("1,a\n2,b", NUMBER, TEXT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        (" \n", "no rows"),
        ("n", "no row below"),
        (",n\n0,1", "Column 1 has no name"),
        ("a,b\n1,2\n3\n4\n5,6\n7", "Lines 3, 4, 6 are not of the same length as the first line, which has 2 cells"),
        ('a\n"open', "not valid CSV"),
        ("{", "starts like JSON"),
        ("[]", "list is empty"),
        ("[1]", "objects only, or lists only"),
        ('[{"a": 1}, {"b": 1}, {"a": 1}, {}]', "Rows 2, 4 are different from the first one, which has a"),
    ],
)
def test_all_faults_are_reported_together(text: str, message: str) -> None:
    """With the lines that have them."""
    with pytest.raises(InvalidRequestError, match=message):
        to_body(text, [])


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53), st.text(min_size=1)),
        min_size=1,
    )
)
def test_what_pandas_writes_arrives(rows: list[tuple[float, int, str]]) -> None:
    """Values come out of CSV as they went in."""
    printable = [(a, b, "".join(c for c in text if c.isprintable()) or "x") for a, b, text in rows]
    frame = pd.DataFrame(printable, columns=["a", "b", "c"])
    written = StringIO()
    frame.to_csv(written, index=False)

    values = block(written.getvalue(), ("a", "float64"), ("b", "int64"), ("c", "object"))["values"]

    assert printable == [tuple(row) for row in values]


def test_the_example_can_be_scored() -> None:
    """A column's name may need quotes."""
    fields = [("a, b", "float64"), ("c", "object"), ("d", "bool")]

    assert {"fields": ["a, b", "c", "d"], "values": [[0, "text", False]]} == block(example(fields), *fields)


@pytest.mark.parametrize(
    ("answer", "fields", "first"),
    [
        ({"predictions": [{"fields": ["p"], "values": [[1.5]]}]}, ["p"], ["1.5"]),
        ({"predictions": [{"values": [["a", [0.25, 0.75]]]}]}, ["value 1", "value 2"], ["a", [0.25, 0.75]]),
        ({"predictions": [{"values": [[[2.0, 3.0]]]}]}, ["value 1"], ["[2.0,3.0]"]),
        ({"predictions": [{"values": [None]}]}, ["value 1"], ["null"]),
    ],
)
def test_answers_become_a_table(answer: Any, fields: list[str], first: list[Any]) -> None:
    """Of text, and of probabilities where a cell has some."""
    scores = read(json.dumps(answer).encode(), 0.1, ())
    plain = [cell if isinstance(cell, str) else [share.value for share in cell] for cell in scores.rows[0]]

    assert (fields, first) == (scores.fields, plain)


def test_probabilities_have_the_models_labels() -> None:
    """Where it tells as many as there are."""
    answer = json.dumps({"predictions": [{"values": [[[0.25, 0.75]]]}]}).encode()

    assert [Probability("no", 0.25), Probability("yes", 0.75)] == read(answer, 0, ["no", "yes"]).rows[0][0]
    assert ["0", "1"] == [
        share.label for share in read(answer, 0, ["other"]).rows[0][0] if isinstance(share, Probability)
    ]


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"predictions": 1}', b'{"predictions": [{}]}'])
def test_an_answer_of_another_shape_is_shown_as_it_is(answer: bytes) -> None:
    """A function may answer what it likes."""
    scores = read(answer, 0, ())

    assert ([], json.loads(answer)) == (scores.rows, json.loads(scores.raw))
