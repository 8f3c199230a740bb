"""What a deployment answered, as a table that people read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Probability", "Scores", "read"]

_SHOWN = 100


@dataclass(frozen=True)
class Probability:
    """How probable a label is.

    Attributes:
        label: The label; its place where the model does not tell its labels.
        value: From 0 to 1.

    """

    label: str
    value: float


@dataclass(frozen=True)
class Scores:
    """An answer.

    Attributes:
        fields: Name of each column.
        rows: The first rows; a cell is text, or a list of probabilities.
        count: How many rows were answered.
        seconds: How long that took.
        raw: The whole answer, indented.

    """

    fields: list[str]
    rows: list[list[str | list[Probability]]]
    count: int
    seconds: float
    raw: str


def read(answer: bytes, seconds: float, classes: Sequence[str]) -> Scores:
    """Return an answer as a table.

    Args:
        answer: The response's JSON.
        seconds: How long it took.
        classes: The labels that probabilities are of; empty where the model does not say.

    """
    document = orjson.loads(answer)
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
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) and 0 <= each <= 1 for each in value):
        labels = classes if len(classes) == len(value) else [str(place) for place in range(len(value))]
        return [Probability(label, float(each)) for label, each in zip(labels, value, strict=True)]
    return value if isinstance(value, str) else orjson.dumps(value).decode()
