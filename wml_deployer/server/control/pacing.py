"""How fast resources go from one state to the next: at once, after a time, or after having been looked at so often."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

__all__ = ["KINDS", "Pace", "Pacing"]

KINDS = ("deployment", "job", "space")
"""Kinds of resources whose pace can be set."""


@dataclass(frozen=True)
class Pace:
    """What a transition waits for, beside its own work.

    Attributes:
        seconds: This time.
        looks: So many looks at the resource, which show its old state.

    """

    seconds: float = 0.0
    looks: int = 0


class Pacing:
    """Holds transitions back."""

    def __init__(self) -> None:
        """Hold nothing back."""
        self._paces: dict[str, Pace] = {}
        self._looks: Counter[str] = Counter()
        self._waiting: dict[str, asyncio.Event] = {}

    def set(self, kind: str, pace: Pace) -> None:
        """Let all resources of a kind go at this pace."""
        self._paces[kind] = pace

    def at_once(self, kind: str) -> bool:
        """Tell whether nothing holds resources of this kind back."""
        return self._paces.get(kind, Pace()) == Pace()

    def looked(self, identifier: str) -> None:
        """Count a look at a resource."""
        if identifier in self._waiting:
            self._looks[identifier] += 1
            self._waiting[identifier].set()

    def forget(self, identifier: str) -> None:
        """Let a resource that is gone wait no longer."""
        if identifier in self._waiting:
            self._looks[identifier] += 1_000_000
            self._waiting[identifier].set()

    async def hold(self, kind: str, identifier: str) -> None:
        """Return when the resource may go to its next state."""
        if self.at_once(kind):
            return
        event = self._waiting.setdefault(identifier, asyncio.Event())
        try:
            await asyncio.sleep(self._paces[kind].seconds)
            while self._looks[identifier] < self._paces.get(kind, Pace()).looks:
                event.clear()
                await event.wait()
        finally:
            self._looks.pop(identifier, None)
            self._waiting.pop(identifier, None)

    def reset(self) -> None:
        """Hold nothing back any more."""
        self._paces.clear()
        for event in self._waiting.values():
            event.set()
