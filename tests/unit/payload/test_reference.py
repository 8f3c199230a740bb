"""Random frames, answers and batches against a slow reference, at every size that the code treats differently."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.payload.reference import (
    COLUMNS,
    columns_of,
    damaged,
    expected_answer,
    expected_rows,
    matches,
    random_answer,
    random_frame,
    same_json,
)
from wml_deployer import payload
from wml_deployer._scoring.batches import score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer.errors import InvalidResponseError, PayloadError, ServerError
from wml_deployer.payload import decode, encode, prepare, to_frame, to_input_data
from wml_deployer.payload._table import BatchSizer
from wml_deployer.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

FEW, MANY = 300, 20_000
SMALLEST, LARGEST = 1, 100_000
LONG = 5_000
"""Sizes beyond are tried in the long runs alone; here the thresholds are made small instead."""
TINY = 3


def in_parts(count: int) -> list[Any]:
    """Seeds: a few for every run, and so many for the long ones."""
    long = (range(start, start + 1_000) for start in range(FEW, count, 1_000))
    return [range(FEW), *(pytest.param(seeds, marks=pytest.mark.exhaustive, id=f"{seeds}") for seeds in long)]


def modules() -> list[ModuleType]:
    parts = pkgutil.iter_modules(payload.__path__)
    return [payload, *(importlib.import_module(f"{payload.__name__}.{part.name}") for part in parts)]


def thresholds(module: ModuleType) -> dict[str, int]:
    """Every number at which a way to read or write may change: all integer constants of such a size."""
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and type(value) is int and SMALLEST < value < LARGEST
    }


def sizes() -> list[Any]:
    found = {value + step for module in modules() for value in thresholds(module).values() for step in (-1, 0, 1)}
    return [pytest.param(size, marks=[pytest.mark.exhaustive] * (size > LONG)) for size in sorted(found)]


@pytest.fixture(params=["thresholds as they are", "tiny thresholds"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code as it is, and with its thresholds so small that few rows are many."""
    if request.param == "tiny thresholds":
        for module in modules():
            for name in thresholds(module):
                if not name.startswith("_"):
                    monkeypatch.setattr(module, name, TINY)


def sendable_frame(random: Random, kinds: list[str]) -> pd.DataFrame:
    """Make seven rows of such columns, none of which has to be refused."""
    while True:
        frame = pd.DataFrame({str(place): COLUMNS[kind](random, 7) for place, kind in enumerate(kinds)})
        if expected_rows(frame) is not None:
            return frame


def expected_of(small: pd.DataFrame, chosen: Any) -> list[Any] | None:
    """Return the values of these rows of a small frame."""
    if len(chosen) < len(small):  # those left out decide nothing
        return expected_rows(small.iloc[chosen])
    expected = expected_rows(small) or []
    return [expected[row] for row in chosen.tolist()]


def sent(body: bytes) -> list[Any]:
    return list(json.loads(body)["input_data"][0]["values"])


def encoded(data: Any, schema: Schema | None = None) -> list[Any] | None:
    try:
        return sent(encode(data, schema=schema))
    except PayloadError:
        return None


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seeds", in_parts(MANY))
def test_random_frames_are_sent_as_the_reference_has_them(seeds: range) -> None:
    """Each cell of a frame of any kinds of columns arrives with its value, or the frame is refused."""
    wrong = []
    for seed in seeds:
        random = Random(seed)
        frame = random_frame(random, random.choice([0, 1, 1, 2, 3, random.randrange(1, 12)]))
        expected = expected_rows(frame)
        order = random.sample(range(frame.shape[1]), frame.shape[1])
        schema = Schema(tuple(Field(str(frame.columns[place]), "object") for place in order))
        shuffled = expected and [[row[place] for place in order] for row in expected]
        if not (same_json(expected, encoded(frame)) and same_json(shuffled, encoded(frame, schema))):
            wrong.append(seed)

    assert [] == wrong


@pytest.mark.usefixtures("ways")
def test_rows_in_lists_are_sent_as_their_frame() -> None:
    """The same values in lists make the same text."""
    wrong = []
    for seed in range(FEW):
        random = Random(seed)
        frame = random_frame(random, random.randrange(1, 12))
        rows = frame.astype(object).to_numpy().tolist()
        expected = expected_rows(pd.DataFrame(rows, dtype=object))
        if not same_json(expected, encoded(rows)):
            wrong.append(seed)

    assert [] == wrong


