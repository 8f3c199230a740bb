"""Delays of state changes: for some seconds, or until a resource was read several times."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

__all__ = ["KINDS", "Pace", "Pacing"]

KINDS = ("deployment", "job", "space")
"""Kinds of resources whose state changes can be delayed."""


@dataclass(frozen=True)
class Pace:
    """How long a state change is delayed.

    Attributes:
        seconds: Minimum duration.
        looks: Minimum number of requests for the resource, which show its old state.

    """

    seconds: float = 0.0
    looks: int = 0


class Pacing:
    """Delays state changes."""

    def __init__(self) -> None:
        """Start without delays."""
        self._paces: dict[str, Pace] = {}
        self._waiting: dict[str, _Waiting] = {}

    def set(self, kind: str, pace: Pace) -> None:
        """Set the pace of a kind of resources, also for those already waiting."""
        self._paces[kind] = pace
        for waiting in self._waiting.values():
            waiting.changed.set()

    def is_immediate(self, kind: str) -> bool:
        """Return whether state changes of this kind are not delayed."""
        return self._paces.get(kind, Pace()) == Pace()

    def count_read(self, identifier: str) -> None:
        """Count a request for a resource."""
        if identifier in self._waiting:
            self._waiting[identifier].looks += 1
            self._waiting[identifier].changed.set()

    def forget(self, identifier: str) -> None:
        """Release a waiting resource that was deleted."""
        if identifier in self._waiting:
            self._waiting[identifier].released = True
            self._waiting[identifier].changed.set()

    async def wait(self, kind: str, identifier: str) -> None:
        """Wait until the resource may change its state."""
        if self.is_immediate(kind):
            return
        waiting = self._waiting[identifier] = _Waiting()
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            while not waiting.released:
                pace = self._paces.get(kind, Pace())
                left = started + pace.seconds - clock()
                if left <= 0 and waiting.looks >= pace.looks:
                    return
                waiting.changed.clear()
                # Woken by a request for the resource, a new pace or a reset.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(waiting.changed.wait(), timeout=left if left > 0 else None)
        finally:
            if self._waiting.get(identifier) is waiting:
                del self._waiting[identifier]

    def reset(self) -> None:
        """Remove all delays, and release all waiting resources."""
        self._paces.clear()
        for waiting in self._waiting.values():
            waiting.changed.set()


class _Waiting:
    """A waiting resource."""

    def __init__(self) -> None:
        self.looks = 0
        self.released = False
        self.changed = asyncio.Event()
