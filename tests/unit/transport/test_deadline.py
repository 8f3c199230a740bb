"""Deadlines of whole calls: nested, for cleaning up, for locks and pauses, and on sockets that others may stop."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.unit.transport.test_transport import reply
from wml_deployer._transport.deadline import (
    CLEANUP_SECONDS,
    POLL_SECONDS,
    cleanup_deadline,
    deadline,
    hold,
    pause,
    remaining,
    stoppable,
)
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import DeadlineError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tests.unit.conftest import ScriptedServer


@contextmanager
def taking(at_least: float, at_most: float) -> Iterator[None]:
    """Check how long the block takes, in seconds."""
    start = time.monotonic()
    yield
    assert at_least <= time.monotonic() - start < at_most


@pytest.mark.parametrize(("outer", "inner", "expected"), [(5, 50, 5), (50, 5, 5)])
def test_the_earlier_of_two_deadlines_counts(outer: float, inner: float, expected: float) -> None:
    """Whichever is nested in the other."""
    with deadline(outer), deadline(inner):
        assert remaining() == pytest.approx(expected, abs=0.5)


def test_a_deadline_ends_with_its_block() -> None:
    """The enclosing one counts again."""
    with deadline(50):
        with deadline(5):
            pass
        assert remaining() == pytest.approx(50, abs=0.5)


def test_no_deadline_leaves_the_enclosing_one() -> None:
    """A timeout that was not given changes nothing."""
    with deadline(5), deadline(None):
        assert remaining() == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize(("seconds", "expected"), [(10, 9), (1000, 940)])
def test_a_part_of_the_time_is_kept_for_cleaning_up(seconds: float, expected: float) -> None:
    """A tenth, and a minute at most."""
    with deadline(seconds, cleanup=True):
        assert remaining() == pytest.approx(expected, abs=0.5)
        with cleanup_deadline():
            assert remaining() == pytest.approx(seconds + 0.3, abs=0.5)


def test_cleaning_up_ends_soon_after_the_deadline() -> None:
    """There is time for a look at what was left, and no more."""
    with deadline(0, cleanup=True):
        with pytest.raises(DeadlineError):
            remaining()
        with cleanup_deadline():
            assert 0.2 < (remaining() or 0) <= 0.3


def test_without_a_deadline_cleaning_up_has_a_minute() -> None:
    """It ends, too."""
    with cleanup_deadline():
        assert remaining() == pytest.approx(CLEANUP_SECONDS, abs=0.5)


def test_cleaning_up_after_ctrl_c_has_less_than_a_second() -> None:
    """All of it together, however many parts it has."""

    def press() -> None:
        raise KeyboardInterrupt

    with deadline(60, cleanup=True):
        try:
            press()
        except KeyboardInterrupt:
            with cleanup_deadline():
                first = remaining() or 0
                time.sleep(0.2)
            with cleanup_deadline():
                second = remaining() or 0

    assert (True, True) == (0.5 < first <= 0.7, second <= 0.5)


def test_a_lock_is_waited_for_until_the_deadline() -> None:
    """Its holder may never let it go."""
    lock = threading.Lock()
    lock.acquire()

    with taking(0.3, 0.8), pytest.raises(DeadlineError), deadline(0.3), hold(lock):
        pytest.fail("held")


def test_a_lock_is_released_after_an_error() -> None:
    """The next one gets it."""
    lock = threading.Lock()
    with pytest.raises(ZeroDivisionError), hold(lock):
        raise ZeroDivisionError

    assert lock.acquire(blocking=False)


def test_a_pause_lasts_as_long_as_it_says() -> None:
    """Neither less nor more."""
    with taking(0.3, 0.7):
        pause(0.3)


def test_a_pause_is_cut_short_by_the_deadline() -> None:
    """With the error that the call ends with."""
    with taking(0.1, 0.5), pytest.raises(DeadlineError), deadline(0.1):
        pause(60)


def test_a_pause_ends_when_nobody_wants_the_result() -> None:
    """Another thread gave the call up."""
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()

    with taking(0.1, 0.1 + POLL_SECONDS + 0.5), pytest.raises(DeadlineError, match="given up"), stoppable(stop):
        pause(60)


def silent(seconds: float) -> Callable[[ssl.SSLSocket, bytes], None]:
    """Answer after some seconds."""

    def behave(connection: ssl.SSLSocket, request: bytes) -> None:
        time.sleep(seconds)
        reply(body=b"late")(connection, request)

    return behave


def test_a_stoppable_request_waits_for_a_slow_response(scripted: ScriptedServer) -> None:
    """Longer than the interval in which it looks whether it was stopped."""
    scripted.behaviours = [silent(3 * POLL_SECONDS)]
    with stoppable(threading.Event()):
        assert b"late" == Transport(scripted.ca).request("POST", scripted.url).body


def test_a_stoppable_request_ends_when_nobody_wants_it(scripted: ScriptedServer) -> None:
    """A server that never answers does not hold its thread."""
    scripted.behaviours = [silent(20)]
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()

    with taking(0.2, 1.5), pytest.raises(DeadlineError, match="given up"), stoppable(stop):
        Transport(scripted.ca).request("POST", scripted.url)


@pytest.mark.parametrize("is_stoppable", [False, True])
def test_silence_is_waited_for_as_long_as_told(scripted: ScriptedServer, is_stoppable: bool) -> None:
    """Once, not twice, with or without a deadline."""
    scripted.behaviours = [silent(20)]
    stops = [stoppable(threading.Event())] if is_stoppable else [deadline(None)]

    with taking(0.5, 0.95), pytest.raises(DeadlineError, match="no response in time"), stops[0]:
        Transport(scripted.ca).request("POST", scripted.url, silence=0.5)


def test_a_closed_connection_is_no_reason_to_wait(scripted: ScriptedServer) -> None:
    """A stoppable read ends with the connection."""

    def close(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.close()

    scripted.behaviours = [close, reply(body=b"again")]
    with taking(0, 2), stoppable(threading.Event()):
        assert b"again" == Transport(scripted.ca).request("GET", scripted.url).body


def test_retry_after_is_waited_for(scripted: ScriptedServer) -> None:
    """As long as the service asks, not as long as usual."""
    scripted.behaviours = [reply("429 Too Many Requests", headers="retry-after-ms: 700\r\n"), reply()]

    with taking(0.7, 1.5):
        Transport(scripted.ca, pauses=(0.0,)).request("GET", scripted.url)
