"""Frames of every dtype against a slow encoder that is right at a glance; answers against the plain parser."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wml_deployer.errors import InvalidResponseError
from wml_deployer.payload import decode, encode, encode_chunks, to_frame, to_input_data
from wml_deployer.schema import Field, Schema

pytestmark = pytest.mark.usefixtures("fast_reading_of_short_answers")

FEW = settings(deadline=None, max_examples=60)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
FLOATS = st.floats(allow_infinity=False)
MOMENTS = st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2200-01-01"))
WHOLE_SECONDS = MOMENTS.map(lambda moment: moment.replace(microsecond=0))
DURATIONS = st.timedeltas(timedelta(days=-1000), timedelta(days=1000))
DECIMALS = st.decimals(places=3, min_value=-(10**9), max_value=10**9)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), FLOATS, TEXT, DECIMALS, MOMENTS)


def integers(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


def gaps(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), cells)


# dtype -> what its cells are made of; what follows a colon tells apart two columns of one dtype
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int8": integers(8),
    "int64": integers(64),
    "uint8": integers(8, signed=False),
    "uint64": integers(64, signed=False),
    "float64": FLOATS,
    "float64:whole": st.integers(-100, 100).map(float),
    "float32": st.floats(width=32, allow_infinity=False),
    "float16": st.floats(width=16, allow_infinity=False),
    "Int64": gaps(integers(64)),
    "Int8": gaps(integers(8)),
    "UInt8": gaps(integers(8, signed=False)),
    "boolean": gaps(st.booleans()),
    "Float64": gaps(st.floats(allow_infinity=False, allow_nan=False)),
    "string": gaps(TEXT),
    "object": SCALARS,
    "object:text": gaps(TEXT),
    "object:dates": gaps(st.dates()),
    "object:vectors": gaps(st.lists(FLOATS, max_size=3)),
    "category": gaps(TEXT),
    "category:integers": gaps(integers(64)),
    "category:floats": FLOATS,
    "category:dates": gaps(WHOLE_SECONDS),
    "datetime64[ns]": gaps(MOMENTS),
    "datetime64[ns]:seconds": gaps(WHOLE_SECONDS),
    "UTC": gaps(MOMENTS),
    "America/Sao_Paulo": gaps(WHOLE_SECONDS),
    "timedelta64[ns]": gaps(DURATIONS),
}
ZONES = {"UTC", "America/Sao_Paulo"}


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Any:
    kind = draw(st.sampled_from(sorted(CELLS)))
    cells = draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
    dtype: Any = kind.split(":", maxsplit=1)[0]
    if dtype in ZONES:
        return pd.Series(pd.to_datetime(pd.Series(cells, dtype=object), utc=True)).dt.tz_convert(dtype)
    return pd.Series(pd.Categorical(cells) if dtype == "category" else cells, dtype=dtype)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(1, 5))
    names = draw(st.lists(TEXT, min_size=1, max_size=6, unique=True))
    frame: pd.DataFrame = pd.concat([draw(columns(rows)) for _ in names], axis="columns")
    frame.columns = pd.Index(names)
    return frame


def known_values(frame: pd.DataFrame) -> list[list[Any]]:
    """Cell by cell, as pandas hands single values out."""
    cells = [[frame.iloc[:, place].iloc[row] for row in range(len(frame))] for place in range(frame.shape[1])]
    return [list(row) for row in zip(*map(known_column, cells), strict=True)]


def known_column(cells: list[Any]) -> list[Any]:
    fractions = [known_nanoseconds(cell) for cell in cells if isinstance(cell, datetime) and not pd.isna(cell)]
    digits = 9 if any(part % 1_000 for part in fractions) else 6 if any(fractions) else 0
    return [known_value(cell, digits) for cell in cells]


def known_nanoseconds(moment: datetime) -> int:
    return moment.microsecond * 1_000 + getattr(moment, "nanosecond", 0)


def known_value(cell: Any, digits: int) -> Any:
    if isinstance(cell, list):
        return [known_value(item, digits) for item in cell]
    if pd.isna(cell):
        return None
    if isinstance(cell, date):
        return known_date(cell, digits)
    if isinstance(cell, pd.Timedelta):
        return cell.isoformat()
    if isinstance(cell, (float, np.floating, Decimal)):
        return float(cell)
    return cell.item() if isinstance(cell, np.generic) else cell


def known_date(cell: Any, digits: int) -> str:
    day = f"{cell.year:04}-{cell.month:02}-{cell.day:02}"
    if not isinstance(cell, datetime):
        return day
    zone = cell.strftime("%z")
    fraction = f".{known_nanoseconds(cell):09}"[: digits + 1] if digits else ""
    return day + cell.strftime("T%H:%M:%S") + fraction + (f"{zone[:3]}:{zone[3:]}" if zone else "")


def sent_values(body: bytes) -> list[list[Any]]:
    return list(json.loads(body)["input_data"][0]["values"])


@given(frame=frames())
@FEW
def test_small_frame_is_sent_as_the_slow_encoder_has_it(frame: pd.DataFrame) -> None:
    """Whatever stands beside whatever, each cell has its JSON value."""
    assert repr(known_values(frame)) == repr(sent_values(encode(frame)))


@given(frame=frames())
@FEW
def test_large_frame_is_sent_as_the_slow_encoder_has_it(frame: pd.DataFrame) -> None:
    """The ways for many rows, as one block and column by column, make the same values as the one for few."""
    rows = np.resize(np.arange(len(frame)), 2_100)
    known = known_values(frame)

    assert repr([known[row] for row in rows]) == repr(sent_values(encode(frame.iloc[rows])))


@given(frame=frames(), data=st.data())
@FEW
def test_columns_in_any_order_are_sent_in_the_schema_s(frame: pd.DataFrame, data: st.DataObject) -> None:
    """Shuffling columns changes nothing once a schema says their order."""
    schema = Schema(tuple(Field(name, "object") for name in frame.columns))
    shuffled = frame[data.draw(st.permutations(list(frame.columns)))]

    assert encode(frame, schema=schema) == encode(shuffled, schema=schema)


@pytest.mark.thorough
@given(frame=frames(), batch_rows=st.integers(1, 400), batch_bytes=st.integers(50, 5_000))
@FEW
def test_chunks_together_are_the_whole(frame: pd.DataFrame, batch_rows: int, batch_bytes: int) -> None:
    """Each row is in exactly one chunk, with the values it has in the whole."""
    long = frame.iloc[np.resize(np.arange(len(frame)), 450)]

    chunks = list(encode_chunks(long, batch_rows=batch_rows, batch_bytes=batch_bytes))

    assert list(range(450)) == [row for rows, _ in chunks for row in rows]
    assert repr(sent_values(encode(long))) == repr([value for _, body in chunks for value in sent_values(body)])
    assert all(len(rows) <= batch_rows for rows, _ in chunks)
    assert all(len(body) <= batch_bytes or len(rows) == 1 for rows, body in chunks)


@given(frame=frames())
@FEW
def test_document_is_what_the_bytes_say(frame: pd.DataFrame) -> None:
    """The json module writes the document to the values that the encoder writes."""
    assert repr(sent_values(encode(frame))) == repr(
        sent_values(json.dumps(to_input_data(frame), allow_nan=False).encode())
    )


@given(frame=frames())
@FEW
def test_list_of_rows_is_sent_as_its_frame(frame: pd.DataFrame) -> None:
    """The same values in lists make the same text."""
    rows = frame.astype(object).to_numpy().tolist()

    assert repr(known_values(frame)) == repr(sent_values(encode(rows)))


LABELS = st.one_of(
    st.lists(integers(64), min_size=1, max_size=6),
    st.lists(st.floats(allow_infinity=False, allow_nan=False), min_size=1, max_size=6),
    st.lists(TEXT, min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=1, max_size=6),
)
CHANCES = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    labels = draw(LABELS)
    width = draw(st.integers(0, 4))
    if not width:
        return {"predictions": [{"fields": ["prediction"], "values": [[label] for label in labels]}]}
    chances = [draw(st.lists(CHANCES, min_size=width, max_size=width)) for _ in labels]
    values = [list(row) for row in zip(labels, chances, strict=True)]
    return {"predictions": [{"fields": ["prediction", "probability"], "values": values}]}


def seen(frame: pd.DataFrame) -> str:
    return repr((list(frame.columns), frame.astype(object).to_numpy().tolist(), [str(kind) for kind in frame.dtypes]))


@given(answer=answers())
@FEW
def test_answer_is_read_bit_for_bit(answer: dict[str, Any]) -> None:
    """Labels keep their kind and numbers their bits, whichever way the answer is read."""
    values = answer["predictions"][0]["values"]
    flat = [[cell for part in row for cell in (part if isinstance(part, list) else [part])] for row in values]

    frame = decode(orjson.dumps(answer))

    assert repr(flat) == repr(frame.astype(object).to_numpy().tolist())
    assert seen(to_frame(answer)) == seen(frame)


def mutated(body: bytes, place: int, length: int, inserted: bytes) -> bytes:
    start = place % len(body)
    return body[:start] + inserted + body[start + length :]


@given(
    answer=answers(),
    place=st.integers(0, 10_000),
    length=st.integers(0, 3),
    inserted=st.text('[]{},:."0123456789-+eEnultrfas \\', max_size=3).map(str.encode),
)
@example(
    answer={"predictions": [{"fields": ["prediction", "probability"], "values": [[1, [0.5, 0.5]]] * 2}]},
    place=62,
    length=3,
    inserted=b"1[,",
)
@settings(deadline=None, max_examples=300)
def test_damaged_answer_is_an_error_or_what_the_plain_parser_reads(
    answer: dict[str, Any], place: int, length: int, inserted: bytes
) -> None:
    """Nothing that the fast way takes is read otherwise by the plain one, and nothing is taken that is no JSON."""
    body = mutated(orjson.dumps(answer), place, length, inserted)
    try:
        expected = seen(to_frame(orjson.loads(body)))
    except (InvalidResponseError, orjson.JSONDecodeError):
        expected = "an error"
    try:
        read = seen(decode(body))
    except InvalidResponseError:
        read = "an error"

    assert expected == read
