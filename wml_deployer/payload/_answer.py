"""Scoring answers as frames, whichever of the service's runtimes they come from.

Every column gets the dtype that holds its values exactly. Nulls do not change it where pandas has a twin with nulls:
``Int64`` for integers, ``boolean`` for booleans, ``string`` for text (from pandas 3 on, ``str`` itself has nulls).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wml_deployer.payload._errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.schema import ClassLabel

__all__ = [
    "Column",
    "answer_columns",
    "array_frame",
    "column_frame",
    "empty_scores",
    "join_scores",
    "null_scores",
    "probability_names",
    "to_array",
]

# Fields whose lists are vectors of one length; any other list (words, Spark's sparse vectors) is one value.
_VECTORS = frozenset({"prediction", "prediction_classes", "probability"})
_PAIR = ["prediction", "probability"]
_EXACT_IN_DOUBLE = 2**53
_TEXT_HAS_NULLS = int(pd.__version__.split(".", maxsplit=1)[0]) >= 3  # noqa: PLR2004 - the dtype "str" of pandas 3


class Column(NamedTuple):
    """One column of an answer."""

    name: str
    cells: Any


def answer_columns(response: object, classes: Sequence[ClassLabel]) -> tuple[list[Column], int]:
    """Return the columns of an answer, and how many rows they have.

    Raises:
        InvalidResponseError: It has none of the shapes in which the service's runtimes answer.

    """
    blocks = _blocks(response)
    fields = [block.get("fields") for block in blocks]
    if len(blocks) == 1 or (fields[0] is not None and all(field == fields[0] for field in fields)):
        # One block, or one for each block of the request: rows of the same columns.
        values = list(chain.from_iterable(_values(block) for block in blocks))
        return _columns(values, fields[0], "prediction", classes), len(values)
    return _side_by_side(blocks, classes)


def column_frame(columns: Sequence[Column], rows: int, index: pd.Index[Any] | None) -> pd.DataFrame:
    """Put columns side by side on the index of the rows that were sent, if it is known."""
    arrays = dict(enumerate(column.cells for column in columns))
    _check_rows(index, rows)
    frame: pd.DataFrame = pd.DataFrame(arrays, index=pd.RangeIndex(rows) if index is None else index, copy=False)
    frame.columns = _header(tuple(column.name for column in columns)).view()
    return frame


def array_frame(block: Any, names: tuple[str, ...], index: pd.Index[Any] | None, labels: Any = None) -> pd.DataFrame:
    """Make a frame of an array.

    Args:
        block: n rows × m columns of one dtype.
        names: The m column names.
        index: The labels of the rows that were sent, if they are known.
        labels: n predictions that replace the first column, if given.

    """
    _check_rows(index, len(block))
    frame: pd.DataFrame = pd.DataFrame(block, columns=_header(names).view(), index=index, copy=False)
    if labels is not None:
        frame.isetitem(0, labels)
    return frame


def _check_rows(index: pd.Index[Any] | None, rows: int) -> None:
    if index is not None and len(index) != rows:
        raise invalid(f"The answer holds {rows:,} rows, but {len(index):,} were sent.")


@lru_cache(maxsize=64)
def _header(names: tuple[str, ...]) -> Any:
    """Make the column index once for each model: it costs as much as the rest of a small frame. Frames get views."""
    return pd.Index(names)


def probability_names(count: int, classes: Sequence[ClassLabel]) -> tuple[str, ...]:
    """Name probabilities by class if there is a label for each, else by position."""
    return tuple(f"probability_{label}" for label in (classes if len(classes) == count else range(count)))


def empty_scores(classes: Sequence[ClassLabel]) -> pd.DataFrame:
    """Return no rows, with the columns and dtypes of a usual answer of a model with these classes.

    Without classes that is the answer of a regressor.
    """
    row: list[Any] = [classes[0], [0.0] * len(classes)] if classes else [0.0]
    columns, rows = answer_columns({"predictions": [{"fields": _PAIR[: len(row)], "values": [row]}]}, classes)
    return column_frame(columns, rows, None).iloc[:0]


def null_scores(names: pd.Index[Any], rows: int) -> pd.DataFrame:
    """Return rows of nulls in these columns, to be joined with scores."""
    frame: pd.DataFrame = pd.DataFrame(None, index=pd.RangeIndex(rows), columns=names, dtype=object)
    return frame


def join_scores(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the rows of several answers below each other, every value as it would be in a single answer.

    Raises:
        InvalidResponseError: The answers have different columns, or predictions of different kinds.

    """
    first = frames[0]
    if len(frames) == 1:
        return first
    for frame in frames:
        if not frame.columns.equals(first.columns):
            raise invalid(
                "The answers to parts of these rows have different columns: "
                f"{', '.join(map(str, first.columns))}; and {', '.join(map(str, frame.columns))}."
            )
    parts = [[frame.iloc[:, place] for frame in frames] for place in range(first.shape[1])]
    if not any(map(_need_another_dtype, parts)):
        return pd.concat(frames, ignore_index=True)
    columns = [Column(name, _joined_column(name, column)) for name, column in zip(first.columns, parts, strict=True)]
    return column_frame(columns, sum(map(len, frames)), None)