@pytest.mark.usefixtures("ways")
def test_chunks_together_are_the_whole() -> None:
    """Each row is in exactly one chunk, with the values it has in the whole."""
    for seed in range(FEW):
        random = Random(seed)
        frame = sendable_frame(random, random.choices(list(COLUMNS), k=random.randrange(1, 4)))
        long = frame.iloc[np.resize(np.arange(len(frame)), random.choice([7, 130]))]
        batch_rows, batch_bytes = random.randrange(1, 200), random.randrange(50, 5_000)

        chunks = list(prepare(long).bodies(BatchSizer(batch_rows, batch_bytes)))

        assert list(range(len(long))) == [row for rows, _ in chunks for row in rows]
        assert same_json(sent(encode(long)), [value for _, body in chunks for value in sent(body)])
        assert all(len(rows) <= batch_rows for rows, _ in chunks)
        assert all(len(body) <= batch_bytes or len(rows) == 1 for rows, body in chunks)


def test_document_is_what_the_bytes_say() -> None:
    """The json module writes the document to the values that the encoder writes."""
    for seed in range(FEW):
        frame = sendable_frame(Random(seed), Random(seed).choices(list(COLUMNS), k=3))

        assert same_json(sent(encode(frame)), sent(json.dumps(to_input_data(frame), allow_nan=False).encode()))


@pytest.mark.parametrize("rows", sizes())
def test_frames_around_a_threshold_are_sent_as_small_ones(rows: int) -> None:
    """However many rows there are, a value is sent as it is in a frame of seven."""
    random = Random(rows)
    chosen = np.resize(np.arange(7), rows)
    wrong = []
    for kind in COLUMNS:
        small = sendable_frame(random, [kind])
        if not same_json(expected_of(small, chosen), encoded(small.iloc[chosen])):
            wrong.append(kind)

    assert [] == wrong


