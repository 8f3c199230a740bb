"""The log of the requests that the service answered, and the parts of it that the console shows."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime


__all__ = [
    "FILTERS",
    "Entry",
    "LogView",
    "RequestLog",
    "has_failed",
    "newest",
    "predicted",
    "predictions",
    "predictions_of",
    "quantile",
]

_KEPT = 10_000
_FAILED = 400
_SHOWN, _SHOWN_OF_ONE = 100, 10
_PREDICTIONS = re.compile(r"/ml/v4/deployments/(?P<id>[^/]+)/predictions")


def predicted(entry: Entry) -> str | None:
    """Return the id or serving name of the deployment that a prediction was requested of; None for other requests."""
    match = _PREDICTIONS.fullmatch(entry.path)
    return match["id"] if match else None


def has_failed(entry: Entry) -> bool:
    """Return whether a request was refused, failed or was dropped."""
    return entry.status >= _FAILED or entry.status == 0


FILTERS: dict[str, Callable[[Entry], bool]] = {
    "all": lambda _entry: True,
    "predictions": lambda entry: predicted(entry) is not None,
    "failed": has_failed,
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
        matching: All of them, oldest first.

    """

    entries: list[Entry]
    matching: list[Entry]

    @property
    def count(self) -> int:
        """Number of matching requests."""
        return len(self.matching)

    @property
    def failed(self) -> int:
        """Number of those that failed."""
        return sum(map(has_failed, self.matching))

    @property
    def median(self) -> float | None:
        """Their median duration in milliseconds; None if there are none."""
        return quantile(self.matching, 50)


def newest(log: Iterable[Entry], name: str, *, names: Collection[str] = (), text: str = "") -> LogView:
    """Return the requests that match.

    Args:
        log: The request log.
        name: Name of a filter; all requests if there is none of this name.
        names: Id and serving name of a deployment, for only those of its predictions.
        text: What method, path or status contain.

    """
    matches = FILTERS.get(name, FILTERS["all"])
    text = text.lower()
    return _view(
        entry
        for entry in log
        if matches(entry)
        and (not names or predicted(entry) in names)
        and (not text or text in f"{entry.method} {entry.path} {entry.status}".lower())
    )


def predictions_of(log: Iterable[Entry], names: Collection[str]) -> LogView:
    """Return the prediction requests of a deployment, given by its id and serving name."""
    return _view((entry for entry in log if predicted(entry) in names), _SHOWN_OF_ONE)


def predictions(log: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the prediction requests by the id or serving name that they name."""
    found: dict[str, list[Entry]] = {}
    for entry in log:
        if (name := predicted(entry)) is not None:
            found.setdefault(name, []).append(entry)
    return found


def quantile(entries: Collection[Entry], percent: int) -> float | None:
    """Return how many milliseconds the given share of the requests took at most; None without requests.

    It is the time of one of them, the nearest rank.
    """
    if not entries:
        return None
    times = sorted(entry.seconds for entry in entries)
    return times[max(-(-len(times) * percent // 100) - 1, 0)] * 1000


def _view(entries: Iterable[Entry], shown: int = _SHOWN) -> LogView:
    matching = list(entries)
    return LogView(list(islice(reversed(matching), shown)), matching)
