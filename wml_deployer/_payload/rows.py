"""Lists of rows or records, and single rows, of Python values -> a checked table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from wml_deployer._payload.faults import KINDS, capped
from wml_deployer._payload.names import arrange, names_by_position
from wml_deployer._payload.sources import row_values
from wml_deployer._payload.table import Table
from wml_deployer.errors import Fault, PayloadError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.schema import Schema

__all__ = ["check_width", "list_table", "record_table", "records_table"]

_VECTORS = (list, tuple, np.ndarray, pd.Series, pd.Index)


def list_table(data: Sequence[Any], schema: Schema | None) -> Table:
    """Check a list of rows, of mappings or series, or the values of a single row."""
    rows = [row.to_dict() if isinstance(row, pd.Series) else row for row in data]
    if rows and all(isinstance(row, Mapping) for row in rows):
        return _mappings(rows, schema)
    vectors = sum(isinstance(row, _VECTORS) for row in rows)
    if vectors not in {0, len(rows)}:
        raise PayloadError("The list mixes rows and single values.", next_step=KINDS)
    return _rows(rows if vectors or not rows else [rows], schema)


def _rows(rows: list[Any], schema: Schema | None) -> Table:
    # orjson writes exactly lists and tuples; a named tuple, an array or a database row is made one.
    rows = [row if type(row) in {list, tuple} else list(row) for row in rows]
    width = _common_width(rows, schema)
    names = names_by_position(width, schema)
    return _table(rows, names, width, pd.RangeIndex(len(rows)), schema)


def _common_width(rows: list[Any], schema: Schema | None) -> int:
    """How many values each row has; for no rows at all, as many as the model takes."""
    expected = len(schema.fields) if schema else 0
    widths = set(map(len, rows)) or {expected}
    width = expected or len(rows[0]) if rows else expected
    if len(widths) > 1:
        faults = [
            Fault(f"row {position}", f"has {len(row)} value{'' if len(row) == 1 else 's'}", str(width))
            for position, row in enumerate(rows)
            if len(row) != width
        ]
        raise PayloadError(
            "The rows are not all of one width. Nothing was sent.",
            faults=capped(faults),
            next_step="Hand in rows that all have the same columns; a missing value is None.",
        )
    check_width(min(widths), len(rows))
    return widths.pop()


def check_width(width: int, rows: int) -> None:
    """Refuse rows that hold nothing."""
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a value cannot be scored.", next_step=KINDS)


def record_table(record: Mapping[Any, Any], schema: Schema | None) -> Table:
    """Check a single row that names its values."""
    nested = [key for key, value in record.items() if isinstance(value, _VECTORS)]
    if nested:
        raise PayloadError(
            "A mapping is a single row, and here it holds lists of values.",
            faults=capped(
                [Fault(f"column {key!r}", f"is a {type(record[key]).__name__}", "one value") for key in nested]
            ),
            next_step="For many rows hand in pandas.DataFrame(...) of it; for a row of lists, a list of values.",
        )
    return _mappings([record], schema)


def _mappings(records: Sequence[Mapping[Any, Any]], schema: Schema | None) -> Table:
    labels = list(records[0])
    faults = [
        Fault(f"row {position}", f"has the fields {sorted(map(str, record))}", f"{sorted(map(str, labels))}")
        for position, record in enumerate(records)
        if record.keys() != records[0].keys()
    ]
    if faults:
        raise SchemaError(
            "The rows do not all have the fields of the first one. Nothing was sent.",
            faults=capped(faults),
            next_step="Give every row the same fields; a missing value is None.",
        )
    rows = [[record[label] for label in labels] for record in records]
    return records_table(labels, rows, schema, pd.RangeIndex(len(rows)))


def records_table(labels: list[Any], rows: list[list[Any]], schema: Schema | None, index: pd.Index[Any]) -> Table:
    """Check rows of Python values under these column labels."""
    names, order = arrange(labels, schema)
    check_width(len(names), len(rows))
    ordered = [[row[position] for position in order] for row in rows] if order else rows
    return _table(ordered, names, len(names), index, schema)


def _table(rows: list[Any], names: list[str] | None, width: int, index: pd.Index[Any], schema: Schema | None) -> Table:
    return Table(names, width, len(rows), index, row_values(rows, names, index, schema.numbers if schema else ()))
