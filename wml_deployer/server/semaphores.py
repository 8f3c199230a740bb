"""A semaphore for each of many keys."""

from __future__ import annotations

import asyncio

__all__ = ["Semaphores"]


class Semaphores:
    """Limit how much goes on at once, for each key on its own; the others wait in the order of their coming.

    Args:
        limit: How many may hold the semaphore of a key at once.

    """

    def __init__(self, limit: int) -> None:
        """Start without any key."""
        self._limit = limit
        self._keys: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str) -> asyncio.Semaphore:
        """Return the semaphore of a key."""
        return self._keys.setdefault(key, asyncio.Semaphore(self._limit))

    def forget(self, key: str) -> None:
        """Let go of a key that is not used any more."""
        self._keys.pop(key, None)
