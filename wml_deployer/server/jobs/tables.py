"""Tables in files: what jobs read from data assets and write to them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["read_table", "write_table"]


def read_table(path: Path) -> dict[str, Any]:
    """Read a CSV file with a header as a block of input data.

    Returns:
        ``{"fields": [k names], "values": [n rows of k]}``; a column of whole numbers holds ints, of numbers floats, of
        ``true`` and ``false`` booleans, and an empty cell is null.

    Raises:
        ValueError: The file is no such table.

    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("the input is no CSV file with a header and rows of its length")
    columns = [_typed(column) for column in zip(*rows[1:], strict=True)]
    return {"fields": rows[0], "values": [list(row) for row in zip(*columns, strict=True)]}


def write_table(predictions: Sequence[dict[str, Any]]) -> bytes:
    """Return predictions as a CSV file: one column a field; lists in a cell are written as JSON."""
    out = io.StringIO()
    writer = csv.writer(out)
    for block in predictions:
        if block.get("fields"):
            writer.writerow(block["fields"])
        values = block.get("values", [])
        writer.writerows([_cell(cell) for cell in (row if isinstance(row, list) else [row])] for row in values)
    return out.getvalue().encode()


def _typed(column: Sequence[str]) -> list[Any]:
    """Return the column in the narrowest type that all of it has."""
    converters = (convert for convert in (int, float, _boolean) if _fits(column, convert))
    convert = next(converters, str)
    return [_value(cell, convert) for cell in column]


def _fits(column: Sequence[str], convert: Callable[[str], Any]) -> bool:
    try:
        for cell in column:
            _value(cell, convert)
    except (ValueError, KeyError):
        return False
    return True


def _value(cell: str, convert: Callable[[str], Any]) -> Any:
    return None if cell.strip() == "" else convert(cell)


def _boolean(cell: str) -> bool:
    return {"true": True, "false": False}[cell.strip().lower()]


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, (list, dict)) else value
