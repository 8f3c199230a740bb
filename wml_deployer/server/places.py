"""A limited number of places for each of many things."""

from __future__ import annotations

import asyncio

__all__ = ["Places"]


class Places:
    """Lets so many go on at once, for each key on its own; the others wait in the order of their coming.

    Args:
        number: How many places each key has.

    """

    def __init__(self, number: int) -> None:
        """Start with all places free."""
        self._number = number
        self._keys: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str) -> asyncio.Semaphore:
        """Return the places of a key, as an asynchronous context manager."""
        return self._keys.setdefault(key, asyncio.Semaphore(self._number))

    def forget(self, key: str) -> None:
        """Let go of a key that is not used any more."""
        self._keys.pop(key, None)
