"""Rows that are not a frame: arrays, lists of rows or of mappings, and single rows, as checked tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from wml_deployer.errors import Fault, PayloadError, SchemaError
from wml_deployer.payload._cells import INFINITE, flat_text, unmasked
from wml_deployer.payload._columns import NUMBER_KINDS, column_name, column_rows, doubles_of, slices
from wml_deployer.payload._errors import KINDS, FaultLog, first_faults
from wml_deployer.payload._names import arrange, names_by_position
from wml_deployer.payload._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from wml_deployer.payload._table import Values
    from wml_deployer.schema import Schema

__all__ = ["FEW_CELLS", "array_rows", "python_rows", "rows_table", "stacked_rows"]

FEW_CELLS = 2_048
"""Up to so many values, writing them all to see whether they are right costs less than to look at each."""

_VECTORS = (list, tuple, np.ndarray, pd.Series, pd.Index)


def rows_table(data: object, schema: Schema | None) -> Table:
    """Check rows of any kind but frames against the model's input and what JSON can carry.

    Raises:
        SchemaError: The columns are not the model's.
        PayloadError: Some values, or all of it, cannot be sent.

    """
    if isinstance(data, np.ndarray):
        return _array_table(data, schema)
    if isinstance(data, pd.Series):
        index = pd.RangeIndex(1) if data.name is None else pd.Index([data.name])
        return _records_table(data.index.tolist(), [data.to_numpy(dtype=object).tolist()], schema, index)
    if isinstance(data, Mapping):
        return _record_table(data, schema)
    if isinstance(data, (list, tuple)):
        return _list_table(data, schema)
    raise PayloadError(f"A {type(data).__qualname__} holds no rows that can be scored.", next_step=KINDS)


def python_rows(
    rows: Sequence[Sequence[Any]],
    names: Sequence[str] | None,
    index: pd.Index[Any] | None,
    numbers: Sequence[int] = (),
) -> Values:
    """Check rows of Python values, and return how ranges of them are read.

    Args:
        rows: n rows of k values.
        names: The k names, if they have any.
        index: The labels of the n rows, if they have any.
        numbers: Positions of the values that the model takes as numbers.

    Raises:
        PayloadError: Some values cannot be sent.

    """
    if rows and len(rows) * len(rows[0]) <= FEW_CELLS:
        text = flat_text(rows)
        if text is not None and not (numbers and b'"' in text):
            whole = orjson.Fragment(text)
            return lambda start, stop: whole if stop - start == len(rows) else rows[start:stop]
    return column_rows(list(zip(*rows, strict=True)), names, index, len(rows), numbers if rows else ())


def _array_table(array: NDArray[Any], schema: Schema | None) -> Table:
    if array.dtype.names:
        return _structured_table(array.reshape(-1), schema)
    if array.ndim == 0:
        raise PayloadError("An array without a dimension is not a row.", next_step=KINDS)
    if isinstance(array, np.ma.MaskedArray):
        return _list_table(unmasked(np.atleast_2d(array)), schema)
    rows = np.atleast_2d(np.asarray(array))
    if rows.dtype.kind not in NUMBER_KINDS:
        return _list_table(list(rows), schema)
    _require_values(rows.shape[1], len(rows))
    names = names_by_position(rows.shape[1], schema)
    return Table(names, rows[:1].size, len(rows), pd.RangeIndex(len(rows)), array_rows(rows, names, None))


def _structured_table(records: NDArray[Any], schema: Schema | None) -> Table:
    names, order = arrange(list(records.dtype.names or ()), schema)
    fields = [records[name] for name in records.dtype.names or ()]
    if any(field.ndim > 1 or field.dtype.names for field in fields):
        raise PayloadError("A structured array with arrays in its fields has no rows of values.", next_step=KINDS)
    columns = [unmasked(field) if isinstance(field, np.ma.MaskedArray) else field for field in fields]
    if order is not None:
        columns = [columns[place] for place in order]
    index = pd.RangeIndex(len(records))
    values = column_rows(columns, names, index, len(records), schema.numbers if schema else ())
    return Table(names, len(names), len(records), index, values)


def _list_table(data: Sequence[Any], schema: Schema | None) -> Table:
    """Check a list of rows, of mappings or series, or the values of a single row."""
    rows = [_mapping_of(row) if isinstance(row, pd.Series) else row for row in data]
    if rows and all(isinstance(row, Mapping) for row in rows):
        return _mappings_table(rows, schema)
    vectors = sum(isinstance(row, _VECTORS) for row in rows)
    if vectors not in {0, len(rows)}:
        raise PayloadError("The list mixes rows and single values.", next_step=KINDS)
    if rows and not vectors:
        rows = [rows]
    rows = [_python_row(row) for row in rows]
    width = _common_width(rows, schema)
    names = names_by_position(width, schema)
    return _table(rows, names, width, pd.RangeIndex(len(rows)), schema)


def _mapping_of(row: pd.Series[Any]) -> dict[Any, Any]:
    labels = row.index.tolist()
    if not row.index.is_unique:
        arrange(labels, None)  # names the labels that a mapping would lose
    return dict(zip(labels, row.to_numpy(dtype=object).tolist(), strict=True))


def _python_row(row: Any) -> Sequence[Any]:
    """Return a row as a list or a tuple, which is what orjson writes: no named tuple, array or database row."""
    if isinstance(row, np.ma.MaskedArray):
        values: list[Any] = unmasked(row)
        return values
    return row if type(row) in {list, tuple} else list(row)


def _common_width(rows: list[Any], schema: Schema | None) -> int:
    """Return how many values each row has; for no rows at all, as many as the model takes."""
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
            faults=first_faults(faults),
            next_step="Hand in rows that all have the same columns; a missing value is None.",
        )
    _require_values(min(widths), len(rows))
    return widths.pop()


def _require_values(width: int, rows: int) -> None:
    if rows and not width:
        raise PayloadError(f"{rows:,} rows without a value cannot be scored.", next_step=KINDS)


def _record_table(record: Mapping[Any, Any], schema: Schema | None) -> Table:
    """Check a single row that names its values."""
    nested = [key for key, value in record.items() if isinstance(value, _VECTORS)]
    if nested:
        faults = [Fault(f"column {key!r}", f"is a {type(record[key]).__name__}", "one value") for key in nested]
        raise PayloadError(
            "A mapping is a single row, and here it holds lists of values.",
            faults=first_faults(faults),
            next_step="For many rows hand in pandas.DataFrame(...) of it; for a row of lists, a list of values.",
        )
    return _mappings_table([record], schema)


def _mappings_table(records: Sequence[Mapping[Any, Any]], schema: Schema | None) -> Table:
    labels = list(records[0])
    faults = [
        Fault(f"row {position}", f"has the fields {sorted(map(str, record))}", f"{sorted(map(str, labels))}")
        for position, record in enumerate(records)
        if record.keys() != records[0].keys()
    ]
    if faults:
        raise SchemaError(
            "The rows do not all have the fields of the first one. Nothing was sent.",
            faults=first_faults(faults),
            next_step="Give every row the same fields; a missing value is None.",
        )
    rows = [[record[label] for label in labels] for record in records]
    return _records_table(labels, rows, schema, pd.RangeIndex(len(rows)))


def _records_table(labels: list[Any], rows: list[list[Any]], schema: Schema | None, index: pd.Index[Any]) -> Table:
    """Check rows of Python values under these column labels."""
    names, order = arrange(labels, schema)
    _require_values(len(names), len(rows))
    ordered = [[row[position] for position in order] for row in rows] if order else rows
    return _table(ordered, names, len(names), index, schema)


def _table(rows: list[Any], names: list[str] | None, width: int, index: pd.Index[Any], schema: Schema | None) -> Table:
    return Table(names, width, len(rows), index, python_rows(rows, names, index, schema.numbers if schema else ()))


_DOUBLE_BYTES = np.dtype(np.float64).itemsize


def array_rows(
    array: NDArray[Any],
    names: Sequence[str] | None,
    index: pd.Index[Any] | None,
    order: Sequence[int] | None = None,
) -> Values:
    """Check an array of n rows, and return how ranges of them are read.

    Args:
        array: n rows × k numbers.
        names: The k names in the order in which they are sent, if they have any.
        index: The labels of the n rows, if they have any.
        order: The positions of their columns in the array, if it has another order.

    Raises:
        PayloadError: Some of the numbers are infinite.

    """
    if order is None:
        return _checked(lambda start, stop: array[start:stop], len(array), names, index)
    return _checked(lambda start, stop: array[start:stop, order], len(array), names, index)


def stacked_rows(columns: Sequence[NDArray[Any]], names: Sequence[str], index: pd.Index[Any]) -> Values:
    """Check k columns of n numbers of one dtype, and return how ranges of their rows are read.

    Raises:
        PayloadError: Some of the numbers are infinite.

    """

    def read(start: int, stop: int) -> NDArray[Any]:
        return np.stack([column[start:stop] for column in columns], axis=1)

    # Column by column: putting the rows together takes longer than to look at them.
    if columns[0].dtype.kind == "f" and any(np.isinf(_doubles(column)).any() for column in columns):
        _refuse_infinite(read, len(index), names, index)
    return lambda start, stop: _as_orjson_reads(read(start, stop))


def _checked(
    read: Callable[[int, int], NDArray[Any]], rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None
) -> Values:
    for start, stop in slices(rows):
        numbers = read(start, stop)
        if numbers.dtype.kind == "f" and np.isinf(_doubles(numbers)).any():
            _refuse_infinite(read, rows, names, index)
    return lambda start, stop: _as_orjson_reads(read(start, stop))


def _refuse_infinite(
    read: Callable[[int, int], NDArray[Any]], rows: int, names: Sequence[str] | None, index: pd.Index[Any] | None
) -> None:
    """Raise the error that names all infinite numbers; the values of an array of three dimensions are arrays."""
    log = FaultLog(index)
    for start, stop in slices(rows):
        infinite = np.isinf(_doubles(read(start, stop)))
        by_column = infinite.reshape(*infinite.shape[:2], -1).any(axis=2).T
        for position, column in enumerate(by_column):
            log.add(column_name(names, position), (start + np.flatnonzero(column)).tolist(), INFINITE)
    log.check()


def _doubles(numbers: NDArray[Any]) -> NDArray[Any]:
    return numbers if numbers.itemsize <= _DOUBLE_BYTES else doubles_of(numbers)


def _as_orjson_reads(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return contiguous numbers in native byte order; floats as doubles, because orjson would shorten a float32."""
    native = np.float64 if numbers.dtype.kind == "f" else numbers.dtype.newbyteorder("=")
    return np.ascontiguousarray(_doubles(numbers) if numbers.dtype.kind == "f" else numbers, dtype=native)