@pytest.mark.parametrize("cells", sizes())
@pytest.mark.parametrize("width", [2, 7])
def test_frames_of_several_columns_around_a_threshold_are_sent_as_small_ones(cells: int, width: int) -> None:
    """However many values there are, beside any others."""
    random = Random(cells)
    small = sendable_frame(random, random.choices(list(COLUMNS), k=width))
    chosen = np.resize(np.arange(7), -(-cells // width))

    assert same_json(expected_of(small, chosen), encoded(small.iloc[chosen]))


@pytest.mark.parametrize("rows", [1, *sizes()])
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_numbers_of_one_dtype_lose_no_row(rows: int, blocks: str, dtype: str) -> None:
    """The first and the last row, and every part, arrive where they belong."""
    numbers = np.arange(rows * 3).reshape(rows, 3).astype(dtype)
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"])
    if blocks == "many blocks":
        frame = pd.concat([frame[[name]] for name in frame], axis=1)
    table = prepare(frame)

    assert table.rows == rows
    assert numbers.tolist() == sent(table.encode())
    assert numbers[rows // 2 :].tolist() == sent(table.encode(rows // 2))


@pytest.mark.parametrize("rows", sizes())
def test_infinity_in_the_last_row_is_found(rows: int) -> None:
    """Every row is looked at, and the right one is named."""
    frame = pd.DataFrame({"a": np.zeros(rows), "b": np.append(np.zeros(rows - 1), math.inf)})

    with pytest.raises(PayloadError, match=f"column 'b', row {rows - 1}:"):
        encode(frame)


def read(body: bytes, **options: Any) -> Any:
    try:
        return columns_of(decode(body, **options))
    except InvalidResponseError:
        return "an error"


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seeds", in_parts(MANY))
def test_random_answers_are_read_as_the_reference_has_them(seeds: range) -> None:
    """Labels keep their kind, and every number its value, however the answer is written."""
    wrong = []
    for seed in seeds:
        answer = random_answer(Random(seed))
        expected = expected_answer(answer.labels, answer.probabilities)
        try:
            frame = decode(answer.body)
        except InvalidResponseError:
            frame = None
        if (expected is None) != (frame is None) or (expected and frame is not None and not matches(expected, frame)):
            wrong.append(seed)

    assert [] == wrong


def finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seeds", in_parts(MANY))
def test_damaged_answers_are_read_as_the_json_module_reads_them(seeds: range) -> None:
    """What is not JSON is an error; what still is JSON is read exactly, and in no other way."""
    wrong = []
    for seed in seeds:
        random = Random(seed)
        body = damaged(random, random_answer(random).body)
        try:
            expected = columns_of(to_frame(json.loads(body, parse_float=finite)))
        except (InvalidResponseError, ValueError):
            expected = "an error"  # type: ignore[assignment]
        if repr(expected) != repr(read(body)):
            wrong.append(seed)

    assert [] == wrong


@pytest.mark.parametrize("rows", [1, *sizes()])
@pytest.mark.parametrize("labels", [[0, 1], ["a", "é"], [0.5, 2.0], None])
def test_answers_around_a_threshold_are_exact(rows: int, labels: list[Any] | None) -> None:
    """However the bytes are cut on the way, each number arrives in its place."""
    random = Random(rows)
    chances = [[random.random(), random.random()] for _ in range(rows)]
    chosen = [random.choice(labels) if labels else random.random() for _ in range(rows)]
    values = [[label, row] if labels else [label] for label, row in zip(chosen, chances, strict=True)]
    fields = ["prediction", "probability"] if labels else ["prediction"]

    frame = decode(json.dumps({"predictions": [{"fields": fields, "values": values}]}, separators=(",", ":")).encode())

    assert chosen == frame["prediction"].tolist()
    assert not labels or chances == frame.iloc[:, 1:].to_numpy().tolist()


INTERVALS: Any = pd.IntervalIndex.from_breaks  # untyped
INDEXES: dict[str, Callable[[int], Any]] = {
    "numbers": lambda rows: pd.RangeIndex(5, 5 + rows),
    "text": lambda rows: pd.Index([f"row {row}" for row in range(rows)], name="who"),
    "repeated": lambda rows: pd.Index([0] * rows),
    "dates": lambda rows: pd.date_range("2024-01-31", periods=rows, freq="D"),
    "zoned dates": lambda rows: pd.date_range("2024-01-31", periods=rows, tz="UTC"),
    "durations": lambda rows: pd.to_timedelta(range(rows), unit="s"),
    "categories": lambda rows: pd.CategoricalIndex(["a", "b", "a", "c"] * rows)[:rows],
    "intervals": lambda rows: INTERVALS(range(rows + 1)),
    "periods": lambda rows: pd.period_range("2024-01", periods=rows, freq="M"),
    "levels": lambda rows: pd.MultiIndex.from_arrays(
        [range(rows), ["x", "y"] * (rows // 2) + ["x"] * (rows % 2)], names=["n", "l"]
    ),
}


@pytest.mark.parametrize("index", INDEXES)
def test_batches_that_fail_are_nulls_in_the_answer(index: str) -> None:
    """Scores of batches, some of them failed, are the scores of one answer with nulls there, on the data's index."""
    wrong = []
    for seed in range(20):
        random = Random(f"{index} {seed}")
        answer = random_answer(random)
        rows, size = len(answer.labels), random.randrange(1, 5)
        failing = {first for first in range(0, rows, size) if random.random() < 1 / 4}
        labels = [None if row // size * size in failing else label for row, label in enumerate(answer.labels)]
        gone = [None] * len((answer.probabilities or [[]])[0])
        chances = answer.probabilities and [
            gone if row // size * size in failing else row_chances
            for row, row_chances in enumerate(answer.probabilities)
        ]
        frame = pd.DataFrame({"row": range(rows)}, index=INDEXES[index](rows))
        expected = expected_answer(labels, chances)
        # Integers that one batch answers beside floats are floats there, and in another batch integers.
        if not expected or {int, float} <= set(map(type, labels)) or set(labels) == {None}:
            continue
        scores = score_rows(frame, answering(answer, failing), Schema(), Batching(rows=size, on_error="null"))
        if (
            not matches(expected, scores)
            or not scores.index.equals(frame.index)
            or scores.index.names != frame.index.names
        ):
            wrong.append(seed)

    assert [] == wrong


def answering(answer: Any, failing: set[int]) -> Any:
    """A service that answers each row of a request, but fails those that begin with some of them."""
    (block,) = json.loads(answer.body)["predictions"]

    def ask(body: bytes) -> bytes:
        rows = [row for (row,) in sent(body)]
        if rows[0] in failing:
            raise ServerError("500")
        return json.dumps({"predictions": [{**block, "values": [block["values"][row] for row in rows]}]}).encode()

    return ask


def test_thresholds_are_found() -> None:
    """What the tests above go around is there."""
    assert {"FEW_BYTES", "FEW_CELLS", "SLICE_ROWS"} <= {name for module in modules() for name in thresholds(module)}
