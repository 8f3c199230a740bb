"""The log of requests."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Entry", "RequestLog"]

_KEPT = 10_000


@dataclass(frozen=True)
class Entry:
    """One request.

    Attributes:
        method: HTTP method.
        path: Path, without the query.
        query: The query.
        status: Status of the answer; 0 where the connection was dropped instead.
        seconds: How long it took.
        connection: Number of the connection that it came by.
        at: When it was answered.

    """

    method: str
    path: str
    query: str
    status: int
    seconds: float
    connection: int
    at: datetime

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {name: value for name, value in vars(self).items() if name != "at"}


class RequestLog:
    """The newest so many requests, in the order of their answers.

    What was asked before it was cleared is not in it, whenever it is answered.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._cleared = 0.0

    def __iter__(self) -> Iterator[Entry]:
        """The oldest comes first."""
        return iter(self._entries)

    def add(self, entry: Entry, asked: float) -> None:
        """Append a request that was asked at this time of the performance counter."""
        if asked >= self._cleared:
            self._entries.append(entry)

    def clear(self) -> None:
        """Clear the log."""
        self._entries.clear()
        self._cleared = time.perf_counter()
