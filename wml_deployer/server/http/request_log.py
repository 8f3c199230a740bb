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


__all__ = ["FILTERS", "Entry", "LogView", "RequestLog", "newest", "predictions_of"]

_KEPT = 10_000
_FAILED = 400
_SHOWN, _SHOWN_OF_ONE = 100, 10
_PREDICTIONS = re.compile(r"/ml/v4/deployments/(?P<id>[^/]+)/predictions")

FILTERS: dict[str, Callable[[Entry], bool]] = {
    "all": lambda _entry: True,
    "predictions": lambda entry: _PREDICTIONS.fullmatch(entry.path) is not None,
    "failed": lambda entry: entry.status >= _FAILED or entry.status == 0,
}
"""Filters of the log, by the name that the console shows."""


@dataclass(frozen=True)
class Entry:
    """One request and its response.

    Attributes:
        method: HTTP method.
        path: Path, without the query.
        query: The query.
        status: Status of the response; 0 if the connection was dropped instead.
        seconds: How long it took.
        connection: Number of the connection.
        at: Time of the response.

    """

    method: str
    path: str
    query: str
    status: int
    seconds: float
    connection: int
    at: datetime

    def document(self) -> dict[str, Any]:
        """Return the entry as JSON data."""
        return {name: value for name, value in vars(self).items() if name != "at"}


class RequestLog:
    """The newest requests, in the order of their responses.

    Requests that arrived before the log was cleared are not added to it when they complete.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._cleared = 0.0

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries, oldest first."""
        return iter(self._entries)

    def add(self, entry: Entry, started: float) -> None:
        """Append a request that arrived at the given `time.perf_counter`."""
        if started >= self._cleared:
            self._entries.append(entry)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self._cleared = time.perf_counter()


@dataclass(frozen=True)
class LogView:
    """The matching part of the log, as the console shows it.

    Attributes:
        entries: The newest matching requests, newest first.
        count: Number of matching requests.
        failed: Number of those that failed.
        median: Their median duration in milliseconds; None if there are none.

    """

    entries: list[Entry]
    count: int
    failed: int
    median: float | None


def newest(log: Iterable[Entry], name: str) -> LogView:
    """Return the requests that match a filter; all of them if there is no filter of this name."""
    return _log(entry for entry in log if FILTERS.get(name, FILTERS["all"])(entry))


def predictions_of(log: Iterable[Entry], *names: str | None) -> LogView:
    """Return the prediction requests of a deployment, by its id or serving name."""
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
