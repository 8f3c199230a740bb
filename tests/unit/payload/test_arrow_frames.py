"""Frames of polars, pyarrow, DuckDB and of whatever streams Arrow data, against the slow reference and pandas."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from wml_deployer.errors import (
    ClientNotInstalledError,
    ConfigurationError,
    InvalidResponseError,
    PayloadError,
    SchemaError,
)
from wml_deployer.payload import _columns, _table, decode, encode, other_frame, prepare, to_frame, to_input_data
from wml_deployer.payload._table import BatchSizer
from wml_deployer.schema import Field, Schema

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

from tests.unit.payload.arrow_frames import ARROW_COLUMNS, COLUMNS, chunked  # noqa: E402 - they need pyarrow
from tests.unit.payload.reference import expected_column, same_json  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(100)
ANSWER = {
    "predictions": [{"fields": ["prediction", "probability"], "values": [["a", [0.25, None]], [None, [0.5, 0.5]]]}]
}


def sent(data: Any, schema: Schema | None = None) -> list[Any]:
    return list(json.loads(encode(data, schema=schema))["input_data"][0]["values"])


def random_table(random: Random, kinds: dict[str, Any], rows: int) -> tuple[Any, list[Any]]:
    """Make a table of random columns, and what is to be sent of each."""
    columns = [kinds[kind](random, rows) for kind in random.choices(list(kinds), k=random.randrange(1, 6))]
    names = random.sample(["a", "b", "ção", "0", "x y", "日本"], len(columns))
    table = pa.table([chunked(random, column.arrow) for column in columns], names=names)
    return table, [expected_column(pd.Series(column.cells, dtype=object)) for column in columns]


@pytest.mark.parametrize("library", ["pyarrow", "record batch", "stream", "polars", "lazy polars"])
def test_random_frames_are_sent_as_the_reference_has_them(library: str) -> None:
    """Each cell of a column of any type arrives with its value, and columns come in the model's order."""
    wrong = []
    for seed in SEEDS:
        random = Random(seed)
        kinds = COLUMNS if "polars" in library else ARROW_COLUMNS
        table, expected = random_table(random, kinds, random.choice([0, 1, 2, 3, random.randrange(1, 12)]))
        order = random.sample(range(len(expected)), len(expected))
        schema = Schema(tuple(Field(table.column_names[place], "object") for place in order))
        rows = list(zip(*expected, strict=True))
        shuffled = [tuple(row[place] for place in order) for row in rows]
        if not (
            same_json(list(map(list, rows)), sent(LIBRARIES[library](table)))
            and same_json(list(map(list, shuffled)), sent(LIBRARIES[library](table), schema))
        ):
            wrong.append(seed)

    assert [] == wrong


class Stream:
    """What another library hands out: it can be read once."""

    def __init__(self, table: Any) -> None:
        self._reader = table.to_reader()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        reader, self._reader = self._reader, None
        return reader.__arrow_c_stream__(requested_schema)


LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "pyarrow": lambda table: table,
    "record batch": lambda table: table.combine_chunks().to_batches()[0] if len(table) else table,
    "stream": Stream,
    "polars": pl.from_arrow,
    "lazy polars": lambda table: pl.from_arrow(table).lazy(),
}


@pytest.mark.parametrize("kind", ARROW_COLUMNS)
@pytest.mark.parametrize("rows", [3, 4, 40])
def test_long_columns_are_sent_as_short_ones(monkeypatch: pytest.MonkeyPatch, kind: str, rows: int) -> None:
    """However many rows, slices and chunks there are, a value is sent as it is among seven."""
    monkeypatch.setattr(_columns, "SLICE_ROWS", 3)
    monkeypatch.setattr(_table, "PIECE_CELLS", 5)
    column = ARROW_COLUMNS[kind](Random(kind), 7)
    chosen = np.resize(np.arange(7), rows)
    parts = [column.arrow.take(pa.array(part)) for part in np.array_split(chosen, 3)]
    frames = [pa.table([pa.chunked_array(parts, column.arrow.type)], names=["x"])]
    if kind in COLUMNS:
        frames.append(pl.from_arrow(frames[0]))
    expected = expected_column(pd.Series(column.cells[: min(rows, 7)], dtype=object)) or []

    for frame in frames:
        assert same_json([[expected[row % 7]] for row in range(rows)], sent(frame))


def test_categories_of_polars_are_sent_as_their_labels() -> None:
    """Both of its types for them."""
    labels = ["Recife", None, "Olinda"]
    frame = pl.DataFrame({"open": pl.Series(labels, dtype=pl.Categorical)}).with_columns(
        fixed=pl.Series(labels, dtype=pl.Enum(["Recife", "Olinda", "Natal"]))
    )

    assert [[label, label] for label in labels] == sent(frame)


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="this polars has none")
def test_wide_integers_of_polars_are_sent_within_64_bits() -> None:
    """128 bits are a type, not a value."""
    assert [[2**63], [None]] == sent(pl.DataFrame({"x": pl.Series([2**63, None], dtype=pl.Int128)}))
    with pytest.raises(PayloadError, match=r"column 'x', row 1: is an integer beyond 64 bits"):
        encode(pl.DataFrame({"x": pl.Series([1, 2**64], dtype=pl.Int128)}))


