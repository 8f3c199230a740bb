"""Read predictions as a table for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Probability", "Scores", "read"]

_SHOWN = 100
"""Rows that are shown at most."""


@dataclass(frozen=True)
class Probability:
    """The probability of a label.

    Attributes:
        label: The label; its index if the labels are unknown.
        value: From 0 to 1.

    """

    label: str
    value: float


@dataclass(frozen=True)
class Scores:
    """Predictions, as the console shows them.

    Attributes:
        fields: Names of the columns.
        rows: The first rows; a cell is text or a list of probabilities.
        count: Number of all rows.
        seconds: Duration of the request.
        raw: The whole response as indented JSON.

    """

    fields: list[str]
    rows: list[list[str | list[Probability]]]
    count: int
    seconds: float
    raw: str


def read(response: bytes, seconds: float, classes: Sequence[str]) -> Scores:
    """Read the response to a prediction request.

    Args:
        response: JSON body of the response.
        seconds: Duration of the request.
        classes: Labels of the probabilities; empty if unknown.

    """
    document = orjson.loads(response)
    raw = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    blocks = document.get("predictions") if isinstance(document, dict) else None
    first: Any = blocks[0] if isinstance(blocks, list) and blocks else None
    if not isinstance(first, dict) or not isinstance(first.get("values"), list):
        return Scores([], [], 0, seconds, raw)
    values = [row if isinstance(row, list) else [row] for row in first["values"]]
    width = max((len(row) for row in values), default=0)
    named = first.get("fields") or ()
    fields = [str(name) for name in named] if len(named) == width else [f"value {place + 1}" for place in range(width)]
    rows = [[_cell(value, classes) for value in row] for row in values[:_SHOWN]]
    return Scores(fields, rows, len(values), seconds, raw)


def _cell(value: Any, classes: Sequence[str]) -> str | list[Probability]:
    # The response does not say which of its lists are probabilities: numbers from 0 to 1 are taken for such.
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) and 0 <= each <= 1 for each in value):
        labels = classes if len(classes) == len(value) else [str(place) for place in range(len(value))]
        return [Probability(label, float(each)) for label, each in zip(labels, value, strict=True)]
    return value if isinstance(value, str) else orjson.dumps(value).decode()
