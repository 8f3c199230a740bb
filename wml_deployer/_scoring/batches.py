"""Score rows batch after batch: several in flight, and the scores in the order of the rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wml_deployer._scoring.in_order import in_order
from wml_deployer._scoring.pace import Pace
from wml_deployer._scoring.parts import ScoreRequest, join_batches, score_batch
from wml_deployer.errors import (
    AuthenticationError,
    AuthorizationError,
    CertificateError,
    NotFoundError,
    WMLDeployerError,
)
from wml_deployer.payload import Document, prepare
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from wml_deployer._scoring.options import Batching
    from wml_deployer._scoring.parts import Ask, BatchResult
    from wml_deployer.payload import Table
    from wml_deployer.progress._stage import Stage
    from wml_deployer.schema import Schema

__all__ = ["score_chunks", "score_rows"]

_FATAL_ERRORS = (AuthenticationError, AuthorizationError, CertificateError, NotFoundError)
"""Errors that every batch would meet, so they end the call even with ``on_error="null"``."""


def score_rows(
    data: object, ask: Ask, schema: Schema | None, batching: Batching, pace: Pace | None = None
) -> pd.DataFrame:
    """Score rows, however many, and return their scores in their order.

    Args:
        data: n rows × k fields, as :func:`wml_deployer.payload.prepare` takes them.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests.
        pace: What earlier calls learned of the size of requests, if there were any.

    Returns:
        n rows on the data's index. Rows that were not scored (``on_error="null"``) are null, in the nullable twin of
        the column's dtype: ``Int64`` for ``int64``.

    Raises:
        PayloadError: A value cannot be sent; nothing was sent.
        ServiceError: The service refused a batch; the message names its rows.
        InvalidResponseError: The response is not one of a scoring service.

    """
    table = prepare(data, schema=schema)
    call = _Call(ask, schema, batching, pace)
    if table.rows <= call.request.pace.rows:
        body = table.encode()
        if call.request.pace.fits(table.rows, len(body)):
            # One request needs no threads.
            results = score_batch(call.request, table, range(table.rows), body)
            call.raise_failures(results)
            return join_batches(results, None)
    with stage("scoring", table.rows, "rows") as progress:
        (scores,) = call.scores(iter([table]), progress)
    return scores


def score_chunks(
    chunks: Iterator[object], ask: Ask, schema: Schema | None, batching: Batching, pace: Pace | None = None
) -> Iterator[pd.DataFrame]:
    """Score chunks one after another, reading ahead while fewer than ``in_flight`` requests are running.

    Args:
        chunks: Each n rows × k fields.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests, whose size is learned from all chunks.
        pace: What earlier calls learned of it, if there were any.

    Returns:
        The scores of each chunk, on its index. An error in a chunk is raised once the chunks before it have been
        yielded.

    """
    call = _Call(ask, schema, batching, pace)
    with stage("scoring", unit="rows") as progress:
        yield from call.scores((prepare(chunk, schema=schema) for chunk in chunks), progress)


class _Call:
    """What all batches of one call share."""

    def __init__(self, ask: Ask, schema: Schema | None, batching: Batching, pace: Pace | None) -> None:
        learning = Pace(batching.rows, batching.body_bytes) if pace is None else pace
        self.request = ScoreRequest(ask, schema.classes if schema else (), learning)
        self._batching = batching
        self._rows_before = 0

    def scores(self, tables: Iterator[Table | Document], progress: Stage) -> Iterator[pd.DataFrame]:
        """Score each table."""
        jobs = (
            partial(score_batch, self.request, table, *batch)
            for table in tables
            for batch in table.bodies(self.request.pace)
        )
        results: list[BatchResult] = []
        known: pd.DataFrame | None = None
        for batch_results in in_order(jobs, self._batching.in_flight):
            progress.advance(sum(len(result.rows) for result in batch_results))
            self.raise_failures(batch_results)
            results += batch_results
            table, rows, _ = results[-1]
            if rows.stop == table.rows:
                scores = join_batches(results, known)
                known = _complete_row(scores, known)
                self._rows_before += table.rows
                results = []
                yield scores

    def raise_failures(self, results: list[BatchResult]) -> None:
        """Raise the first error that ends the call; it names its rows, counted from the first chunk on."""
        for table, rows, scores in results:
            if isinstance(scores, WMLDeployerError):
                if self._rows_before or len(rows) < table.rows:
                    first, last = self._rows_before + rows.start, self._rows_before + rows.stop - 1
                    scores.message = f"rows {first} to {last}: {scores.message}"
                if self._batching.on_error == "raise" or isinstance(scores, _FATAL_ERRORS):
                    raise scores


def _complete_row(scores: pd.DataFrame, otherwise: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return a copy of a row of scores without nulls, if there is one."""
    row = scores.iloc[:1]
    if row.isna().any(axis=None):
        row = scores.dropna().iloc[:1]
    return row.copy() if len(row) else otherwise