def test_time_of_day_keeps_its_nanoseconds() -> None:
    """Python's own times have none."""
    frame = pa.table({"x": pa.array([1, 3_723_000_005_000, None], pa.int64()).cast(pa.time64("ns"))})

    assert [["00:00:00.000000001"], ["01:02:03.000005"], [None]] == sent(frame)
    assert [["00:00:00.000000001"], ["01:02:03.000005"], [None]] == sent(pl.from_arrow(frame))


REFUSED: dict[str, tuple[Any, str]] = {
    "list": (lambda: pl.DataFrame({"x": [None, [1]]}), r"is of type List"),
    "struct": (lambda: pl.DataFrame({"x": [None, {"a": 1}]}), r"is of type Struct"),
    "map": (lambda: pa.table({"x": pa.array([None, [("a", 1)]], pa.map_(pa.string(), pa.int64()))}), r"is of type"),
    "interval": (
        lambda: pa.table({"x": pa.array([None, (1, 2, 3)], pa.month_day_nano_interval())}),
        r"is of type MonthDayNano",
    ),
    "bytes of polars": (lambda: pl.DataFrame({"x": [None, b"a"]}), r"is of type bytes"),
    "bytes of pyarrow": (lambda: pa.table({"x": [None, b"a"]}), r"is of type bytes"),
    "infinity": (lambda: pl.DataFrame({"x": [None, float("inf")]}), r"is infinite"),
    "a late date": (
        lambda: pl.DataFrame({"x": pl.Series([None, 10**8], dtype=pl.Int32).cast(pl.Date)}),
        r"outside the",
    ),
    "a late moment": (lambda: pa.table({"x": pa.array([None, 10**12], pa.timestamp("s"))}), r"outside the years"),
    "an unknown zone": (lambda: pa.table({"x": pa.array([None, 1], pa.timestamp("s", "Mars/Base"))}), r"'Mars/Base'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_value_without_json_form_is_refused_by_row(what: str) -> None:
    """Gaps are nulls in a column of any type; the first value that is none is named."""
    make, reason = REFUSED[what]

    with pytest.raises(PayloadError, match=rf"1 value cannot .*\n.*column 'x', row 1: .*{reason}"):
        encode(make())


def test_numbers_are_refused_where_they_go_as_text() -> None:
    """A model that was fitted on numbers gets no text; integers with gaps are numbers."""
    schema = Schema((Field("x", "float64"),))

    assert [[1], [None]] == sent(pl.DataFrame({"x": [1, None]}), schema)
    for cells in (["1"], [date(2024, 1, 31)], [time(1)], [datetime(2024, 1, 31, tzinfo=timezone.utc)]):
        with pytest.raises(PayloadError, match="goes as text"):
            encode(pl.DataFrame({"x": cells}), schema=schema)


def test_columns_are_compared_with_those_of_the_model() -> None:
    """As those of any frame."""
    with pytest.raises(SchemaError, match=r"column 'age': is missing.*'Age'(.|\n)*column 'Age': is unknown"):
        encode(pl.DataFrame({"Age": [1]}), schema=Schema((Field("age", "int64"), Field("b", "int64"))))


def test_columns_of_one_name_are_refused() -> None:
    """An Arrow table may have them."""
    with pytest.raises(SchemaError, match="column 'a': is there 2 times"):
        encode(pa.table([[1], [2]], names=["a", "a"]))


@pytest.mark.parametrize("make", [lambda: pl.Series("x", [1]), lambda: pa.chunked_array([[1]])])
def test_single_column_is_no_frame(make: Callable[[], Any]) -> None:
    """It has no names to compare."""
    with pytest.raises(PayloadError, match=r"holds no rows|cannot be read as a table"):
        encode(make())


def test_query_that_fails_is_reported() -> None:
    """A lazy frame is computed when it is scored, and says what is wrong with it only then."""
    with pytest.raises(PayloadError, match=r"A LazyFrame cannot be read as a table: .*b"):
        encode(pl.LazyFrame({"a": [1]}).select("b"))


def test_no_rows_have_their_columns() -> None:
    """Nothing is refused, and nothing is lost."""
    assert {"input_data": [{"fields": ["a", "b"], "values": []}]} == to_input_data(
        pl.DataFrame(schema={"a": pl.Int64, "b": pl.List(pl.Int64)})
    )


def test_rows_without_a_column_are_refused() -> None:
    """As those of pandas."""
    assert prepare(pl.DataFrame()).rows == 0
    with pytest.raises(PayloadError, match="3 rows without a column"):
        encode(pa.table({"a": [1, 2, 3]}).select([]))


def test_parts_of_a_frame_are_the_whole() -> None:
    """Rows are in order, whatever the chunks of the frame and the sizes of the bodies."""
    random = Random(0)
    table, _ = random_table(random, COLUMNS, 500)
    frame = pl.concat([pl.from_arrow(table)] * 3, rechunk=False)

    bodies = list(prepare(frame).bodies(BatchSizer(97, 3_000)))

    assert list(range(1_500)) == [row for rows, _ in bodies for row in rows]
    assert same_json(sent(frame), [row for _, body in bodies for row in json.loads(body)["input_data"][0]["values"]])


@pytest.mark.slow
def test_many_rows_of_every_type_equal_the_way_over_pandas() -> None:
    """A hundred thousand rows of both libraries are the bytes of the same frame of pandas."""
    random = Random(1)
    small = {kind: COLUMNS[kind](random, 50) for kind in COLUMNS}
    by_pandas = encode(pd.DataFrame({kind: pd.Series(column.cells, dtype=object) for kind, column in small.items()}))
    head, rows = by_pandas.split(b'"values":[')
    expected = b'%b"values":[%b]}]}' % (head, b",".join([rows.removesuffix(b"]}]}")] * 2_000))
    table = pa.table({kind: column.arrow.take(pa.array(list(range(50)) * 2_000)) for kind, column in small.items()})

    assert expected == encode(table)
    assert expected == encode(pl.from_arrow(table))


@pytest.mark.parametrize("read", [to_frame, lambda answer, **options: decode(json.dumps(answer).encode(), **options)])
def test_answer_is_a_frame_of_polars(read: Callable[..., Any]) -> None:
    """The columns are those of pandas; nulls are null, not NaN."""
    scores = read(ANSWER, classes=["a", "b"], backend="polars")

    assert scores.schema == {"prediction": pl.String, "probability_a": pl.Float64, "probability_b": pl.Float64}
    assert scores.rows() == [("a", 0.25, None), (None, 0.5, 0.5)]


def test_answer_is_a_table_of_pyarrow() -> None:
    """The same there."""
    scores = to_frame(ANSWER, classes=["a", "b"], backend="pyarrow")

    assert scores.schema.types == [pa.string(), pa.float64(), pa.float64()]
    assert scores.to_pylist()[0] == {"prediction": "a", "probability_a": 0.25, "probability_b": None}


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
@pytest.mark.parametrize(
    "cells",
    [[2**60 + 1, None], [2**63, 5], [True, None], ["", None], [0.5, None], [None, None], [[1], None], [{"a": 1}]],
)
def test_answer_has_the_values_that_pandas_has(backend: Any, cells: list[Any]) -> None:
    """To the bit, whatever a column holds."""
    scores = to_frame({"predictions": [{"fields": ["x"], "values": [[cell] for cell in cells]}]}, backend=backend)

    assert cells == (scores["x"].to_list() if backend == "polars" else scores["x"].to_pylist())


def test_answer_that_a_library_cannot_hold_is_refused() -> None:
    """Rather than changed: pyarrow has no integers beyond 64 bits, and no type for integers beside fractions."""
    for cells in ([2**70], [2**60 + 1, 0.5]):
        with pytest.raises(InvalidResponseError, match="cannot hold the values of the column 'x'"):
            to_frame({"predictions": [{"fields": ["x"], "values": [[cell] for cell in cells]}]}, backend="pyarrow")
    with pytest.raises(InvalidResponseError, match="cannot hold the column 'x' twice"):
        to_frame({"predictions": [{"fields": ["x", "x"], "values": [[1, 2]]}]}, backend="polars")


def test_unknown_library_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ConfigurationError, match="'modin'") as caught:
        to_frame(ANSWER, backend="modin")  # type: ignore[call-overload]
    assert caught.value.next_step == "Give 'pandas', 'polars' or 'pyarrow'."


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads a stream, and what holds scores."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ClientNotInstalledError, match="Reading a Stream needs pyarrow"):
        encode(Stream(pa.table({"a": [1]})))
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ClientNotInstalledError, match="A frame of polars needs polars"):
        to_frame(ANSWER, backend="polars")


def test_polars_needs_no_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of pyarrow is asked for in either direction."""
    frame = pl.DataFrame(
        {
            "text": ["a", None],
            "count": [1, None],
            "day": [date(2024, 1, 31), None],
            "at": [datetime(2024, 1, 31, tzinfo=timezone.utc), None],
            "price": [Decimal("1.5"), None],
        }
    )
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert [["a", 1, "2024-01-31", "2024-01-31T00:00:00+00:00", 1.5], [None] * 5] == sent(frame)
    assert to_frame(ANSWER, backend="polars").shape == (2, 3)
    rows = other_frame(frame)
    assert rows is not None
    assert rows.to_pandas().shape == (2, 5)
