"""Jobs that run ahead of whoever takes their results, and the number of rows that a request carries."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from wml_deployer._scoring.batches import AdaptiveBatchSizer, ordered_results
from wml_deployer._transport.deadline import remaining
from wml_deployer.errors import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_results_come_in_the_order_of_the_work() -> None:
    """Later jobs that are done first wait for their turn."""

    def job(number: int) -> Callable[[], int]:
        def work() -> int:
            time.sleep(0.02 * (5 - number % 5))
            return number

        return work

    assert list(range(20)) == list(ordered_results(map(job, range(20)), 4))


def test_no_more_than_so_many_run() -> None:
    """Of thirty jobs three run at a time."""
    running, most, lock = 0, 0, threading.Lock()

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    list(ordered_results(iter([job] * 30), 3))

    assert 3 == most


def test_work_is_prepared_only_a_little_ahead() -> None:
    """What nobody has taken keeps what follows from being made: memory stays bounded."""
    made = 0

    def jobs() -> Iterator[Callable[[], None]]:
        nonlocal made
        while True:
            made += 1
            yield lambda: None

    results = ordered_results(jobs(), 4)
    next(results)
    time.sleep(0.05)

    assert 5 == made


def test_a_fault_in_the_work_comes_after_the_results_before() -> None:
    """What was begun is not lost for what follows it."""

    def jobs() -> Iterator[Callable[[], int]]:
        yield lambda: 1
        raise ValueError("the second")

    results = ordered_results(jobs(), 4)

    assert 1 == next(results)
    with pytest.raises(ValueError, match="the second"):
        next(results)


def test_what_nobody_waits_for_is_stopped() -> None:
    """A job that looks at its deadline ends when the results are given up."""
    begun, ended = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        try:
            while True:
                remaining()
                time.sleep(0.01)
        except DeadlineError:
            ended.set()
            raise

    results = ordered_results(iter([lambda: None, job]), 1)
    next(results)
    assert begun.wait(5)
    results.close()  # type: ignore[attr-defined]  # a generator

    assert ended.wait(5)


def test_rows_grow_while_answers_are_quick() -> None:
    """At most twice as many rows a time."""
    sizer = AdaptiveBatchSizer()
    sizer.learn(rows=2_000, seconds=0.01)

    assert 4_000 == sizer.rows


def test_rows_shrink_when_answers_are_slow() -> None:
    """At most half as many rows a time."""
    sizer = AdaptiveBatchSizer()
    sizer.learn(rows=2_000, seconds=60)

    assert 1_000 == sizer.rows


def test_rows_are_no_more_than_fit() -> None:
    """However quick they are answered, and in the next table too."""
    sizer = AdaptiveBatchSizer(body_bytes=1_000)
    sizer.weigh(rows=50, size=5_000)
    sizer.learn(rows=10, seconds=0.01)

    assert 9 == sizer.rows


def test_rows_fit_again_after_a_large_one() -> None:
    """One row that is larger than a whole body does not make all others travel alone."""
    sizer = AdaptiveBatchSizer(body_bytes=1_000)
    sizer.weigh(rows=1, size=2_000)
    sizer.weigh(rows=1, size=10)

    assert 90 == sizer.rows


def test_the_next_request_is_smaller_than_one_that_was_too_large() -> None:
    """Before any answer has come."""
    sizer = AdaptiveBatchSizer()
    sizer.too_large(2_000)

    assert 1_000 == sizer.rows


def test_what_was_too_large_is_never_sent_again() -> None:
    """However quick the smaller requests are answered."""
    sizer = AdaptiveBatchSizer()
    sizer.too_large(2_000)
    for _ in range(10):
        sizer.learn(rows=1_000, seconds=0.01)

    assert 1_000 == sizer.rows
