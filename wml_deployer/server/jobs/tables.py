"""CSV files, which jobs read from data assets and write to them."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["read_table", "write_table"]

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")


def read_table(path: Path) -> dict[str, Any]:
    """Read a CSV file with a header as a block of input data.

    Returns:
        ``{"fields": [k names], "values": [n rows of k]}``. Each column becomes integers, floats, booleans (``true`` and
        ``false``) or text, whichever fits all of its cells; empty cells become null, and integers beyond 64 bits text.

    Raises:
        ValueError: The file is not CSV, or its rows have different lengths.

    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except csv.Error as error:
        raise ValueError(f"The input is not a CSV file: {error}.") from error
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("The input must be a CSV file with a header line, and rows of the same length.")
    columns = [_typed(column) for column in zip(*rows[1:], strict=True)]
    return {"fields": rows[0], "values": [list(row) for row in zip(*columns, strict=True)]}


def write_table(predictions: Sequence[Any]) -> bytes:
    """Return predictions as a CSV file with a column for each field; lists become JSON text.

    Raises:
        ValueError: The predictions are not tables.

    """
    out = io.StringIO()
    writer = csv.writer(out)
    for block in predictions:
        if not isinstance(block, dict) or not isinstance(block.get("values", []), list):
            reason = "The predictions are not tables: each block must have a list of rows under 'values'."
            raise ValueError(reason)  # noqa: TRY004 - the content is wrong, not the program
        if block.get("fields"):
            writer.writerow(block["fields"] if isinstance(block["fields"], list) else [block["fields"]])
        values = block.get("values", [])
        writer.writerows([_cell(cell) for cell in (row if isinstance(row, list) else [row])] for row in values)
    return out.getvalue().encode()


def _typed(column: Sequence[str]) -> list[Any]:
    """Convert the column to the narrowest type that fits all of it."""
    converters = (convert for convert in (_whole, _number, _boolean) if _fits(column, convert))
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


def _whole(cell: str) -> int:
    # int() would accept 1_000 and digits of other scripts, and take seconds for a million digits.
    if not _WHOLE.fullmatch(cell.strip()) or not -(2**63) <= (number := int(cell)) < 2**64:
        raise ValueError(cell)
    return number


def _number(cell: str) -> float:
    text = cell.strip()
    if text.lstrip("+-").isdigit():
        return float(_whole(text))
    if "_" in text or not text.isascii():
        raise ValueError(cell)
    return float(text)


def _boolean(cell: str) -> bool:
    return {"true": True, "false": False}[cell.strip().lower()]


def _cell(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, (list, dict)) else value
