"""The pace of requests to one host: down after a refusal, up again, in order, and never a storm."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from wml_deployer._transport.deadline import deadline, request_deadline
from wml_deployer._transport.pacing import Pace
from wml_deployer.errors import DeadlineError

RATE = 50.0


@dataclass
class Plan:
    """A service that accepts so many requests a second, in a bucket of a tenth of a second."""

    rate: float
    tells: bool = True
    seconds: float = 0.002
    accepted: int = 0
    refused: int = 0
    most: int = 0
    _running: int = 0
    _left: float = 5.0
    _at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Answer one request, or refuse it."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self.rate / 10, self._left + (now - self._at) * self.rate)
            self._at = now
            if self._left < 1:
                self.refused += 1
                return False
            self._left -= 1
            self.accepted += 1
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(self.seconds)
        with self._lock:
            self._running -= 1
        return True

    def headers(self) -> dict[str, str]:
        """Return the header fields of a refusal."""
        told = {"x-requests-limit-rate": f"{self.rate:g}"} if self.tells else {}
        return {"retry-after-ms": "100", **told}


def send(pace: Pace, plan: Plan) -> None:
    """Send one request until it is accepted."""
    is_refused = False
    while True:
        began = pace.enter(first=is_refused)
        try:
            if plan.take():
                pace.answered()
                return
            pace.refused(began, plan.headers())
            is_refused = True
        finally:
            pace.leave()


def run(plan: Plan, requests: int, pace: Pace) -> float:
    """Send requests from as many threads; return how long they took."""
    begin = time.monotonic()
    with ThreadPoolExecutor(requests) as threads:
        list(threads.map(lambda _: send(pace, plan), range(requests)))
    return time.monotonic() - begin


def test_nearly_nothing_is_refused_where_the_service_tells_its_rate() -> None:
    """After the first burst requests keep their distance."""
    plan = Plan(RATE)
    seconds = run(plan, 100, Pace(8))

    assert plan.accepted == 100
    assert plan.refused <= 12
    assert seconds < 3 * 100 / RATE


def test_refusals_without_a_rate_are_no_storm() -> None:
    """Fewer at once, and all of them wait as long as the service says."""
    plan = Plan(RATE, tells=False)
    run(plan, 100, Pace(8))

    assert plan.accepted == 100
    assert plan.refused <= 100


def test_slow_responses_let_more_requests_go_at_once() -> None:
    """A distance between requests is no limit of how many are under way."""
    plan = Plan(RATE, seconds=0.1)
    run(plan, 100, Pace(8))

    assert plan.most >= 4


def test_a_service_without_limits_is_asked_as_fast_as_possible() -> None:
    """Nothing is spaced out."""
    plan = Plan(1e9, seconds=0.05)
    plan._left = 1e9
    run(plan, 64, Pace(64))

    assert (0, 64) == (plan.refused, plan.accepted)
    assert plan.most > 8


def test_the_number_of_requests_goes_down_once_for_a_burst_and_up_again() -> None:
    """Additive increase, multiplicative decrease."""
    pace = Pace(8)
    turns = [pace.enter() for _ in range(8)]
    for began in turns:
        pace.refused(began, {"retry-after-ms": "0"})
        pace.leave()
    after_the_burst = pace._limit
    for _ in range(200):
        pace.answered()

    assert (4.0, 8.0) == (after_the_burst, pace._limit)


def test_a_plan_that_others_share_slows_this_one_down() -> None:
    """The told rate is refused as well: the distance grows, and shrinks again."""
    pace = Pace(8)
    told = {"retry-after-ms": "0", "x-requests-limit-rate": "100"}
    rates = []
    for _ in range(3):
        pace.refused(pace.enter(), told)
        pace.leave()
        rates.append(round(pace._rate or 0, 1))
    for _ in range(100):
        pace.answered()

    assert [99.0, 69.3, 48.5, 99.0] == [*rates, pace._rate]


def test_turns_are_given_in_order_and_to_questions_first() -> None:
    """Whoever came first is served first."""
    pace, order = Pace(1), list[str]()
    pace.enter()

    def take(name: str, *, first: bool) -> None:
        pace.enter(first=first)
        order.append(name)
        pace.leave()

    threads: list[threading.Thread] = []
    for name, first in (("a", False), ("b", False), ("question", True)):
        threads.append(threading.Thread(target=take, args=(name,), kwargs={"first": first}))
        threads[-1].start()
        while len(pace._queue) < len(threads):
            time.sleep(0.001)
    pace.leave()
    for thread in threads:
        thread.join(5)

    assert ["question", "a", "b"] == order


def test_waiting_for_a_turn_counts_for_the_deadline_of_the_caller() -> None:
    """And whoever gives up leaves the queue."""
    pace = Pace(1)
    pace.enter()
    with pytest.raises(DeadlineError), deadline(0.05):
        pace.enter()

    assert not pace.is_crowded


def test_waiting_for_a_turn_does_not_count_for_a_request_without_a_deadline() -> None:
    """A minute for a request is a minute of its own."""
    pace = Pace(1)
    pace.enter()
    threading.Timer(0.2, pace.leave).start()
    with request_deadline(0.1):
        pace.enter()

    assert not pace.is_crowded
