"""Locks that a forked child does not find held by a thread that it does not have."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from wml_deployer._transport.deadline import acquire

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ForkSafeLock"]

_locks: WeakSet[ForkSafeLock] = WeakSet()


class ForkSafeLock:
    """A lock for state that is right at every moment: a forked child goes on with it, and with a lock of its own.

    Example:
        >>> with ForkSafeLock() as lock:
        ...     lock is not None
        True

    """

    def __init__(self) -> None:
        """Make it free."""
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> Self:
        """Wait for it, no longer than the deadline allows."""
        acquire(self._lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self._lock.release()

    def renew(self) -> None:
        """Make it free, whoever held it."""
        self._lock = threading.Lock()


def _renew_all() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
