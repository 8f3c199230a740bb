"""Score rows batch after batch: several in flight, and the scores in the order of the rows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pandas as pd

from wml_deployer._scoring.options import BATCH_BYTES
from wml_deployer._transport.deadline import stoppable
from wml_deployer.errors import (
    AuthenticationError,
    AuthorizationError,
    CertificateError,
    NotFoundError,
    PayloadTooLargeError,
    WMLDeployerError,
)
from wml_deployer.monitoring._events import RequestRecord, recording
from wml_deployer.payload import decode, prepare
from wml_deployer.payload._answer import empty_scores, join_scores, null_scores
from wml_deployer.payload._table import BatchSizer, Table
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer._scoring.options import Batching
    from wml_deployer.payload._document import InputDocument
    from wml_deployer.progress._stage import Stage
    from wml_deployer.schema import ClassLabel, Schema

__all__ = [
    "AdaptiveBatchSizer",
    "Report",
    "Send",
    "ordered_results",
    "score_chunks",
    "score_rows",
]

FIRST_ROWS = 2_000
MOST_ROWS = 100_000
WANTED_SECONDS = 0.5


class AdaptiveBatchSizer(BatchSizer):
    """Learns from answer times and from the size of bodies; safe to share between threads.

    Args:
        rows: A fixed number of rows, or ``None`` to learn.
        body_bytes: Bytes of a body at most.

    Example:
        >>> sizer = AdaptiveBatchSizer()
        >>> sizer.learn(rows=2_000, seconds=0.1)
        >>> sizer.rows
        4000
        >>> sizer.weigh(rows=2_000, size=2_000_000)
        >>> sizer.rows
        3600

    """

    def __init__(self, rows: int | None = None, body_bytes: int = BATCH_BYTES) -> None:
        """Begin with a number that slow models answer in time."""
        super().__init__(FIRST_ROWS if rows is None else rows, body_bytes)
        self._fixed = rows
        self._most = MOST_ROWS
        self._lock = threading.Lock()

    def learn(self, rows: int, seconds: float) -> None:
        """Take one answer into account: at most twice or half as many rows next time."""
        if self._fixed is not None:
            return
        wanted = rows * WANTED_SECONDS / max(seconds, 1e-6)
        with self._lock:
            self._rows = int(max(1, min(self._most, self._rows * 2, max(wanted, self._rows / 2))))

    def too_large(self, rows: int) -> None:
        """Never again send more than half as many rows as the service has just refused."""
        with self._lock:
            self._most = max(1, min(self._most, rows // 2))
            self._rows = min(self._rows, self._most)


_FATAL_ERRORS = (AuthenticationError, AuthorizationError, CertificateError, NotFoundError)
"""Errors that every batch would meet, so they end the call even with ``on_error="null"``."""


Send = Callable[[bytes], bytes]
"""Sends a request body and returns the body of the response."""


Report = Callable[[RequestRecord], None]
"""Takes the record of each request, in the order of the rows, on the thread of the call."""


def score_rows(
    data: object,
    ask: Send,
    schema: Schema | None,
    batching: Batching,
    sizer: AdaptiveBatchSizer | None = None,
    *,
    report: Report | None = None,
) -> pd.DataFrame:
    """Score rows, however many, and return their scores in their order.

    Args:
        data: n rows × k fields, as :func:`wml_deployer.payload.prepare` takes them.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests.
        sizer: What earlier calls learned of the size of requests, if there were any.
        report: Takes the record of each request, if anybody wants it.

    Returns:
        n rows on the data's index. Rows that were not scored (``on_error="null"``) are null, in the nullable twin of
        the column's dtype: ``Int64`` for ``int64``.

    Raises:
        PayloadError: A value cannot be sent; nothing was sent.
        ServiceError: The service refused a batch; the message names its rows.
        InvalidResponseError: The response is not one of a scoring service.

    """
    table = prepare(data, schema=schema)
    call = _Call(ask, schema, batching, sizer, report)
    if table.rows <= call.request.sizer.rows:
        body = table.encode()
        if call.request.sizer.fits(table.rows, len(body)):
            # One request needs no threads.
            results = call.reported(_score_batch(call.request, table, range(table.rows), body))
            call.raise_failures(results)
            return _join_batches(results, None)
    with stage("scoring", table.rows, "rows") as progress:
        (scores,) = call.scores(iter([table]), progress)
    return scores


def score_chunks(
    chunks: Iterator[object],
    ask: Send,
    schema: Schema | None,
    batching: Batching,
    sizer: AdaptiveBatchSizer | None = None,
    *,
    report: Report | None = None,
) -> Iterator[pd.DataFrame]:
    """Score chunks one after another, reading ahead while fewer than ``in_flight`` requests are running.

    Args:
        chunks: Each n rows × k fields.
        ask: Sends one request; called from several threads.
        schema: The model's fields and classes.
        batching: How rows are spread over requests, whose size is learned from all chunks.
        sizer: What earlier calls learned of it, if there were any.
        report: Takes the record of each request, if anybody wants it.

    Returns:
        The scores of each chunk, on its index. An error in a chunk is raised once the chunks before it have been
        yielded.

    """
    call = _Call(ask, schema, batching, sizer, report)
    with stage("scoring", unit="rows") as progress:
        yield from call.scores((prepare(chunk, schema=schema) for chunk in chunks), progress)


class _Call:
    """The state that all batches of one call share."""

    def __init__(
        self,
        ask: Send,
        schema: Schema | None,
        batching: Batching,
        sizer: AdaptiveBatchSizer | None,
        report: Report | None,
    ) -> None:
        learning = AdaptiveBatchSizer(batching.rows, batching.body_bytes) if sizer is None else sizer
        self.request = _ScoreRequest(ask, schema.classes if schema else (), learning, report is not None)
        self._batching = batching
        self._report = report
        self._rows_before = 0

    def scores(self, tables: Iterator[Table | InputDocument], progress: Stage) -> Iterator[pd.DataFrame]:
        """Score each table."""
        jobs = (
            partial(_score_batch, self.request, table, *batch)
            for table in tables
            for batch in table.bodies(self.request.sizer)
        )
        results: list[_BatchResult] = []
        known: pd.DataFrame | None = None
        for batch in ordered_results(jobs, self._batching.in_flight):
            progress.advance(sum(len(result.rows) for result in batch))
            batch_results = self.reported(batch)
            self.raise_failures(batch_results)
            results += batch_results
            table, rows = results[-1][:2]
            if rows.stop == table.rows:
                scores = _join_batches(results, known)
                known = _complete_row(scores, known)
                self._rows_before += table.rows
                results = []
                yield scores

    def reported(self, results: list[_BatchResult]) -> list[_BatchResult]:
        """Report the requests of a batch, and return its results without them: they hold the bodies."""
        if self._report is None:
            return results
        for result in results:
            for record in result.records:
                self._report(record)
        return [result._replace(records=()) for result in results]

    def raise_failures(self, results: list[_BatchResult]) -> None:
        """Raise the first error that ends the call; it names its rows, counted from the first chunk on."""
        for table, rows, scores, _ in results:
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


class _ScoreRequest(NamedTuple):
    """The settings for the requests of one call.

    Attributes:
        send: Sends a request.
        classes: The model's labels.
        sizer: Learns from the responses how many rows a request takes.
        is_watched: Whether somebody wants the records of the requests.

    """

    send: Send
    classes: tuple[ClassLabel, ...]
    sizer: AdaptiveBatchSizer
    is_watched: bool


class _BatchResult(NamedTuple):
    """Rows of a table, and their scores or the reason why there are none.

    Attributes:
        table: The table.
        rows: The positions of the rows.
        scores: Their scores, or an error.
        records: The requests that were sent for them, if somebody wants these.

    """

    table: Table | InputDocument
    rows: range
    scores: pd.DataFrame | WMLDeployerError
    records: tuple[RequestRecord, ...] = ()


def _score_batch(request: _ScoreRequest, table: Table | InputDocument, rows: range, body: bytes) -> list[_BatchResult]:
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
        # Nothing to ask for: most models refuse an empty request.
        return [_BatchResult(table, rows, empty_scores(request.classes))]
    record = RequestRecord(body, len(rows))
    if request.is_watched and table.index is not None:
        record.index = table.index[rows.start : rows.stop]
    result = _ask(request, table, rows, record)
    records = (record,) if request.is_watched else ()
    is_divisible = len(rows) > 1 and isinstance(table, Table)
    if not isinstance(result, PayloadTooLargeError) or not is_divisible:
        return [_BatchResult(table, rows, result, records)]
    request.sizer.too_large(len(rows))
    middle = rows.start + len(rows) // 2
    halves = (range(rows.start, middle), range(middle, rows.stop))
    bodies = ((half, table.encode(half.start, half.stop)) for half in halves)
    first, *others = [result for half, text in bodies for result in _score_batch(request, table, half, text)]
    return [first._replace(records=records + first.records), *others]


def _ask(
    request: _ScoreRequest, table: Table | InputDocument, rows: range, record: RequestRecord
) -> pd.DataFrame | WMLDeployerError:
    """Send one request, and return the scores or why there are none."""
    begin = time.monotonic()
    result: pd.DataFrame | WMLDeployerError
    try:
        if request.is_watched:
            with recording() as record.attempts:
                response = request.send(record.body)
        else:
            response = request.send(record.body)
        request.sizer.learn(len(rows), time.monotonic() - begin)
        record.response_bytes = len(response)
        index = table.index if len(rows) == table.rows else pd.RangeIndex(len(rows))
        result = decode(response, classes=request.classes, index=index)
    except WMLDeployerError as error:
        result = error
    record.seconds, record.result = time.monotonic() - begin, result
    return result


def _join_batches(results: Sequence[_BatchResult], known: pd.DataFrame | None) -> pd.DataFrame:
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


Result = TypeVar("Result")
_Work = Callable[[], None]


def ordered_results(jobs: Iterator[Callable[[], Result]], in_flight: int) -> Iterator[Result]:
    """Run jobs, ``in_flight`` at a time, and yield their results in order.

    One job more than are running is prepared. An error of the iterator of jobs is raised after the results of the jobs
    before it. When the caller stops iterating, because it was interrupted for instance, running jobs are stopped.

    Args:
        jobs: Functions that do the work and return its result.
        in_flight: How many run at the same time.

    """
    stop, waiting = threading.Event(), SimpleQueue[_Work | None]()
    pending: deque[Future[Result]] = deque()
    threads = 0
    failure: Exception | None = None
    try:
        while (job := _next(jobs)) is not None:
            if isinstance(job, Exception):
                failure = job
                break
            pending.append(Future())
            # The deadline of the call lives in the context.
            waiting.put(partial(copy_context().run, _do, job, pending[-1], stop))
            if threads < in_flight:
                threads += 1
                # Daemons, so that a process that ends does not wait for requests that it gave up.
                threading.Thread(target=_work, args=(waiting,), name="wml_deployer-score", daemon=True).start()
            if len(pending) > in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure is not None:
            raise failure
    finally:
        stop.set()
        for _ in range(threads):
            waiting.put(None)


def _next(jobs: Iterator[Callable[[], Result]]) -> Callable[[], Result] | Exception | None:
    try:
        return next(jobs, None)
    except Exception as error:  # noqa: BLE001 - raised when its turn comes
        return error


def _work(waiting: SimpleQueue[_Work | None]) -> None:
    while (work := waiting.get()) is not None:
        work()


def _do(job: Callable[[], Result], future: Future[Result], stop: threading.Event) -> None:
    if stop.is_set():
        return
    try:
        with stoppable(stop):
            future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - raised where the result is taken
        future.set_exception(error)
