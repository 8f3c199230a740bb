"""Send a service no more than it accepts: how many requests at once, and how many a second.

A service that is asked too often answers 429. What it refuses, it has not worked on: it can be sent again, but neither
at once nor all together. So all threads that ask one host share a :class:`Pace`, which a refusal slows down:

- nothing is sent before the time that the service asks to wait;
- the number of requests under way is halved, and grows by one with every round of responses (additive increase,
  multiplicative decrease, as in TCP);
- IBM's service says how many requests a second it accepts. From then on requests keep that distance, so that none has
  to be refused to find out. If some are refused nevertheless, for others share the plan, the distance is widened, and
  shrinks with every response.

For example, 200 threads score on a plan of 2 requests a second. Eight requests are sent, six are refused; a second
later one is sent every half second, while 199 threads wait for their turn, and nothing is refused any more.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from wml_deployer._transport.deadline import uncounted, wait_for
from wml_deployer._transport.responses import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Pace", "allowed_rate"]

FIRST_REQUESTS = 8
"""The most requests at once before the first response."""
PAUSE_SECONDS = 0.2
"""How long to wait after a refusal that does not say it; doubled with each refusal in a row."""
DOUBLINGS = 4
LONGEST_PAUSE_SECONDS = 60.0
"""The longest wait that one refusal asks of all requests; a request that is told to wait longer waits alone."""
MARGIN = 0.99
"""Share of the allowed rate that is used: the service's clock is not this one."""
SLOWER = 0.7
FASTER = 0.02
SLOWEST = 1 / 16


class Pace:
    """Gives out turns to send a request to one host; shared by all threads.

    Args:
        most: The most requests at once.

    Example:
        >>> pace = Pace(4)
        >>> began = pace.enter()
        >>> pace.answered()
        >>> pace.leave()
        >>> pace.answers
        1

    """

    def __init__(self, most: int) -> None:
        """Begin as fast as possible."""
        self.answers = 0
        self._most = most
        self._limit = float(min(most, FIRST_REQUESTS))
        self._was_refused = False
        self._running = 0
        self._next_at = 0.0
        self._allowed: float | None = None
        self._rate: float | None = None
        self._slowed_at = 0.0
        self._refusals = 0
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @property
    def is_crowded(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._queue)

    def enter(self, *, first: bool = False) -> float:
        """Wait for a turn to send one request, in order of arrival; return when it began.

        The wait counts for a deadline that the caller set, and not for the one that a request has by default.

        Args:
            first: Whether to come before those who wait: with a request that was refused, or with a question, which
                somebody waits for who is not in the queue.

        Raises:
            DeadlineError: The time is over before it is this one's turn.

        """
        with self._lock:
            now = time.monotonic()
            if not self._queue and self._seconds_left(now) == 0:
                return self._take(now)
            mine = threading.Event()
            (self._queue.appendleft if first else self._queue.append)(mine)
        try:
            with uncounted():
                while True:
                    with self._lock:
                        now = time.monotonic()
                        left = self._seconds_left(now) if self._queue[0] is mine else None
                        if left == 0:
                            self._queue.popleft()
                            self._wake()
                            return self._take(now)
                        mine.clear()
                    wait_for(mine, left)
        except BaseException:
            with self._lock:
                if mine in self._queue:
                    self._queue.remove(mine)
                self._wake()
            raise

    def leave(self) -> None:
        """End a turn."""
        with self._lock:
            self._running -= 1
            self._wake()

    def answered(self) -> None:
        """Note a response: more requests may be under way at once, and more a second."""
        self.answers += 1
        if not self._was_refused and self._limit >= self._most:
            return
        with self._lock:
            self._refusals = 0
            # Twice as many with each round of responses until the first refusal, then one more with each.
            self._limit = min(float(self._most), self._limit + (1 / self._limit if self._was_refused else 1.0))
            if self._rate is not None and self._allowed is not None:
                self._rate = min(MARGIN * self._allowed, self._rate + FASTER * self._allowed)

    def refused(self, began: float, headers: Mapping[str, str]) -> None:
        """Note a refusal: fewer requests at once, and none before the time that the service asks to wait.

        Args:
            began: When the turn of the refused request began.
            headers: Header fields of the refusal by lower-case name.

        """
        with self._lock:
            now, asked = time.monotonic(), retry_after(headers)
            if asked is None:
                # Jitter keeps processes that were refused together from coming back together.
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
                asked = PAUSE_SECONDS * 2 ** min(self._refusals, DOUBLINGS) * jitter
            self._next_at = max(self._next_at, now + min(asked, LONGEST_PAUSE_SECONDS))
            self._was_refused = True
            self._refusals += 1
            if began < self._slowed_at:
                return  # it was on its way already when another one of the same burst was refused
            self._slowed_at = now
            self._limit = max(1.0, self._limit / 2)
            allowed = allowed_rate(headers)
            if allowed != self._allowed:
                self._allowed = allowed
                self._rate = None if allowed is None else MARGIN * allowed
            elif allowed is not None and self._rate is not None:
                self._rate = max(SLOWEST * allowed, SLOWER * self._rate)

    def drain(self, end: float) -> None:
        """Wait until no turn is under way, at most until this moment of the monotonic clock."""
        while self._running and time.monotonic() < end:
            time.sleep(0.005)

    def _seconds_left(self, now: float) -> float | None:
        """Return how long the next turn has to wait; ``None`` until another one ends."""
        return None if self._running >= int(self._limit) else max(0.0, self._next_at - now)

    def _take(self, now: float) -> float:
        self._running += 1
        if self._rate is not None:
            # Who comes late, for threads do not wake up on time, does not delay those who follow.
            interval = 1 / self._rate
            self._next_at = max(self._next_at, now - interval) + interval
        return now

    def _wake(self) -> None:
        if self._queue:
            self._queue[0].set()


def allowed_rate(headers: Mapping[str, str]) -> float | None:
    """Return how many requests a second the service accepts, if it says so.

    Args:
        headers: Header fields by lower-case name.

    Example:
        >>> allowed_rate({"x-requests-limit-rate": "2"}), allowed_rate({"x-requests-limit-rate": "none"})
        (2.0, None)

    """
    try:
        rate = float(headers.get("x-requests-limit-rate", ""))
    except ValueError:
        return None
    return rate if 0 < rate < float("inf") else None
