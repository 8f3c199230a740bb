"""The log of the requests that the service answered, and the parts of it that the console shows."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime


__all__ = ["FILTERS", "Entry", "LogView", "RequestLog", "newest", "of_deployment"]

_KEPT = 10_000
_FAILED = 400
_SHOWN, _SHOWN_OF_ONE = 100, 10
_PREDICTIONS = re.compile(r"/ml/v4/deployments/(?P<id>[^/]+)/predictions")

FILTERS: dict[str, Callable[[Entry], bool]] = {
    "all": lambda _entry: True,
    "predictions": lambda entry: _PREDICTIONS.fullmatch(entry.path) is not None,
    "failed": lambda entry: entry.status >= _FAILED or entry.status == 0,
}
"""What the log can be narrowed to."""


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


@dataclass(frozen=True)
class LogView:
    """Some of the log.

    Attributes:
        entries: The newest requests, newest first.
        count: How many there are in all.
        failed: How many of them were not answered well.
        median: Half of them took no longer than this, in milliseconds; None where there is none.

    """

    entries: list[Entry]
    count: int
    failed: int
    median: float | None


def newest(log: Iterable[Entry], name: str) -> LogView:
    """Return the log narrowed by one of the filters; by none where there is none of this name."""
    return _log(entry for entry in log if FILTERS.get(name, FILTERS["all"])(entry))


def of_deployment(log: Iterable[Entry], *names: str | None) -> LogView:
    """Return the predictions that one deployment was asked for, by its id or serving name."""
    found = ((entry, _PREDICTIONS.fullmatch(entry.path)) for entry in log)
    return _log((entry for entry, match in found if match and match["id"] in names), _SHOWN_OF_ONE)


def _log(entries: Iterable[Entry], shown: int = _SHOWN) -> LogView:
    kept = list(entries)
    times = [entry.seconds * 1000 for entry in kept]
    return LogView(
        list(islice(reversed(kept), shown)),
        len(kept),
        sum(map(FILTERS["failed"], kept)),
        median(times) if times else None,
    )
