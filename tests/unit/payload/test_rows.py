"""Everything that can hold rows, and everything that cannot."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wml_deployer.errors import PayloadError
from wml_deployer.payload import encode, prepare, to_input_data
from wml_deployer.payload._table import BatchSizer

Person = namedtuple("Person", ["age", "name"])  # noqa: PYI024 - untyped, as databases hand them out


MASKED: Any = np.ma  # numpy types its masked arrays from version 2 on


class Lazy(Mapping[str, object]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> object:
        return {"age": 31, "name": "Ana"}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["age", "name"])

    def __len__(self) -> int:
        return 2


def block(data: object) -> dict[str, Any]:
    (only,) = to_input_data(data)["input_data"]
    return dict(only)


FRAME = pd.DataFrame({"age": [31, 52], "name": ["Ana", None]}, index=["a", "b"])
NAMED = {"fields": ["age", "name"], "values": [[31, "Ana"]]}

ROWS: dict[str, tuple[object, dict[str, Any]]] = {
    "a frame": (FRAME, {"fields": ["age", "name"], "values": [[31, "Ana"], [52, None]]}),
    "a row of a frame": (FRAME.iloc[0], NAMED),
    "a mapping": ({"age": 31, "name": "Ana"}, NAMED),
    "a mapping that is no dict": (Lazy(), NAMED),
    "a list of mappings": ([{"age": 31, "name": "Ana"}], NAMED),
    "mappings in another order": (
        [{"age": 31, "name": "Ana"}, {"name": "Rui", "age": 52}],
        {"fields": ["age", "name"], "values": [[31, "Ana"], [52, "Rui"]]},
    ),
    "a list of series": (
        [FRAME.iloc[0], FRAME.iloc[1]],
        {"fields": ["age", "name"], "values": [[31, "Ana"], [52, None]]},
    ),
    "a flat list": ([31, "Ana"], {"values": [[31, "Ana"]]}),
    "a flat tuple": ((31, "Ana"), {"values": [[31, "Ana"]]}),
    "a list of lists": ([[1, 2.5], [3, float("nan")]], {"values": [[1, 2.5], [3, None]]}),
    "a list of tuples": ([(1, 2.5)], {"values": [[1, 2.5]]}),
    "a list of named tuples": ([Person(31, "Ana")], {"values": [[31, "Ana"]]}),
    "a list of arrays": ([np.array([1, 2])], {"values": [[1, 2]]}),
    "rows of vectors": ([[[1, 2], [3, 4]]], {"values": [[[1, 2], [3, 4]]]}),
    "an array": (np.array([[1.5, np.nan]]), {"values": [[1.5, None]]}),
    "a flat array": (np.array([1, 2]), {"values": [[1, 2]]}),
    "an array of float32": (np.array([[0.1]], "float32"), {"values": [[0.10000000149011612]]}),
    "an array in the other byte order": (np.array([[1, 2]], ">i4"), {"values": [[1, 2]]}),
    "an array in Fortran's order": (np.asfortranarray([[1, 2], [3, 4]]), {"values": [[1, 2], [3, 4]]}),
    "an array of images": (np.array([[[0.5, 1.0]]]), {"values": [[[0.5, 1.0]]]}),
    "an array of booleans": (np.array([[True, False]]), {"values": [[True, False]]}),
    "an array of objects": (np.array([[1, "a", None]], dtype=object), {"values": [[1, "a", None]]}),
    "an array of text": (np.array([["a", "b"]]), {"values": [["a", "b"]]}),
    "an array of dates": (np.array([["2024-01-31"]], "M8[D]"), {"values": [["2024-01-31T00:00:00"]]}),
    "a masked array": (MASKED.masked_equal([[1, 2]], 2), {"values": [[1, None]]}),
    "a structured array": (
        np.array([(31, "Ana")], dtype=[("age", "i4"), ("name", "U3")]),
        {"fields": ["age", "name"], "values": [[31, "Ana"]]},
    ),
    "a masked structured array": (
        MASKED.array([(31, "Ana"), (52, "Rui")], mask=[(0, 1), (1, 0)], dtype=[("age", "i4"), ("name", "U3")]),
        {"fields": ["age", "name"], "values": [[31, None], [None, "Rui"]]},
    ),
    "a list of masked arrays": ([MASKED.masked_equal([1, 2], 2)], {"values": [[1, None]]}),
    "a frame with numbered columns": (pd.DataFrame([[1, 2]]), {"fields": ["0", "1"], "values": [[1, 2]]}),
    "an empty frame": (FRAME.iloc[:0], {"fields": ["age", "name"], "values": []}),
    "a frame of nothing": (pd.DataFrame(), {"fields": [], "values": []}),
    "an empty list": ([], {"values": []}),
    "an empty array": (np.empty((0, 3)), {"values": []}),
}

NO_ROWS: dict[str, object] = {
    "text": "31,Ana",
    "bytes": b"31,Ana",
    "a number": 31,
    "nothing": None,
    "a generator": (row for row in [[1]]),
    "a set": {1, 2},
    "an array without a dimension": np.array(31),
    "a structured array with arrays in it": np.zeros(1, dtype=[("a", "i4", (2, 2))]),
    "rows and values mixed": [1, [2]],
    "mappings and rows mixed": [{"age": 31}, [31]],
    "ragged rows": [[1, 2], [3]],
    "rows of nothing": [[], []],
    "a row of nothing": {},
    "an array of no columns": np.empty((3, 0)),
    "a frame of no columns": pd.DataFrame(index=[0, 1]),
    "a mapping of columns": {"age": [31, 52]},
    "mappings with other fields": [{"age": 31}, {"Age": 31}],
    "a document without blocks": {"input_data": 31},
    "a document without values": {"input_data": [{"fields": ["age"]}]},
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_sent_as(name: str) -> None:
    """Whatever holds rows makes one block of names, where there are any, and values."""
    data, expected = ROWS[name]

    assert repr(expected) == repr(block(data))


@pytest.mark.parametrize("name", NO_ROWS)
def test_what_holds_no_rows_is_refused(name: str) -> None:
    """The error is typed, and says what to hand in instead."""
    with pytest.raises(PayloadError) as caught:
        encode(NO_ROWS[name])

    assert caught.value.next_step


def test_ragged_rows_are_named() -> None:
    """Each row of another width is listed with its width and the right one."""
    with pytest.raises(PayloadError) as caught:
        encode([[1, 2], [3], [4, 5], [6, 7, 8]])

    assert [("row 1", "has 1 value", "2"), ("row 3", "has 3 values", "2")] == [
        (fault.where, fault.problem, fault.expected) for fault in caught.value.faults
    ]


def test_index_of_a_frame_is_kept_for_the_answer() -> None:
    """The labels of the rows wait beside them."""
    assert FRAME.index.equals(prepare(FRAME).index)


def test_index_of_a_series_is_its_name() -> None:
    """A row taken out of a frame keeps its label."""
    assert pd.Index(["b"]).equals(prepare(FRAME.iloc[1]).index)


@pytest.mark.parametrize("data", [np.zeros((3, 2)), [[1], [2], [3]], [{"a": 1}] * 3])
def test_rows_without_labels_are_numbered(data: object) -> None:
    """Arrays and lists answer on 0, 1, 2."""
    assert [0, 1, 2] == list(prepare(data).index)  # type: ignore[arg-type]


def test_finished_document_is_sent_as_it_is() -> None:
    """Other keys of the document and its blocks survive; only NaN becomes null."""
    document = {
        "input_data": [{"id": "x", "fields": ["a"], "values": [[float("nan")], (2,)]}, {"values": ["text", {"k": 1}]}],
        "scoring_parameters": {"lang": "pt"},
    }

    assert {
        "input_data": [{"id": "x", "fields": ["a"], "values": [[None], [2]]}, {"values": ["text", {"k": 1}]}],
        "scoring_parameters": {"lang": "pt"},
    } == json.loads(encode(document))


def test_finished_document_is_not_changed() -> None:
    """The caller's document keeps its own values."""
    values = [[float("nan")]]
    document = {"input_data": [{"values": values}]}

    encode(document)

    assert document["input_data"][0]["values"] is values
    assert str([[float("nan")]]) == str(values)


