"""The pace of state changes: at once, after a time, or after a number of looks at the resource."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

__all__ = ["KINDS", "Pace", "Pacing"]

KINDS = ("deployment", "job", "space")
"""Kinds of resources whose pace can be set."""


@dataclass(frozen=True)
class Pace:
    """What a change of state waits for, besides its own work.

    Attributes:
        seconds: This time.
        looks: So many looks at the resource, which show its old state.

    """

    seconds: float = 0.0
    looks: int = 0


class Pacing:
    """Delays changes of state."""

    def __init__(self) -> None:
        """Start without paces."""
        self._paces: dict[str, Pace] = {}
        self._waiting: dict[str, _Waiting] = {}

    def set(self, kind: str, pace: Pace) -> None:
        """Set the pace of a kind of resources, including those that wait already."""
        self._paces[kind] = pace
        for waiting in self._waiting.values():
            waiting.changed.set()

    def at_once(self, kind: str) -> bool:
        """Tell whether this kind of resources is not delayed."""
        return self._paces.get(kind, Pace()) == Pace()

    def looked(self, identifier: str) -> None:
        """Count a look at a resource."""
        if identifier in self._waiting:
            self._waiting[identifier].looks += 1
            self._waiting[identifier].changed.set()

    def forget(self, identifier: str) -> None:
        """Stop waiting for a deleted resource."""
        if identifier in self._waiting:
            self._waiting[identifier].released = True
            self._waiting[identifier].changed.set()

    async def hold(self, kind: str, identifier: str) -> None:
        """Wait until the resource may change its state."""
        if self.at_once(kind):
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
                # A look, another pace or a reset may come at any time.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(waiting.changed.wait(), timeout=left if left > 0 else None)
        finally:
            if self._waiting.get(identifier) is waiting:
                del self._waiting[identifier]

    def reset(self) -> None:
        """Remove all paces, and let everything that waits go on."""
        self._paces.clear()
        for waiting in self._waiting.values():
            waiting.changed.set()


class _Waiting:
    """A resource that waits."""

    def __init__(self) -> None:
        self.looks = 0
        self.released = False
        self.changed = asyncio.Event()
