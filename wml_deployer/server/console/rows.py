"""Convert pasted rows, CSV or JSON in several shapes, to the body of a prediction request."""

from __future__ import annotations

import csv
import math
import re
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.server.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["example", "example_row", "to_body"]

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
#: Longer than any number in JSON needs; parsing a million digits would take seconds.
_LONGEST_NUMBER = 1000
_NUMERIC = re.compile(r"(u?int|float|double|decimal|number|short|long)", re.IGNORECASE)
_WORDS = {"": None, "null": None, "true": True, "false": False}
_MISSING = ("nan", "na")
_SEPARATORS = ("\t", ";", ",")
_SHOWN_FAULTS = 5


def to_body(text: str, fields: Sequence[tuple[str, str]]) -> bytes:
    r"""Return the body of a prediction request for pasted rows.

    Args:
        text: JSON (``input_data`` as the API takes it, one block of it, a list of objects, or of lists) or CSV.
        fields: Name and type of the model's columns; empty if unknown.

    Raises:
        InvalidRequestError: The text is neither, or its lines do not fit.

    Example:
        >>> to_body("age,city\n41,Recife\n,Natal\n", [("age", "float64"), ("city", "object")])
        b'{"input_data":[{"fields":["age","city"],"values":[[41,"Recife"],[null,"Natal"]]}]}'

    """
    text = text.strip("\ufeff\r\n")
    if not text.strip():
        raise _refusal("There are no rows. Paste CSV with a header line, or JSON.")
    document = _from_json(text) if text.lstrip()[0] in "{[" else _from_csv(text, fields)
    return orjson.dumps(document)


def example(fields: Sequence[tuple[str, str]]) -> str:
    r"""Return an example in CSV, with the model's columns; nothing if they are unknown.

    Example:
        >>> example([("age", "float64"), ("city", "object")])
        'age,city\n0,text\n'

    """
    if not fields:
        return ""
    row = [value if isinstance(value, str) else str(value).lower() for value in example_row(fields)]
    return f"{','.join(_quoted(name) for name, _ in fields)}\n{','.join(row)}\n"


def example_row(fields: Sequence[tuple[str, str]]) -> list[object]:
    """Return an example row for the model's columns.

    Example:
        >>> example_row([("age", "float64"), ("smokes", "bool"), ("city", "object")])
        [0, False, 'text']

    """
    return [0 if _is_numeric(kind) else False if kind == "bool" else "text" for _, kind in fields]


def _from_json(text: str) -> dict[str, Any]:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refusal(f"The text starts like JSON, but is not valid: {error}.") from error
    if isinstance(given, dict):
        if "input_data" in given:
            return given
        return {"input_data": [given if "values" in given else _records([given])]}
    if not given:
        raise _refusal("The list is empty.")
    if all(isinstance(row, dict) for row in given):
        return {"input_data": [_records(given)]}
    if all(isinstance(row, list) for row in given):
        return {"input_data": [{"values": given}]}
    raise _refusal("A list of rows must contain objects only, or lists only.")


def _records(rows: list[dict[str, Any]]) -> dict[str, Any]:
    fields = list(rows[0])
    odd = [number for number, row in enumerate(rows, 1) if row.keys() != rows[0].keys()]
    if odd:
        raise _refusal(f"{_numbered('Row', odd)} different from the first one, which has {', '.join(fields)}.")
    return {"fields": fields, "values": [[row[name] for name in fields] for row in rows]}


def _from_csv(text: str, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    first = text.partition("\n")[0]
    # Cells pasted from a spreadsheet are separated by tabs.
    separator = max(_SEPARATORS, key=first.count)
    try:
        lines = [line for line in csv.reader(text.splitlines(), delimiter=separator, strict=True) if line]
    except csv.Error as error:
        raise _refusal(f"The text is not valid CSV: {error}.") from error
    header, rows = (None, lines) if _is_row(lines[0]) else ([name.strip() for name in lines[0]], lines[1:])
    _check(header, rows, len(header or lines[0]))
    names = header or [name for name, _ in fields]
    kinds = dict(fields)
    types = [kinds.get(name, "") for name in names] or [""] * len(lines[0])
    block: dict[str, Any] = {"fields": header} if header else {}
    block["values"] = [
        [_value(cell, kind, number) for cell, kind in zip(row, types, strict=False)] if len(types) >= len(row) else row
        for number, row in enumerate(rows, 1 if header is None else 2)
    ]
    return {"input_data": [block]}


def _check(header: list[str] | None, rows: list[list[str]], width: int) -> None:
    if header is not None and "" in header:
        raise _refusal(
            f"Column {header.index('') + 1} has no name. pandas writes the index there; use to_csv(index=False)."
        )
    if not rows:
        raise _refusal("There is a header line, but no row below it.")
    start = 1 if header is None else 2
    odd = [number for number, row in enumerate(rows, start) if len(row) != width]
    if odd:
        raise _refusal(f"{_numbered('Line', odd)} not of the same length as the first line, which has {width} cells.")


def _is_row(cells: list[str]) -> bool:
    """Return whether the first line is a row, not a header: names are not numbers."""
    return any(len(cell) <= _LONGEST_NUMBER and _NUMBER.fullmatch(cell.strip()) for cell in cells)


def _value(cell: str, kind: str, line: int) -> Any:
    word = cell.strip()
    if word.lower() in _WORDS and not (kind and _is_text(kind) and cell):
        return _WORDS[word.lower()]
    if kind and _is_text(kind):
        return cell
    if word.lower() in _MISSING and _is_numeric(kind):
        return None
    if len(word) > _LONGEST_NUMBER or not _NUMBER.fullmatch(word) or (not kind and _has_leading_zero(word)):
        return cell
    number = int(word) if _WHOLE.fullmatch(word) else float(word)
    if not -(2**63) <= number < 2**64 and (isinstance(number, int) or math.isinf(number)):
        raise _refusal(f"Line {line} has a number that does not fit into 64 bits: {word[:40]}.")
    return number


def _is_numeric(kind: str) -> bool:
    return _NUMERIC.match(kind) is not None


def _is_text(kind: str) -> bool:
    return not _is_numeric(kind) and kind != "bool"


def _has_leading_zero(word: str) -> bool:
    """Return whether a cell has leading zeros, as codes do, which are text."""
    return len(word) > 1 and word[0] == "0" and word.isdigit()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if re.search(r'[",;\t\n]', name) else name


def _numbered(noun: str, numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_SHOWN_FAULTS])
    more = f" and {len(numbers) - _SHOWN_FAULTS} more" if len(numbers) > _SHOWN_FAULTS else ""
    return f"{noun} {shown} is" if len(numbers) == 1 else f"{noun}s {shown}{more} are"


def _refusal(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="rows_not_readable")