def test_frame_in_a_document_brings_its_names() -> None:
    """IBM's client takes a frame for the values; here its integers stay integers, too."""
    frame = pd.DataFrame({"a": [2**53 + 1], "b": [0.5]})

    assert [{"fields": ["a", "b"], "values": [[2**53 + 1, 0.5]]}] == to_input_data({"input_data": [{"values": frame}]})[
        "input_data"
    ]


def test_array_in_a_document_is_written_out() -> None:
    """IBM's samples hand arrays over as values."""
    document = {"input_data": [{"values": np.array([[1.5, np.nan]])}]}

    assert {"input_data": [{"values": [[1.5, None]]}]} == to_input_data(document)


def test_faults_of_a_document_are_named_by_their_path() -> None:
    """In a document of any shape the path says where the value is."""
    with pytest.raises(PayloadError) as caught:
        encode({"input_data": [{"values": [[1.0, float("inf")], [b"x", 2]]}]})

    assert ["input_data[0].values[0][1]", "input_data[0].values[1][0]"] == [
        fault.where for fault in caught.value.faults
    ]


def test_document_cannot_be_split() -> None:
    """Only its author knows what its blocks mean."""
    document = prepare({"input_data": [{"values": [[1], [2]]}]})

    with pytest.raises(PayloadError, match="cannot be split"):
        document.encode(0, 1)


