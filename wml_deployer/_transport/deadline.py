"""Deadlines for whole calls, and the sockets that keep them.

The timeouts of HTTP libraries start again with every byte that arrives, so a server that sends one byte a second holds
its caller for ever. A deadline does not: it is a point in time, kept in a context variable, and a
:class:`DeadlineSocket` compares it with the clock before each read and write::

    with deadline(5):
        transport.request("GET", url)   # raises DeadlineError after five seconds, whatever the server does

A call that changes something keeps a part of its time for cleaning up: after an error, :func:`cleanup_deadline` gives
the block that part. After Ctrl-C it gives less than a second.
"""

from __future__ import annotations

import math
import ssl
import sys
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from wml_deployer.errors import ConfigurationError, DeadlineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

__all__ = [
    "DeadlineSocket",
    "acquire",
    "cleanup_deadline",
    "deadline",
    "hold",
    "pause",
    "remaining",
    "request_deadline",
    "stoppable",
    "uncounted",
    "wait_for",
]

POLL_SECONDS = 0.2
"""How often a wait that another thread may stop looks whether it was stopped."""
IDLE_SECONDS = 60.0
"""How often a wait for an event looks again by itself."""
CLEANUP_SECONDS = 60.0
"""The longest time for cleaning up after a failed call, and the usual one without a deadline."""
CLEANUP_SHARE = 0.1
"""The share of a call's time that is kept for cleaning up."""
OVERTIME_SECONDS = 0.3
"""How long cleaning up may go on after the call's time: a quick look at what was left."""
INTERRUPTED_SECONDS = 0.7
"""Time for cleaning up after Ctrl-C, with which users want the call to end now."""

Result = TypeVar("Result")


@dataclass
class _Limits:
    """The times by which the work of a call, and cleaning up after it, must end.

    Attributes:
        is_default: Whether nobody asked for it: it bounds one request of a call that has no deadline.

    """

    end: float
    cleanup_end: float
    is_default: bool = False


_limits: ContextVar[_Limits | None] = ContextVar("wml_deployer_limits", default=None)
_stops: ContextVar[tuple[threading.Event, ...]] = ContextVar("wml_deployer_stops", default=())


def deadline(seconds: float | None, *, cleanup: bool = False) -> AbstractContextManager[None]:
    """Limit everything in the block to a number of seconds; within another deadline, the earlier one counts.

    Args:
        seconds: Seconds from now; ``None`` leaves the enclosing deadline as it is.
        cleanup: Whether to keep a tenth of the time, at most a minute, for :func:`cleanup_deadline`.

    Raises:
        ConfigurationError: It is not a number.

    Example:
        >>> with deadline(5):
        ...     remaining() <= 5
        True

    """
    if seconds is None:
        return nullcontext()
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or math.isnan(seconds):
        raise ConfigurationError(f"The timeout is {seconds!r}.", next_step="Give a number of seconds above 0.")
    now, enclosing = time.monotonic(), _limits.get()
    reserve = min(CLEANUP_SECONDS, CLEANUP_SHARE * seconds) if cleanup else 0.0
    limits = _Limits(now + seconds - reserve, now + seconds + OVERTIME_SECONDS)
    if enclosing is not None:
        limits = _Limits(min(limits.end, enclosing.end), min(limits.cleanup_end, enclosing.cleanup_end))
    return _Within(limits)


def request_deadline(seconds: float) -> AbstractContextManager[None]:
    """Limit a request whose caller set no deadline; within any other deadline, that one counts.

    Args:
        seconds: Seconds for the request, without the time that it waits for its turn.

    Example:
        >>> with request_deadline(5):
        ...     remaining() <= 5
        True

    """
    if _limits.get() is not None:
        return nullcontext()
    end = time.monotonic() + seconds
    return _Within(_Limits(end, end + OVERTIME_SECONDS, is_default=True))


@contextmanager
def uncounted() -> Iterator[None]:
    """Do not count the time of the block for the deadline that a request has by default.

    Example:
        >>> with request_deadline(0.02):
        ...     with uncounted():
        ...         pause(0.05)
        ...     remaining() > 0
        True

    """
    limits = _limits.get()
    if limits is None or not limits.is_default:
        yield
        return
    began, token = time.monotonic(), _limits.set(None)
    try:
        yield
    finally:
        _limits.reset(token)
        waited = time.monotonic() - began
        limits.end += waited
        limits.cleanup_end += waited


def cleanup_deadline() -> AbstractContextManager[None]:
    """Give the block the time that is left for cleaning up, even if the deadline for the work itself has passed.

    Example:
        >>> with deadline(0), cleanup_deadline():
        ...     remaining() > 0.2
        True

    """
    now, limits = time.monotonic(), _limits.get()
    if limits is None:
        limits = _Limits(now, now + CLEANUP_SECONDS)
    if isinstance(sys.exc_info()[1], KeyboardInterrupt):
        limits.cleanup_end = min(limits.cleanup_end, now + INTERRUPTED_SECONDS)
    return _Within(_Limits(limits.cleanup_end, limits.cleanup_end))


