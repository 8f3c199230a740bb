"""Random frames and answers, and what has to become of them: plain Python, cell by cell, without a fast way."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

SparseArray: Any = pd.arrays.SparseArray  # untyped
PANDAS = int(pd.__version__.split(".", maxsplit=1)[0])
BRASILIA = timezone(timedelta(hours=-3))
TEXTS = ["", "a", "ção", "日本", "\0", 'a "b" \\', "null", "NaN", "]],[", "é\0é", "x" * 40]
INTEGERS = [0, 1, -1, 7, 127, -128, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, 0.1, -2.5, 1e300, 5e-324, 1e16, 123456789.125, math.nan]
ZONES = ["UTC", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"]


def expected_rows(frame: pd.DataFrame) -> list[list[Any]] | None:
    """Return the values that are to be sent; None if the frame has to be refused."""
    columns = [expected_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    if any(column is None for column in columns):
        return None
    return [list(row) for row in zip(*columns, strict=True)]


def expected_column(column: pd.Series[Any]) -> list[Any] | None:
    cells = [column.iloc[row] for row in range(len(column))]
    moments = [cell for cell in cells if isinstance(cell, datetime) and not is_missing(cell)]
    digits = max(map(fraction_digits, moments), default=0)
    values = [expected_value(cell, digits) for cell in cells]
    return None if any(value is REFUSED for value in values) else values


REFUSED = object()


def is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


def fraction_digits(moment: datetime) -> int:
    return 9 if getattr(moment, "nanosecond", 0) else 6 if moment.microsecond else 0


def expected_value(cell: Any, digits: int | None = None) -> Any:
    """Return the JSON value of a cell, ``REFUSED`` if it has none; digits are those of the seconds of its column."""
    if isinstance(cell, list | tuple | np.ndarray):
        values = [expected_value(item) for item in cell]
        return REFUSED if any(value is REFUSED for value in values) else values
    if isinstance(cell, dict):
        values = [expected_value(item) for item in cell.values()]
        return REFUSED if any(value is REFUSED for value in values) else dict(zip(cell, values, strict=True))
    if is_missing(cell):
        return None
    if isinstance(cell, datetime):
        return expected_moment(cell, fraction_digits(cell) if digits is None else digits)
    for kind, expected in EXPECTED.items():
        if isinstance(cell, kind):
            return expected(cell)
    return REFUSED


def expected_integer(cell: Any) -> Any:
    return int(cell) if -(2**63) <= cell < 2**64 else REFUSED


def expected_float(cell: Any) -> Any:
    return REFUSED if math.isinf(cell) else float(cell)


def expected_text(cell: str) -> Any:
    return REFUSED if any("\ud800" <= letter <= "\udfff" for letter in cell) else str.__str__(cell)


def expected_time(cell: time) -> str:
    fraction = f".{cell.microsecond:06}" if cell.microsecond else ""
    return f"{cell.hour:02}:{cell.minute:02}:{cell.second:02}{fraction}"


def expected_decimal(cell: Decimal) -> Any:
    if cell == int(cell) and (cell.as_tuple().exponent >= 0 or abs(cell) > 2**53):  # type: ignore[operator]
        return expected_value(int(cell))
    return float(cell)


# In this order: a boolean is an integer for Python.
EXPECTED: dict[Any, Callable[[Any], Any]] = {
    (bool, np.bool_): bool,
    (int, np.integer): expected_integer,
    (float, np.floating): expected_float,
    Decimal: expected_decimal,
    str: expected_text,
    UUID: str,
    date: lambda cell: f"{cell.year:04}-{cell.month:02}-{cell.day:02}",
    time: expected_time,
    timedelta: lambda cell: pd.Timedelta(cell).isoformat(),
}


def expected_moment(cell: Any, digits: int) -> Any:
    if not 1 <= cell.year <= 9999:
        return REFUSED
    text = f"{cell.year:04}-{cell.month:02}-{cell.day:02}T{cell.hour:02}:{cell.minute:02}:{cell.second:02}"
    if digits:
        text += f".{cell.microsecond * 1000 + getattr(cell, 'nanosecond', 0):09}"[: digits + 1]
    offset = cell.utcoffset()
    if offset is None:
        return text
    seconds = offset.total_seconds()
    if seconds % 60:
        return REFUSED
    hours, minutes = divmod(abs(int(seconds)) // 60, 60)
    return f"{text}{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


def same_json(left: Any, right: Any) -> bool:
    """Return whether two JSON values are the same to the bit, integers and floats told apart."""
    return repr(left) == repr(right)


def random_moment(random: Random) -> datetime:
    first = random.choice([datetime(1, 1, 1), datetime(1800, 1, 1), datetime(1970, 1, 1), datetime(2024, 1, 31)])  # noqa: DTZ001
    span = timedelta(days=random.randrange(80_000), seconds=random.randrange(86_400))
    return first + span + timedelta(microseconds=random.choice([0, 0, 0, random.randrange(10**6)]))


def modern_moment(random: Random) -> datetime:
    moment = datetime(1970, 1, 1) + timedelta(days=random.randrange(30_000), seconds=random.randrange(86_400))  # noqa: DTZ001
    return moment + timedelta(microseconds=random.choice([0, 0, random.randrange(10**6)]))


def random_integer(random: Random) -> int:
    return random.choice([random.choice(INTEGERS), random.randrange(-(2**63), 2**63), random.randrange(100)])


def random_float(random: Random) -> float:
    return random.choice(
        [random.choice(FLOATS), random.random(), random.uniform(-1e9, 1e9), float(random.randrange(9))]
    )


def random_decimal(random: Random) -> Decimal:
    whole = random.choice([random.randrange(100), random.randrange(2**70), 2**53 + 1, 2**63, 0])
    sign = random.choice(["", "-"])
    return Decimal(f"{sign}{whole}" + random.choice(["", ".0", ".00", ".5", ".125", "E+2"]))


def random_object(random: Random) -> Any:
    return random.choice(OBJECTS)(random)


def random_vector(random: Random) -> Any:
    cells = [random.choice(SCALARS)(random) for _ in range(random.randrange(4))]
    return cells if random.random() < 1 / 2 else tuple(cells)


SCALARS: list[Callable[[Random], Any]] = [
    random_integer,
    random_float,
    random_decimal,
    random_moment,
    lambda random: random.choice(TEXTS),
    lambda random: random.choice([True, False]),
    lambda random: random.choice([None, pd.NA, pd.NaT, math.nan, np.float64("nan")]),
    lambda random: random_moment(random).replace(tzinfo=random.choice([timezone.utc, BRASILIA])),
    lambda random: pd.Timestamp(modern_moment(random)) + np.timedelta64(random.choice([0, 0, 5]), "ns"),
    lambda random: random_moment(random).date(),
    lambda random: random_moment(random).time(),
    lambda random: timedelta(microseconds=random.randrange(-(10**15), 10**15)),
    lambda random: np.int8(random.randrange(-128, 128)),
    lambda random: np.float32(random.random()),
    lambda random: np.bool_(random.random() < 1 / 2),
    lambda random: np.str_(random.choice(TEXTS)),
    lambda random: UUID(int=random.randrange(2**128)),
]
OBJECTS: list[Callable[[Random], Any]] = [
    *SCALARS,
    random_vector,
    lambda random: {random.choice(TEXTS): random.choice(SCALARS)(random)},
    lambda random: np.array([random_float(random), 1.5]),
]
BAD: list[Callable[[Random], Any]] = [
    lambda _: math.inf,
    lambda _: 2**64,
    lambda _: -(2**63) - 1,
    lambda _: "\ud800",
    lambda _: b"bytes",
    lambda _: 1j,
    lambda _: [1.0, -math.inf],
    lambda _: datetime(1890, 1, 1, tzinfo=timezone(timedelta(seconds=-11_188))),
    lambda _: Decimal(2**64),
    lambda _: {"a": {1, 2}},
]


def gaps(cells: list[Any], random: Random, missing: Any = None) -> list[Any]:
    share = random.choice([0, 0, 0.3, 1])
    return [missing if random.random() < share else cell for cell in cells]


def of(make: Callable[[Random], Any], dtype: Any, *, with_gaps: bool = False) -> Callable[[Random, int], Any]:
    def column(random: Random, rows: int) -> Any:
        cells = [make(random) for _ in range(rows)]
        return pd.Series(gaps(cells, random) if with_gaps else cells, dtype=dtype)

    return column


def whole(low: int, high: int) -> Callable[[Random], int]:
    return lambda random: random.choice([low, high, 0, random.randrange(low, high + 1)])


def category_of(make: Callable[[Random], Any]) -> Callable[[Random, int], Any]:
    def column(random: Random, rows: int) -> Any:
        categories = list({make(random): None for _ in range(5)})
        known = [category for category in categories if not is_missing(category)]
        codes = [random.randrange(-1, len(known)) for _ in range(rows)]
        return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(known)))

    return column


def dates_of(unit: str) -> Callable[[Random, int], Any]:
    def column(random: Random, rows: int) -> Any:
        finest = {"s": "s", "ms": "ms"}.get(unit, "us")
        make = modern_moment if unit == "ns" else random_moment
        cells = [
            np.datetime64("NaT") if random.random() < 0.2 else np.datetime64(make(random), finest) for _ in range(rows)
        ]
        values = np.array(cells, dtype=f"M8[{unit}]")
        if unit == "ns" and random.random() < 1 / 3:
            values = values + np.array([random.choice([0, 1, 999]) for _ in range(rows)], dtype="m8[ns]")
        return pd.Series(values)

    return column


def zoned(unit: str) -> Callable[[Random, int], Any]:
    def column(random: Random, rows: int) -> Any:
        naive = [np.datetime64(modern_moment(random), "s" if unit == "s" else "us") for _ in range(rows)]
        series = pd.Series(np.array(gaps(naive, random, np.datetime64("NaT")), dtype=f"M8[{unit}]"))
        return series.dt.tz_localize("UTC").dt.tz_convert(random.choice(ZONES))

    return column


COLUMNS: dict[str, Callable[[Random, int], Any]] = {
    "bool": of(lambda random: random.random() < 1 / 2, "bool"),
    "int8": of(whole(-128, 127), "int8"),
    "int64": of(random_integer, "int64"),
    "uint64": of(whole(0, 2**64 - 1), "uint64"),
    "float64": of(random_float, "float64"),
    "float64, whole": of(lambda random: float(random.randrange(9)), "float64"),
    "float32": of(lambda random: np.float32(random.random()), "float32"),
    "float16": of(lambda random: np.float16(random.random()), "float16"),
    "Int64": of(random_integer, "Int64", with_gaps=True),
    "UInt8": of(whole(0, 255), "UInt8", with_gaps=True),
    "boolean": of(lambda random: random.random() < 1 / 2, "boolean", with_gaps=True),
    "Float64": of(lambda random: random.uniform(-5, 5), "Float64", with_gaps=True),
    "string": of(lambda random: random.choice(TEXTS), "string", with_gaps=True),
    "text": of(lambda random: random.choice(TEXTS), None, with_gaps=True),
    "text as objects": of(lambda random: random.choice(TEXTS), object, with_gaps=True),
    "objects": of(random_object, object),
    "object integers": of(random_integer, object, with_gaps=True),
    "vectors": of(random_vector, object, with_gaps=True),
    "dates": of(lambda random: random_moment(random).date(), object, with_gaps=True),
    "moments as objects": of(random_moment, object, with_gaps=True),
    "category of text": category_of(lambda random: random.choice(TEXTS)),
    "category of integers": category_of(random_integer),
    "category of floats": category_of(random_float),
    "category of moments": category_of(lambda random: pd.Timestamp(modern_moment(random))),
    "category of booleans": category_of(lambda random: random.random() < 1 / 2),
    "category of anything": category_of(lambda random: random.choice([1, 2.5, "a", True])),
    "datetime64[ns]": dates_of("ns"),
    "datetime64[ns] with a zone": zoned("ns"),
    "timedelta64[ns]": of(
        lambda random: timedelta(microseconds=random.randrange(10**15)), "timedelta64[ns]", with_gaps=True
    ),
    "sparse floats": lambda random, rows: pd.Series(SparseArray([random_float(random) for _ in range(rows)])),
    "sparse integers": lambda random, rows: pd.Series(
        SparseArray(np.array([random_integer(random) for _ in range(rows)], dtype="int64"))
    ),
}
if PANDAS > 1:
    COLUMNS |= {f"datetime64[{unit}]": dates_of(unit) for unit in ("s", "ms", "us")}
    COLUMNS |= {f"datetime64[{unit}] with a zone": zoned(unit) for unit in ("s", "us")}


def random_column(random: Random, rows: int) -> Any:
    if random.random() < 0.03 and rows:
        cells = [random_object(random) for _ in range(rows)]
        cells[random.randrange(rows)] = random.choice(BAD)(random)
        return pd.Series(cells, dtype=object)
    return COLUMNS[random.choice(list(COLUMNS))](random, rows)


def random_frame(random: Random, rows: int) -> pd.DataFrame:
    width = random.choice([1, 1, 2, 3, random.randrange(1, 9)])
    columns = [random_column(random, rows) for _ in range(width)]
    if random.random() < 1 / 4:  # one dtype, in one block or in many
        kind = random.choice(list(COLUMNS))
        columns = [COLUMNS[kind](random, rows) for _ in range(width)]
    names = random.sample(["a", "b", "ção", "0", "x y", "", "]],[", "日本", "prediction"], width)
    frame = pd.DataFrame(dict(zip(names, columns, strict=True)))
    if random.random() < 1 / 3:
        frame = frame.copy()
    if random.random() < 1 / 4:
        frame = frame.iloc[[random.randrange(rows) for _ in range(rows)]] if rows else frame
    return frame


@dataclass(frozen=True)
class Answer:
    """The text of an answer, and the labels and probabilities in it."""

    body: bytes
    labels: list[Any]
    probabilities: list[list[Any]] | None


LABELS: list[Callable[[Random], Any]] = [
    lambda random: random.randrange(3),
    lambda random: random.choice([0, 2**63, 2**64 - 1]),
    lambda random: random.choice([123456789012345678901, -(2**63) - 1, 5]),
    lambda random: random.choice([1.0, 0.5, 1e22, -0.0]),
    lambda random: random.choice([1, 0.5, 2**53 + 1, 1e25]),
    lambda random: random.choice(["No Risk", "Risk"]),
    lambda random: random.choice(TEXTS),
    lambda random: random.random() < 1 / 2,
]


def random_answer(random: Random) -> Answer:
    """Make an answer of one of the usual shapes, written in one of several ways."""
    rows = random.choice([1, 2, 5, random.randrange(1, 60), random.randrange(1, 60)])
    make = random.choice(LABELS)
    labels = (
        gaps([make(random) for _ in range(rows)], random)
        if random.random() < 0.2
        else [make(random) for _ in range(rows)]
    )
    width = random.choice([0, 1, 2, 3, 10])
    chances: list[list[Any]] | None = None
    if width:
        chance: Any = random.choice(
            [random.random, random.random, lambda: random.choice([0.0, 1.0, 1e-9, 0.5, 0, 1, None])]
        )
        chances = [[chance() for _ in range(width)] for _ in range(rows)]
    values = [[label] if chances is None else [label, chances[row]] for row, label in enumerate(labels)]
    fields = ["prediction"] if chances is None else ["prediction", "probability"]
    document = {"predictions": [{"fields": fields, "values": values}]}
    style: dict[str, Any] = random.choice(
        [{"separators": (",", ":")}, {"separators": (",", ":"), "ensure_ascii": False}, {}, {"indent": 1}]
    )
    return Answer(json.dumps(document, **style).encode(), labels, chances)


def damaged(random: Random, body: bytes) -> bytes:
    """Put something else in the place of a few bytes."""
    place = random.randrange(len(body))
    if random.random() < 2 / 3:
        place = random.randrange(min(place, 60), len(body))
    inserted = "".join(random.choices('[]{},:."0123456789-+eEnultrfas \\', k=random.randrange(4)))
    return body[:place] + inserted.encode() + body[place + random.randrange(4) :]


def expected_answer(
    labels: list[Any], probabilities: list[list[Any]] | None
) -> dict[str, tuple[str, list[Any]]] | None:
    """Return name -> dtype and values of the columns; None if the labels are of several kinds."""
    kinds = {"number" if type(label) in {int, float} else type(label).__name__ for label in labels if label is not None}
    if len(kinds) > 1:
        return None
    columns = {"prediction": (expected_dtype(labels), labels)}
    for place in range(len(probabilities[0]) if probabilities else 0):
        cells = [row[place] for row in probabilities or ()]
        columns[f"probability_{place}"] = ("float64", [None if cell is None else float(cell) for cell in cells])
    return columns


def expected_dtype(cells: list[Any]) -> str:
    known = [cell for cell in cells if cell is not None]
    kinds = {type(cell) for cell in known}
    has_nulls = len(known) < len(cells)
    if kinds == {bool}:
        return "boolean" if has_nulls else "bool"
    if kinds == {str}:
        return "str" if PANDAS > 2 else "string" if has_nulls else "object"
    if kinds == {int}:
        dtype = "int64" if max(known) < 2**63 else "uint64"
        low, high = (-(2**63), 2**63) if dtype == "int64" else (0, 2**64)
        fits = low <= min(known) and max(known) < high
        return (dtype.replace("int", "Int").replace("u", "U") if has_nulls else dtype) if fits else "object"
    if kinds == {float} or (kinds == {int, float} and all(type(cell) is float or abs(cell) <= 2**53 for cell in known)):
        return "float64"
    return "object"


def columns_of(frame: pd.DataFrame) -> dict[str, tuple[str, list[Any]]]:
    """Return name -> dtype and values, the missing ones None, of a frame."""
    return {
        str(name): (str(frame[name].dtype), [None if is_missing(cell) else cell for cell in frame[name].tolist()])
        for name in frame
    }


def matches(expected: dict[str, tuple[str, list[Any]]], frame: pd.DataFrame) -> bool:
    """Return whether a frame holds these columns to the bit; a float column may hold what was written as integers."""
    return repr({name: (dtype, as_held(dtype, cells)) for name, (dtype, cells) in expected.items()}) == repr(
        columns_of(frame)
    )


def as_held(dtype: str, cells: list[Any]) -> list[Any]:
    return [float(cell) if cell is not None and dtype == "float64" else cell for cell in cells]
