"""Rows in, scores out: batch after batch, several in flight, the order kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wml_deployer._scoring.in_order import in_order
from wml_deployer._scoring.pace import Pace
from wml_deployer._scoring.parts import Question, joined, scored
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
    from wml_deployer._scoring.parts import Ask, Part
    from wml_deployer.payload import Table
    from wml_deployer.progress._stage import Stage
    from wml_deployer.schema import Schema

__all__ = ["score_chunks", "score_rows"]

# No other rows would fare better.
_OF_THE_CALL = (AuthenticationError, AuthorizationError, CertificateError, NotFoundError)


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
        n rows on the data's index.

    Raises:
        PayloadError: A value cannot be sent; nothing was sent.
        ServiceError: The service refused a batch; the message names its rows.

    """
    table = prepare(data, schema=schema)
    call = _call(ask, schema, batching, pace)
    if table.rows <= call.question.pace.rows:
        body = table.encode()
        if call.question.pace.fits(table.rows, len(body)):
            # One request needs no threads.
            return joined(scored(call.question, table, range(table.rows), body), None)
    with stage("scoring", table.rows, "rows") as progress:
        (scores,) = call.scores(iter([table]), progress)
    return scores


def score_chunks(
    chunks: Iterator[object], ask: Ask, schema: Schema | None, batching: Batching, pace: Pace | None = None
) -> Iterator[pd.DataFrame]:
    """Score chunk after chunk; the next ones are read while less is in flight than may be.

    Args:
        chunks: Each n rows × k fields.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests, whose size is learned from all chunks.
        pace: What earlier calls learned of it, if there were any.

    Returns:
        The scores of each chunk, on its index. What is wrong with a chunk is raised in its turn.

    """
    call = _call(ask, schema, batching, pace)
    with stage("scoring", unit="rows") as progress:
        yield from call.scores((prepare(chunk, schema=schema) for chunk in chunks), progress)


def _call(ask: Ask, schema: Schema | None, batching: Batching, pace: Pace | None) -> _Call:
    learning = Pace(batching.rows, batching.body_bytes) if pace is None else pace
    return _Call(Question(ask, schema.classes if schema else (), learning), batching)


@dataclass(frozen=True)
class _Call:
    """What all batches of one call share."""

    question: Question
    batching: Batching

    def scores(self, tables: Iterator[Table | Document], progress: Stage) -> Iterator[pd.DataFrame]:
        """The scores of each table."""
        jobs = (
            partial(scored, self.question, table, *batch)
            for table in tables
            for batch in table.bodies(self.question.pace)
        )
        parts: list[Part] = []
        known: pd.DataFrame | None = None
        before = 0
        for found in in_order(jobs, self.batching.in_flight):
            progress.advance(sum(len(part.rows) for part in found))
            self._check(found, before)
            parts += found
            table, rows, _ = parts[-1]
            if rows.stop == table.rows:
                scores = joined(parts, known)
                known, before, parts = scores.iloc[:0], before + table.rows, []
                yield scores

    def _check(self, parts: list[Part], before: int) -> None:
        """Raise what ends the call, naming its rows as they are counted from the first chunk on."""
        for table, rows, scores in parts:
            if isinstance(scores, WMLDeployerError):
                if before or len(rows) < table.rows:
                    scores.message = f"rows {before + rows.start} to {before + rows.stop - 1}: {scores.message}"
                if self.batching.on_error == "raise" or isinstance(scores, _OF_THE_CALL):
                    raise scores