class _Within:
    """Set the limits of a block. A generator would take four times as long, and every request has one."""

    __slots__ = ("_limits", "_token")

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits

    def __enter__(self) -> None:
        self._token = _limits.set(self._limits)

    def __exit__(self, *_: object) -> None:
        _limits.reset(self._token)


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """Let another thread end the waits and requests of the block, because nobody wants their result any more.

    Args:
        stop: Set by the other thread.

    Example:
        >>> import threading
        >>> stop = threading.Event()
        >>> with stoppable(stop):
        ...     stop.set()
        ...     remaining()
        Traceback (most recent call last):
        wml_deployer.errors.DeadlineError: The call was given up.

    """
    token = _stops.set((*_stops.get(), stop))
    try:
        yield
    finally:
        _stops.reset(token)


def remaining() -> float | None:
    """Return the seconds that are left, or ``None`` without a deadline.

    Raises:
        DeadlineError: None are left, or the call was given up.

    Example:
        >>> remaining() is None
        True

    """
    stops = _stops.get()
    if stops and any(stop.is_set() for stop in stops):
        raise DeadlineError("The call was given up.")
    limits = _limits.get()
    if limits is None:
        return None
    left = limits.end - time.monotonic()
    if left <= 0:
        raise DeadlineError("The time for the call is over.", next_step="Give it more with timeout=, in seconds.")
    return left


def pause(seconds: float) -> None:
    """Sleep, but not beyond the deadline; wake up early if the call is given up.

    Args:
        seconds: How long, at most.

    Raises:
        DeadlineError: The deadline came first, or the call was given up.

    Example:
        >>> with deadline(0.01):
        ...     pause(60)
        Traceback (most recent call last):
        wml_deployer.errors.DeadlineError: The time for the call is over.
        Next: Give it more with timeout=, in seconds.

    """
    end = time.monotonic() + seconds
    while (wait := end - time.monotonic()) > 0:
        time.sleep(_at_most(wait))
    remaining()


def wait_for(event: threading.Event, seconds: float | None) -> None:
    """Wait for an event, but not beyond the deadline; it may come back early.

    Args:
        event: Set by another thread.
        seconds: How long, at most; ``None`` leaves it to the deadline.

    Raises:
        DeadlineError: The deadline has passed, or the call was given up.

    Example:
        >>> import threading
        >>> wait_for(threading.Event(), 0.01)

    """
    event.wait(_at_most(IDLE_SECONDS if seconds is None else seconds))


class _Lock(Protocol):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire it."""

    def release(self) -> None:
        """Release it."""


def acquire(lock: _Lock) -> None:
    """Acquire a lock, waiting for it no longer than the deadline allows.

    Args:
        lock: A lock or semaphore of ``threading``.

    Raises:
        DeadlineError: Another thread held it for too long.

    """
    while not lock.acquire(timeout=_at_most(POLL_SECONDS)):
        pass


@contextmanager
def hold(lock: _Lock) -> Iterator[None]:
    """Hold a lock during the block, waiting for it no longer than the deadline allows.

    Args:
        lock: A lock or semaphore of ``threading``.

    Raises:
        DeadlineError: Another thread held it for too long.

    Example:
        >>> import threading
        >>> with hold(threading.Lock()):
        ...     pass

    """
    acquire(lock)
    try:
        yield
    finally:
        lock.release()


def _at_most(seconds: float) -> float:
    """Shorten a wait to the time that is left, and to the polling interval where another thread may stop it."""
    left = remaining()
    if left is not None:
        seconds = min(seconds, left)
    return min(seconds, POLL_SECONDS) if _stops.get() else seconds


class DeadlineSocket(ssl.SSLSocket):
    """A TLS socket whose every wait ends with the deadline."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Receive into a buffer."""
        if not _stops.get():
            return self._limited(super().recv_into, *args, **options)
        usual = self.gettimeout()
        end = None if usual is None else time.monotonic() + usual
        try:
            while True:
                self.settimeout(POLL_SECONDS)
                try:
                    return self._limited(super().recv_into, *args, **options)
                except TimeoutError:
                    remaining()
                    if end is not None and time.monotonic() >= end:
                        raise
        finally:
            self.settimeout(usual)

    def send(self, *args: Any, **options: Any) -> int:
        """Send what fits; ``sendall`` calls this."""
        return self._limited(super().send, *args, **options)

    def do_handshake(self, block: bool = False) -> None:
        """Negotiate TLS."""
        self._limited(super().do_handshake, block)

    def _limited(self, act: Callable[..., Result], *args: Any, **options: Any) -> Result:
        left = remaining()
        usual = self.gettimeout()
        if left is None or (usual is not None and usual <= left):
            return act(*args, **options)
        self.settimeout(left)
        try:
            return act(*args, **options)
        finally:
            self.settimeout(usual)
