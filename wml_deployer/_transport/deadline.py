"""The time that a whole call may take, whatever happens on its connections, and its end when nobody waits any more.

Timeouts of HTTP libraries start anew with each byte that arrives. A deadline does not: a :class:`DeadlineSocket` looks
at it before each read and write, so that a server that drips a byte a second ends too.
"""

from __future__ import annotations

import ssl
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from wml_deployer.errors import DeadlineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

__all__ = ["DeadlineSocket", "deadline", "grace", "remaining", "stoppable"]

LOOK_SECONDS = 0.2
"""How often a read that may be stopped looks whether it is."""

_end: ContextVar[float | None] = ContextVar("wml_deployer_deadline", default=None)
_stops: ContextVar[tuple[threading.Event, ...]] = ContextVar("wml_deployer_stops", default=())
Result = TypeVar("Result")


def deadline(seconds: float | None) -> AbstractContextManager[None]:
    """Bound everything in the block to this many seconds; within another deadline, the earlier one counts.

    Args:
        seconds: Seconds from now; ``None`` leaves the enclosing deadline as it is.

    Example:
        >>> with deadline(5):
        ...     remaining() <= 5
        True

    """
    if seconds is None:
        return nullcontext()
    enclosing = _end.get()
    end = time.monotonic() + seconds
    return _Until(end if enclosing is None else min(enclosing, end))


def grace(seconds: float) -> AbstractContextManager[None]:
    """Bound the block to this many seconds, even where the enclosing deadline is over: to put things right after it.

    Args:
        seconds: Seconds from now.

    Example:
        >>> with deadline(0), grace(5):
        ...     remaining() > 1
        True

    """
    return _Until(time.monotonic() + seconds)


class _Until:
    """Not a generator, which takes four times as long: every request has one."""

    __slots__ = ("_end", "_token")

    def __init__(self, end: float) -> None:
        self._end = end

    def __enter__(self) -> None:
        self._token = _end.set(self._end)

    def __exit__(self, *_: object) -> None:
        _end.reset(self._token)


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """Let another thread end what the block does on its connections, for nobody waits for it any more.

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
    end = _end.get()
    if end is None:
        return None
    left = end - time.monotonic()
    if left <= 0:
        raise DeadlineError("The time for the call is over.", next_step="Give it more with timeout=, in seconds.")
    return left


class DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that never waits longer than what the deadline leaves."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read into a buffer."""
        if not _stops.get():
            return self._bounded(super().recv_into, *args, **options)
        usual = self.gettimeout()
        end = None if usual is None else time.monotonic() + usual
        try:
            while True:
                self.settimeout(LOOK_SECONDS)
                try:
                    return self._bounded(super().recv_into, *args, **options)
                except TimeoutError:
                    remaining()
                    if end is not None and time.monotonic() >= end:
                        raise
        finally:
            self.settimeout(usual)

    def send(self, *args: Any, **options: Any) -> int:
        """Send what fits; ``sendall`` is made of it."""
        return self._bounded(super().send, *args, **options)

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands."""
        self._bounded(super().do_handshake, block)

    def _bounded(self, act: Callable[..., Result], *args: Any, **options: Any) -> Result:
        left = remaining()
        usual = self.gettimeout()
        if left is None or (usual is not None and usual <= left):
            return act(*args, **options)
        self.settimeout(left)
        try:
            return act(*args, **options)
        finally:
            self.settimeout(usual)