def _need_another_dtype(parts: Sequence[pd.Series[Any]]) -> bool:
    """Return whether parts of a column have several dtypes, or are text with nulls."""
    dtypes = {part.dtype for part in parts}
    return len(dtypes) > 1 or (dtypes == {np.dtype(object)} and any(part.isna().any() for part in parts))


def _joined_column(name: str, parts: Sequence[pd.Series[Any]]) -> Any:
    """Join columns of different dtypes. pandas would make doubles of integers beside them."""
    cells = [
        None if is_null else cell
        for part in parts
        for cell, is_null in zip(part.tolist(), part.isna().tolist(), strict=True)
    ]
    return _labels(name, cells) if name == "prediction" else to_array(cells)


def _blocks(response: object) -> list[Mapping[str, Any]]:
    predictions = response.get("predictions", [response]) if isinstance(response, Mapping) else response
    if isinstance(predictions, list) and predictions:
        if all(isinstance(block, Mapping) and "values" in block for block in predictions):
            return predictions
        if predictions is response and all(isinstance(row, list) for row in predictions):
            return [{"values": predictions}]  # the rows alone, as a notebook prints them
    found = (
        f"the keys {sorted(map(str, response))}" if isinstance(response, Mapping) else f"a {type(response).__name__}"
    )
    raise invalid(f"The answer holds no predictions: {found}, where blocks with values were expected.")


