"""An answer of any of the service's runtimes -> its columns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from wml_deployer._payload.assemble import Column, invalid, natural, objects, probability_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.schema import ClassLabel

__all__ = ["columns_of"]

# Fields whose lists are vectors of one length; any other list (words, Spark's sparse vectors) is a value of its own.
_VECTORS = frozenset({"prediction", "prediction_classes", "probability"})
_PAIR = ["prediction", "probability"]


def columns_of(response: object, classes: Sequence[ClassLabel]) -> tuple[list[Column], int]:
    """The columns of an answer, and how many rows they have.

    Raises:
        InvalidResponseError: It is none of the shapes that the service's runtimes answer in.

    """
    blocks = _blocks(response)
    fields = [block.get("fields") for block in blocks]
    if len(blocks) == 1 or (fields[0] is not None and all(field == fields[0] for field in fields)):
        # One block, or one for each block of the request: rows of the same columns.
        values = list(chain.from_iterable(_values(block) for block in blocks))
        return _columns(values, fields[0], "prediction", classes), len(values)
    return _side_by_side(blocks, classes)


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
    """A function may answer one bare value: it is one row."""
    values = block["values"]
    return values if isinstance(values, list) else [values]


def _side_by_side(blocks: list[Mapping[str, Any]], classes: Sequence[ClassLabel]) -> tuple[list[Column], int]:
    """A block for each output of the model, named by its id."""
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
        raise invalid("The answer's fields are no list of names.")
    cells = zip(*_rows(values, len(fields)), strict=True) if values else ((),) * len(fields)
    return list(chain.from_iterable(_field(*column, classes) for column in zip(fields, cells, strict=True)))


def _rows(values: list[Any], width: int) -> list[list[Any]]:
    """Rows of the fields' number of values; a single field's values may stand alone."""
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
    return [Column(name, _labels(name, cells) if name == "prediction" else natural(cells))]


def _labels(name: str, cells: Sequence[Any]) -> Any:
    """Predictions are all numbers, all text or all booleans, or it is no model that answers."""
    kinds = {float if kind is int else kind for kind in set(map(type, cells)) - {type(None)}}
    if len(kinds) > 1:
        raise invalid(
            f"The answer mixes {' and '.join(sorted(kind.__name__ for kind in kinds))} in its field {name!r}."
        )
    return natural(cells)


def _spread(name: str, cells: Sequence[Any], classes: Sequence[ClassLabel]) -> list[Column]:
    """A field of vectors -> a column for each of their places."""
    width = len(cells[0]) if isinstance(cells[0], list) else -1
    for position, cell in enumerate(cells):
        if not isinstance(cell, list) or len(cell) != width:
            raise invalid(f"Row {position} of the answer has another number of values in {name!r} than row 0.")
    if any(isinstance(item, (list, dict)) for item in chain.from_iterable(cells)):
        return [Column(name, objects(cells))]
    if name == "probability":
        return _probabilities(cells, width, classes)
    names = [name] if width == 1 else [f"{name}_{place}" for place in range(width)]
    return [Column(label, natural(column)) for label, column in zip(names, zip(*cells, strict=True), strict=True)]


def _probabilities(cells: Sequence[list[Any]], width: int, classes: Sequence[ClassLabel]) -> list[Column]:
    flat = list(chain.from_iterable(cells))
    if not set(map(type, flat)) <= {int, float, type(None)}:
        raise invalid("The answer's probabilities are not all numbers.")
    block = np.array(flat, dtype=np.float64).reshape(len(cells), width)
    return [Column(name, block[:, place]) for place, name in enumerate(probability_names(width, classes))]


def _unnamed(values: list[Any], base: str, classes: Sequence[ClassLabel]) -> list[Column]:
    """Values of a block that names no fields: scalars, vectors, mappings, or rows of label and probabilities."""
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
    """ONNX answers class -> probability for each row."""
    if any(row.keys() != rows[0].keys() for row in rows):
        raise invalid("The answer's rows are mappings with different keys.")
    return [Column(f"{base}_{key}", natural([row[key] for row in rows])) for key in rows[0]]
