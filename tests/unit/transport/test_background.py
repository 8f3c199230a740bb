"""Work in the background is over once it was ended."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from wml_deployer._transport.deadline import deadline, pause, remaining
from wml_deployer._transport.pool import Background
from wml_deployer.errors import DeadlineError


def test_what_is_nearly_done_is_waited_for() -> None:
    """It comes to its own end."""
    background, done = Background(), threading.Event()

    def look() -> None:
        time.sleep(0.1)
        done.set()

    background.start(look)
    background.end(within=10)

    assert done.is_set()


def test_what_hangs_is_stopped() -> None:
    """Its waits and requests raise an error."""
    background, before = Background(), set(threading.enumerate())

    def hang() -> None:
        with suppress(DeadlineError):
            pause(60)

    background.start(hang)
    background.end(within=0)

    assert before >= set(threading.enumerate())


def test_the_deadline_of_the_caller_is_not_its_own() -> None:
    """Others may wait for the result as well."""
    background, found = Background(), list[float | None]()
    with deadline(60):
        background.start(lambda: found.append(remaining()))
    background.end(within=10)

    assert [None] == found