def test_document_is_one_chunk() -> None:
    """However small the batches are, a document stays whole."""
    document = {"input_data": [{"values": [[1], [2]]}]}

    assert [(range(2), encode(document))] == list(prepare(document).bodies(BatchSizer(rows=1, body_bytes=1)))


def chunked(data: object, batch_rows: int, batch_bytes: int) -> list[tuple[range, list[Any]]]:
    return [
        (rows, json.loads(body)["input_data"][0]["values"])
        for rows, body in prepare(data).bodies(BatchSizer(batch_rows, batch_bytes))
    ]


@pytest.mark.parametrize("batch_rows", [1, 7, 64, 65, 999, 1_000, 5_000])
def test_chunks_hold_every_row_once_in_order(batch_rows: int) -> None:
    """Put together again, the chunks are the rows, none of them larger than asked for."""
    frame = pd.DataFrame({"a": range(1_000), "b": np.linspace(0, 1, 1_000)})

    chunks = chunked(frame, batch_rows, 10**9)

    assert list(range(1_000)) == [row for rows, _ in chunks for row in rows]
    assert frame.to_numpy(dtype=object).tolist() == [value for _, values in chunks for value in values]
    assert max(len(rows) for rows, _ in chunks) <= batch_rows


def test_a_small_rest_tells_nothing_of_the_next_rows() -> None:
    """The names of the fields are most of its body."""
    fitting, table = BatchSizer(rows=10, body_bytes=110), prepare(pd.DataFrame({"x": np.zeros(10)}))

    assert [10, 9, 1, 9, 1] == [len(rows) for _ in range(3) for rows, _ in table.bodies(fitting)]


@pytest.mark.parametrize("batch_bytes", [200, 1_000, 50_000])
def test_chunks_keep_below_their_bytes(batch_bytes: int) -> None:
    """Rows of very different sizes never make a body that is too large, and none is lost."""
    frame = pd.DataFrame({"text": ["x" * (position % 100) for position in range(1_000)]})

    bodies = list(prepare(frame).bodies(BatchSizer(10**6, batch_bytes)))

    assert max(len(body) for _, body in bodies) <= batch_bytes
    assert list(range(1_000)) == [row for rows, _ in bodies for row in rows]


def test_row_larger_than_a_batch_is_a_chunk_of_its_own() -> None:
    """There is no way to send it in parts."""
    assert [range(1), range(1, 2)] == [rows for rows, _ in chunked([["x" * 500], ["y" * 500]], 10, 100)]


def test_fault_in_the_last_row_stops_the_first_chunk() -> None:
    """Nothing is sent of data with a fault in them."""
    with pytest.raises(PayloadError, match="row 9999"):
        prepare(np.append(np.zeros(9_999), np.inf).reshape(-1, 1))


def test_moments_of_all_chunks_have_one_precision() -> None:
    """A column's format does not change between one request and the next."""
    moments = pd.date_range("2024-01-31", periods=3_000, freq="s").to_series(index=range(3_000))
    moments.iloc[-1] += pd.Timedelta(microseconds=1)

    chunks = chunked(moments.to_frame("x"), 1_000, 10**9)

    assert {len("2024-01-31T00:00:00.000000")} == {len(text) for _, values in chunks for (text,) in values}
