"""Work beside a caller, on threads that end with the connections that they use."""

from __future__ import annotations

import threading
import time
from contextvars import Context
from typing import TYPE_CHECKING

from wml_deployer._transport.deadline import POLL_SECONDS, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Background"]

STOP_SECONDS = 5 * POLL_SECONDS
"""How long work that was stopped has to notice it."""


class Background:
    """Starts work on threads, and ends it.

    Example:
        >>> background, done = Background(), []
        >>> background.start(lambda: done.append("looked"))
        >>> background.end(within=5)
        >>> done
        ['looked']

    """

    def __init__(self) -> None:
        """Run nothing yet."""
        self._running: dict[threading.Thread, threading.Event] = {}

    def start(self, work: Callable[[], None]) -> None:
        """Run something on a thread of its own; its errors are its own as well."""
        stop = threading.Event()

        def run() -> None:
            with stoppable(stop):
                work()

        # A daemon, for no process is to wait for it at its end; in a context of its own, for the caller's deadline is
        # not its.
        thread = threading.Thread(target=Context().run, args=(run,), name="wml_deployer-beside", daemon=True)
        thread.start()
        for other in [other for other in list(self._running) if not other.is_alive()]:
            self._running.pop(other, None)
        self._running[thread] = stop

    def end(self, *, within: float) -> None:
        """Wait until everything that was started is over; after so many seconds, stop it."""
        running, self._running = self._running, {}
        end = time.monotonic() + within
        for thread in running:
            thread.join(max(0.0, end - time.monotonic()))
        for stop in running.values():
            stop.set()
        end = time.monotonic() + STOP_SECONDS
        for thread in running:
            thread.join(max(0.0, end - time.monotonic()))
