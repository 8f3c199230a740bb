"""Rows in, scores out: batch after batch, several in flight, the order kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from wml_deployer._progress.stage import stage
from wml_deployer._scoring.options import BATCH_BYTES, IN_FLIGHT, OnError
from wml_deployer._scoring.pace import Pace
from wml_deployer.errors import ConfigurationError, PayloadTooLargeError, WMLDeployerError
from wml_deployer.payload import Document, Table, decode, prepare
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from wml_deployer.schema import ClassLabel

__all__ = ["Ask", "Batching", "score_rows"]

Ask = Callable[[bytes], bytes]
"""Sends a request body and returns the answer's bytes."""

Result = TypeVar("Result")
Answers = list[tuple[range, "bytes | WMLDeployerError"]]


@dataclass(frozen=True)
class Batching:
    """How rows are spread over requests.

    Attributes:
        rows: Rows a request; ``None`` chooses them from the answer times.
        body_bytes: Bytes of a request's body at most; a single larger row goes alone.
        in_flight: Requests at the same time.
        on_error: Whether a failing batch fails the call, or leaves nulls in its rows.

    Example:
        >>> Batching(rows=500).in_flight
        4

    """

    rows: int | None = None
    body_bytes: int = BATCH_BYTES
    in_flight: int = IN_FLIGHT
    on_error: OnError = "raise"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        counts = (1 if self.rows is None else self.rows, self.body_bytes, self.in_flight)
        if min(counts) < 1 or self.on_error not in {"raise", "null"}:
            raise ConfigurationError(
                f"Rows cannot be batched like this: {self}.",
                next_step="batch_rows, batch_bytes and in_flight are at least 1; on_error is 'raise' or 'null'.",
            )


def score_rows(data: object, ask: Ask, schema: Schema | None, batching: Batching) -> pd.DataFrame:
    """Score rows, however many, and return their scores in their order.

    Args:
        data: n rows × k fields, as :func:`wml_deployer.payload.prepare` takes them.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests.

    Returns:
        n rows on the data's index.

    Raises:
        PayloadError: A value cannot be sent; nothing was sent.
        ServiceError: The service refused a batch; the message names its rows.

    """
    schema = schema or Schema()
    table = prepare(data, schema=schema)
    if isinstance(table, Document):
        return decode(ask(table.encode()), classes=schema.classes)
    pace = Pace(batching.rows)
    if table.rows <= pace.rows:
        body = table.encode()
        if len(body) <= batching.body_bytes or table.rows <= 1:
            return _joined(_answers(table, range(table.rows), body, ask, pace), table, schema.classes, batching)
    jobs = (_job(table, rows, body, ask, pace) for rows, body in _bodies(table, batching, pace))
    answers: Answers = []
    with stage("scoring", table.rows, "rows") as progress:
        for part in _in_order(jobs, batching.in_flight):
            answers += part
            progress.advance(sum(len(rows) for rows, _ in part))
    return _joined(answers, table, schema.classes, batching)


def _bodies(table: Table, batching: Batching, pace: Pace) -> Iterator[tuple[range, bytes]]:
    start, fitting = 0, pace.rows
    while start < table.rows:
        stop = min(start + min(pace.rows, fitting), table.rows)
        body = table.encode(start, stop)
        fitting = max(1, int((stop - start) * batching.body_bytes / len(body) * 0.9))
        if len(body) <= batching.body_bytes or stop - start == 1:
            yield range(start, stop), body
            start = stop


def _job(table: Table, rows: range, body: bytes, ask: Ask, pace: Pace) -> Callable[[], Answers]:
    return lambda: _answers(table, rows, body, ask, pace)


def _answers(table: Table, rows: range, body: bytes, ask: Ask, pace: Pace) -> Answers:
    """Ask for one batch; halve it where the service finds it too large."""
    begin = time.monotonic()
    try:
        answer = ask(body)
    except PayloadTooLargeError as error:
        if len(rows) == 1:
            return [(rows, error)]
        pace.too_large(len(rows))
        middle = rows.start + len(rows) // 2
        halves = (range(rows.start, middle), range(middle, rows.stop))
        return [a for half in halves for a in _answers(table, half, table.encode(half.start, half.stop), ask, pace)]
    except WMLDeployerError as error:
        return [(rows, error)]
    pace.learn(len(rows), time.monotonic() - begin)
    return [(rows, answer)]


def _in_order(jobs: Iterator[Callable[[], Result]], in_flight: int) -> Iterator[Result]:
    """Run jobs on threads, a few ahead of the consumer, and give their results in order."""
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="wml_deployer-score")
    pending: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            # The deadline of the whole call lives in the context.
            pending.append(pool.submit(copy_context().run, job))
            if len(pending) > in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # After a failure or Ctrl-C nobody waits for what is still in flight.
        pool.shutdown(wait=False, cancel_futures=True)


def _joined(answers: Answers, table: Table, classes: tuple[ClassLabel, ...], batching: Batching) -> pd.DataFrame:
    failed = [(rows, answer) for rows, answer in answers if isinstance(answer, WMLDeployerError)]
    if failed and (batching.on_error == "raise" or len(failed) == len(answers)):
        raise _named(*failed[0], table.rows)
    frames = [
        decode(answer, classes=classes, index=_labels(table, rows))
        for rows, answer in answers
        if not isinstance(answer, WMLDeployerError)
    ]
    scores = frames[0] if len(frames) == 1 else pd.concat(frames)
    return scores if not failed else _with_nulls(scores, [rows for rows, _ in failed], table)


def _labels(table: Table, rows: range) -> pd.Index[Any] | None:
    if table.index is None:
        return pd.RangeIndex(rows.start, rows.stop)
    return table.index if len(rows) == table.rows else table.index[rows.start : rows.stop]


def _with_nulls(scores: pd.DataFrame, missing: list[range], table: Table) -> pd.DataFrame:
    absent = {position for rows in missing for position in rows}
    positions = [position for position in range(table.rows) if position not in absent]
    whole = scores.set_axis(positions, axis=0).reindex(range(table.rows))
    return whole if table.index is None else whole.set_axis(table.index, axis=0)


def _named(rows: range, error: WMLDeployerError, total: int) -> WMLDeployerError:
    if len(rows) < total:
        error.message = f"rows {rows.start} to {rows.stop - 1} of {total}: {error.message}"
    return error
