"""The scores of one request, and those of a table joined from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from wml_deployer.errors import PayloadTooLargeError, WMLDeployerError
from wml_deployer.payload import Document, Table, decode
from wml_deployer.payload._answer import empty_scores, join_scores, null_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._scoring.pace import Pace
    from wml_deployer.schema import ClassLabel

__all__ = ["Ask", "BatchResult", "ScoreRequest", "join_batches", "score_batch"]

Ask = Callable[[bytes], bytes]
"""Sends a request body and returns the body of the response."""


class ScoreRequest(NamedTuple):
    """How the batches of a call are scored.

    Attributes:
        ask: Sends a request.
        classes: The model's labels.
        pace: Learns from the responses how many rows a request takes.

    """

    ask: Ask
    classes: tuple[ClassLabel, ...]
    pace: Pace


class BatchResult(NamedTuple):
    """Rows of a table, and their scores or the reason why there are none.

    Attributes:
        table: The table.
        rows: The positions of the rows.
        scores: Their scores, or an error.

    """

    table: Table | Document
    rows: range
    scores: pd.DataFrame | WMLDeployerError


def score_batch(request: ScoreRequest, table: Table | Document, rows: range, body: bytes) -> list[BatchResult]:
    """Score one batch; in two halves if the service finds it too large.

    Args:
        request: How it is scored.
        table: The table of its rows.
        rows: The positions of its rows.
        body: Those rows as a request body.

    Returns:
        One result, or several whose rows follow each other.

    """
    if not rows and isinstance(table, Table):
        # Most models refuse no rows.
        return [BatchResult(table, rows, empty_scores(request.classes))]
    begin = time.monotonic()
    try:
        response = request.ask(body)
        request.pace.learn(len(rows), time.monotonic() - begin)
        index = table.index if len(rows) == table.rows else pd.RangeIndex(len(rows))
        return [BatchResult(table, rows, decode(response, classes=request.classes, index=index))]
    except PayloadTooLargeError as error:
        if len(rows) <= 1 or isinstance(table, Document):
            return [BatchResult(table, rows, error)]
    except WMLDeployerError as error:
        return [BatchResult(table, rows, error)]
    request.pace.too_large(len(rows))
    middle = rows.start + len(rows) // 2
    halves = (range(rows.start, middle), range(middle, rows.stop))
    bodies = ((half, table.encode(half.start, half.stop)) for half in halves)
    return [result for half, text in bodies for result in score_batch(request, table, half, text)]


def join_batches(results: Sequence[BatchResult], known: pd.DataFrame | None) -> pd.DataFrame:
    """Join the scores of all rows of a table, with nulls for those that were not scored.

    Args:
        results: The results of one table, in order.
        known: A row of scores of another table of the call, without nulls, if there is one.

    Raises:
        WMLDeployerError: Neither this table nor another one was scored, so the columns are unknown.
        InvalidResponseError: The responses do not fit together.

    """
    table = results[0].table
    frames = [result.scores for result in results if isinstance(result.scores, pd.DataFrame)]
    failures = [result.scores for result in results if isinstance(result.scores, WMLDeployerError)]
    if not table.rows and frames and known is not None:
        scores = known.iloc[:0]
    elif not failures:
        scores = join_scores(frames)
    elif frames:
        names = frames[0].columns
        scores = join_scores(
            [
                result.scores if isinstance(result.scores, pd.DataFrame) else null_scores(names, len(result.rows))
                for result in results
            ]
        )
    elif known is not None:
        # Joined with a row that is not null, the nulls get the dtypes of the other tables' scores.
        scores = join_scores([known, null_scores(known.columns, table.rows)]).iloc[len(known) :]
    else:
        raise failures[0]
    if table.index is not None and scores.index is not table.index:
        scores.index = table.index
    return scores