def _values(block: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a block; a function may answer one bare value, which is one row."""
    values = block["values"]
    return values if isinstance(values, list) else [values]


def _side_by_side(blocks: list[Mapping[str, Any]], classes: Sequence[ClassLabel]) -> tuple[list[Column], int]:
    """Return the columns of a block for each output of the model, named by its id."""
    counts = {len(_values(block)) for block in blocks}
    if len(counts) > 1:
        raise invalid(f"The answer's blocks differ in their number of rows: {sorted(counts)}.")
    columns = [
        _columns(_values(block), block.get("fields"), str(block.get("id") or f"output_{position}"), classes)
        for position, block in enumerate(blocks)
    ]
    return list(chain.from_iterable(columns)), counts.pop()


def _columns(values: list[Any], fields: Any, base: str, classes: Sequence[ClassLabel]) -> list[Column]:
    if fields is None:
        return _unnamed(values, base, classes)
    if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
        raise invalid("The answer's fields are not a list of names.")
    cells = zip(*_rows(values, len(fields)), strict=True) if values else ((),) * len(fields)
    return list(chain.from_iterable(_field(*column, classes) for column in zip(fields, cells, strict=True)))


def _rows(values: list[Any], width: int) -> list[list[Any]]:
    """Return rows of as many values as there are fields; the values of a single field need not be in lists."""
    if width == 1 and not any(isinstance(row, list) for row in values):
        return [[value] for value in values]
    for position, row in enumerate(values):
        if not isinstance(row, list) or len(row) != width:
            size = f"{len(row)} values" if isinstance(row, list) else f"a {type(row).__name__}"
            raise invalid(f"Row {position} of the answer is {size}, where its {width} fields were expected.")
    return values


def _field(name: str, cells: Sequence[Any], classes: Sequence[ClassLabel]) -> list[Column]:
    if name in _VECTORS and any(isinstance(cell, list) for cell in cells):
        return _spread(name, cells, classes)
    if name == "probability" and not cells:
        return [Column(label, np.empty(0)) for label in probability_names(len(classes), classes)]
    return [Column(name, _labels(name, cells) if name == "prediction" else to_array(cells))]


def _labels(name: str, cells: Sequence[Any]) -> Any:
    """Return predictions, which are all numbers, all text or all booleans, or do not come from a model."""
    kinds = {float if kind is int else kind for kind in set(map(type, cells)) - {type(None)}}
    if len(kinds) > 1:
        raise invalid(
            f"The answer mixes {' and '.join(sorted(kind.__name__ for kind in kinds))} in its field {name!r}."
        )
    return to_array(cells)


def _spread(name: str, cells: Sequence[Any], classes: Sequence[ClassLabel]) -> list[Column]:
    """Return a column for each place of the vectors of a field."""
    width = len(cells[0]) if isinstance(cells[0], list) else -1
    for position, cell in enumerate(cells):
        if not isinstance(cell, list) or len(cell) != width:
            raise invalid(f"Row {position} of the answer has another number of values in {name!r} than row 0.")
    if any(isinstance(item, (list, dict)) for item in chain.from_iterable(cells)):
        return [Column(name, _objects(cells))]
    if name == "probability":
        return _probabilities(cells, width, classes)
    names = [name] if width == 1 else [f"{name}_{place}" for place in range(width)]
    return [Column(label, to_array(column)) for label, column in zip(names, zip(*cells, strict=True), strict=True)]


def _probabilities(cells: Sequence[list[Any]], width: int, classes: Sequence[ClassLabel]) -> list[Column]:
    flat = list(chain.from_iterable(cells))
    if not set(map(type, flat)) <= {int, float, type(None)}:
        raise invalid("The answer's probabilities are not all numbers.")
    try:
        block = np.array(flat, dtype=np.float64).reshape(len(cells), width)
    except OverflowError:
        raise invalid("One of the answer's probabilities is too large for a double.") from None
    return [Column(name, block[:, place]) for place, name in enumerate(probability_names(width, classes))]


def _unnamed(values: list[Any], base: str, classes: Sequence[ClassLabel]) -> list[Column]:
    """Return the columns of a block without fields: scalars, vectors, mappings, or rows of label and probabilities."""
    kinds = {list if isinstance(value, list) else dict if isinstance(value, dict) else None for value in values}
    if len(kinds) > 1:
        raise invalid("The answer mixes single values, lists and mappings as its rows.")
    if kinds == {list}:
        return _columns(values, _PAIR, base, classes) if _are_pairs(values) else _spread(base, values, classes)
    if kinds == {dict}:
        return _mapped(values, "probability" if base == "prediction" else base)
    return [Column(base, _labels(base, values))]


def _are_pairs(values: list[Any]) -> bool:
    return all(len(row) == len(_PAIR) and not isinstance(row[0], list) and isinstance(row[1], list) for row in values)


def _mapped(rows: list[Any], base: str) -> list[Column]:
    """Return the columns of an ONNX model's answer, which maps class to probability in each row."""
    if any(row.keys() != rows[0].keys() for row in rows):
        raise invalid("The answer's rows are mappings with different keys.")
    return [Column(f"{base}_{key}", to_array([row[key] for row in rows])) for key in rows[0]]


def to_array(cells: Sequence[Any]) -> Any:
    """Return cells as an array of the dtype that holds all of them exactly, with nulls if there are any."""
    kinds = set(map(type, cells))
    has_nulls = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {int}:
        return _integers(cells, has_nulls)
    if kinds == {float}:
        return _doubles(cells)
    if kinds == {bool}:
        return _masked(cells, np.dtype(np.bool_)) if has_nulls else np.array(cells, dtype=np.bool_)
    if kinds == {int, float} and all(type(cell) is not int or abs(cell) <= _EXACT_IN_DOUBLE for cell in cells):
        return _doubles(cells)
    if kinds == {str} and has_nulls and not _TEXT_HAS_NULLS:
        return pd.array(cells, dtype="string")
    return _objects(cells)


def _integers(cells: Sequence[Any], has_nulls: bool) -> Any:
    known = [cell for cell in cells if cell is not None] if has_nulls else cells
    least, greatest = min(known), max(known)
    if least >= -(2**63) and greatest < 2**63:
        dtype: np.dtype[Any] = np.dtype(np.int64)
    elif least >= 0 and greatest < 2**64:
        dtype = np.dtype(np.uint64)
    else:
        return _objects(cells)
    return _masked(cells, dtype) if has_nulls else np.array(cells, dtype=dtype)


def _masked(cells: Sequence[Any], dtype: np.dtype[Any]) -> Any:
    """Return pandas' array with nulls. pandas.array might pass integers through doubles on the way."""
    values = np.array([0 if cell is None else cell for cell in cells], dtype=dtype)
    mask = np.array([cell is None for cell in cells])
    kind = pd.arrays.BooleanArray if dtype.kind == "b" else pd.arrays.IntegerArray
    return kind(values, mask)


def _doubles(cells: Sequence[Any]) -> Any:
    return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _objects(cells: Sequence[Any]) -> Any:
    """Return cells as they are; lists among them stay lists."""
    return np.fromiter(cells, dtype=object, count=len(cells))
