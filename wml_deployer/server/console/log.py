"""The request log as the console shows it: the newest requests, all or some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wml_deployer.server.control.request_log import Entry

__all__ = ["FILTERS", "Log", "newest", "of_deployment"]

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
class Log:
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


def newest(log: Iterable[Entry], name: str) -> Log:
    """Return the log narrowed by one of the filters; by none where there is none of this name."""
    return _log(entry for entry in log if FILTERS.get(name, FILTERS["all"])(entry))


def of_deployment(log: Iterable[Entry], *names: str | None) -> Log:
    """Return the predictions that one deployment was asked for, by its id or serving name."""
    found = ((entry, _PREDICTIONS.fullmatch(entry.path)) for entry in log)
    return _log((entry for entry, match in found if match and match["id"] in names), _SHOWN_OF_ONE)


def _log(entries: Iterable[Entry], shown: int = _SHOWN) -> Log:
    kept = list(entries)
    times = [entry.seconds * 1000 for entry in kept]
    return Log(
        list(islice(reversed(kept), shown)),
        len(kept),
        sum(map(FILTERS["failed"], kept)),
        median(times) if times else None,
    )
