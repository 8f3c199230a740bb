"""Columns that pyarrow holds for pandas."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from wml_deployer.errors import PayloadError
from wml_deployer.payload import encode

pytest.importorskip("pyarrow")
if pd.__version__ < "2":
    pytest.skip("pandas 1 has no columns of pyarrow's types", allow_module_level=True)

MOMENT = datetime(2024, 1, 31, 10, 20, 30, 5, tzinfo=timezone.utc)

# type -> a value of it, and what is sent
COLUMNS: dict[str, tuple[object, object]] = {
    "int64[pyarrow]": (2**53 + 1, 2**53 + 1),
    "double[pyarrow]": (0.1, 0.1),
    "float[pyarrow]": (0.1, 0.10000000149011612),
    "bool[pyarrow]": (True, True),
    "string[pyarrow]": ("ção", "ção"),
    "timestamp[us][pyarrow]": (MOMENT.replace(tzinfo=None), "2024-01-31T10:20:30.000005"),
    "timestamp[us, tz=UTC][pyarrow]": (MOMENT, "2024-01-31T10:20:30.000005+00:00"),
    "date32[day][pyarrow]": (date(2024, 1, 31), "2024-01-31"),
    "time64[us][pyarrow]": (time(10, 20, 30), "10:20:30"),
    "duration[us][pyarrow]": (timedelta(days=1), "P1DT0H0M0S"),
    "decimal128(10, 2)[pyarrow]": (Decimal("1.50"), 1.5),
}


def column(cells: list[Any], kind: str) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(cells, dtype=arrow_dtype(kind))})


def arrow_dtype(kind: str) -> Any:
    """Take names of plain types as pandas reads them, and the others from pyarrow itself."""
    import pyarrow as pa  # noqa: PLC0415 - skipped above where it is missing

    special = {
        "time64[us][pyarrow]": pa.time64("us"),
        "duration[us][pyarrow]": pa.duration("us"),
        "decimal128(10, 2)[pyarrow]": pa.decimal128(10, 2),
        "timestamp[us, tz=UTC][pyarrow]": pa.timestamp("us", tz="UTC"),
    }
    return pd.ArrowDtype(special[kind]) if kind in special else kind


@pytest.mark.parametrize("rows", [1, 1_500])
@pytest.mark.parametrize("kind", COLUMNS)
def test_arrow_column_is_sent_as(kind: str, rows: int) -> None:
    """Values of pyarrow's types, and their gaps, go as those of numpy's do."""
    value, expected = COLUMNS[kind]
    frame = column([value, None] * rows, kind)

    assert repr([[expected], [None]] * rows) == repr(json.loads(encode(frame))["input_data"][0]["values"])


@pytest.mark.parametrize("rows", [1, 1_500])
def test_arrow_infinity_is_refused(rows: int) -> None:
    """An infinity in pyarrow's keeping is one still."""
    with pytest.raises(PayloadError, match=r"column 'x', rows? 0.*is infinite"):
        encode(column([float("inf"), None] * rows, "double[pyarrow]"))


@pytest.mark.parametrize("rows", [1, 1_500])
def test_arrow_bytes_are_refused(rows: int) -> None:
    """Bytes have no JSON form, wherever they are kept."""
    with pytest.raises(PayloadError, match=r"column 'x', rows? 0.*is of type bytes"):
        encode(column([b"x", None] * rows, "binary[pyarrow]"))
