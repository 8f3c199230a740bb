"""The scores of one request, and those of a table put together from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wml_deployer.errors import PayloadTooLargeError, WMLDeployerError
from wml_deployer.payload import Document, Table, decode, to_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._scoring.pace import Pace
    from wml_deployer.schema import ClassLabel

__all__ = ["Ask", "Part", "Question", "joined", "scored"]

Ask = Callable[[bytes], bytes]
"""Sends a request body and returns the answer's bytes."""


class Question(NamedTuple):
    """How the scores of any batch are asked for.

    Attributes:
        ask: Sends a request.
        classes: The model's labels.
        pace: Learns from the answers.

    """

    ask: Ask
    classes: tuple[ClassLabel, ...]
    pace: Pace


class Part(NamedTuple):
    """Rows of a table, and their scores or why there are none."""

    table: Table | Document
    rows: range
    scores: pd.DataFrame | WMLDeployerError


def scored(question: Question, table: Table | Document, rows: range, body: bytes) -> list[Part]:
    """Ask for one batch; in two halves where the service finds it too large.

    Args:
        question: How it is asked.
        table: Where the rows are.
        rows: Which of them.
        body: What is sent of them.

    """
    if not rows and isinstance(table, Table):
        return [Part(table, rows, _no_scores(question.classes, table.index))]
    begin = time.monotonic()
    try:
        answer = question.ask(body)
        question.pace.learn(len(rows), time.monotonic() - begin)
        return [Part(table, rows, decode(answer, classes=question.classes, index=_labels(table, rows)))]
    except PayloadTooLargeError as error:
        if len(rows) <= 1 or isinstance(table, Document):
            return [Part(table, rows, error)]
    except WMLDeployerError as error:
        return [Part(table, rows, error)]
    question.pace.too_large(len(rows))
    middle = rows.start + len(rows) // 2
    halves = (range(rows.start, middle), range(middle, rows.stop))
    bodies = ((half, table.encode(half.start, half.stop)) for half in halves)
    return [part for half, text in bodies for part in scored(question, table, half, text)]


def joined(parts: Sequence[Part], known: pd.DataFrame | None) -> pd.DataFrame:
    """The scores of all rows of a table, nulls where there are none.

    Args:
        parts: Of one table, in order.
        known: No rows of what other tables of the call were answered with, if any were.

    Raises:
        WMLDeployerError: No row was scored, so that nobody knows what scores look like.

    """
    table = parts[0].table
    frames = [part.scores for part in parts if isinstance(part.scores, pd.DataFrame)]
    failures = [part.scores for part in parts if isinstance(part.scores, WMLDeployerError)]
    if not failures:
        return frames[0] if len(frames) == 1 else pd.concat(frames)
    if frames:
        there = [np.arange(part.rows.start, part.rows.stop) for part in parts if isinstance(part.scores, pd.DataFrame)]
        known = pd.concat(frames).set_axis(np.concatenate(there), axis=0)
    if known is None:
        raise failures[0]
    whole = known.reindex(range(table.rows))
    return whole if table.index is None else whole.set_axis(table.index, axis=0)


def _no_scores(classes: tuple[ClassLabel, ...], index: pd.Index[Any] | None) -> pd.DataFrame:
    """What no rows are answered with; most models refuse to be asked."""
    fields = ["prediction", "probability"] if classes else ["prediction"]
    return to_frame({"predictions": [{"fields": fields, "values": []}]}, classes=classes, index=index)


def _labels(table: Table | Document, rows: range) -> pd.Index[Any] | None:
    if isinstance(table, Document) or len(rows) == table.rows:
        return table.index
    return pd.RangeIndex(rows.start, rows.stop) if table.index is None else table.index[rows.start : rows.stop]
