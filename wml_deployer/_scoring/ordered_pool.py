"""Run jobs on threads, a little ahead of the caller, and yield their results in the order of the jobs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from wml_deployer._transport.deadline import stoppable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ordered_results"]

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
