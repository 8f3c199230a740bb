"""Charts of a deployment's requests over time, as figures from which the templates draw SVG.

A chart covers the time from the first request to now in equal steps. Each step has a bar for its requests, with the
failed ones in another colour, and a point for each of two latencies: half of the requests took at most p50, 95 of a
hundred at most p95.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wml_deployer.server.http.request_log import has_failed, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.server.http.request_log import Entry

__all__ = ["Bar", "Chart", "Traffic", "traffic"]

_STEPS = 48
#: Lengths of a step in seconds that people can read off an axis.
_LENGTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 512.0, 10.0, 120.0
_WIDTH = (_RIGHT - _LEFT) / _STEPS
_LABELS = 5


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        x: Left edge.
        y: Upper edge.
        width: Width.
        height: Height.
        failed: Whether it counts failed requests.

    """

    x: float
    y: float
    width: float
    height: float
    failed: bool


@dataclass(frozen=True)
class Chart:
    """A chart, in the units of its drawing.

    Attributes:
        title: What it shows.
        summary: The same in a sentence, for those who do not see it.
        bars: Its bars.
        lines: Name of each line, and its points as SVG writes them.
        dots: Name of a line, and a point of it; for steps without neighbours, which a line does not show.
        rows: Position and label of the horizontal lines.
        columns: Position and label of the times.

    """

    title: str
    summary: str
    bars: list[Bar]
    lines: list[tuple[str, str]]
    dots: list[tuple[str, float, float]]
    rows: list[tuple[float, str]]
    columns: list[tuple[float, str]]


@dataclass(frozen=True)
class Traffic:
    """The prediction requests of a deployment.

    Attributes:
        count: Number of requests.
        failed: Number of failed ones.
        p50: Milliseconds that half of them took at most.
        p95: Milliseconds that 95 of a hundred took at most.
        step: Length of a step, in words.
        requests: Chart of the requests.
        latency: Chart of the latencies.

    """

    count: int
    failed: int
    p50: float
    p95: float
    step: str
    requests: Chart
    latency: Chart


def traffic(entries: Sequence[Entry], now: datetime) -> Traffic | None:
    """Return the charts of a deployment's requests; None if there are none.

    Args:
        entries: Its prediction requests, oldest first.
        now: The end of the charts.

    """
    p50, p95 = quantile(entries, 50), quantile(entries, 95)
    if p50 is None or p95 is None:
        return None
    span = (now - entries[0].at).total_seconds()
    seconds = next((length for length in _LENGTHS if length * _STEPS > span), int(span / _STEPS) + 1)
    end = datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, now.tzinfo)
    steps = _steps(entries, end - timedelta(seconds=seconds * _STEPS), seconds)
    columns = [
        (_x(step), f"{end - timedelta(seconds=seconds * (_STEPS - step)):%H:%M:%S}")
        for step in range(0, _STEPS, _STEPS // _LABELS + 1)
    ]
    failed = sum(map(has_failed, entries))
    return Traffic(
        len(entries), failed, p50, p95, _words(seconds), _requests(steps, columns, failed), _latency(steps, columns)
    )


def _steps(entries: Sequence[Entry], start: datetime, seconds: int) -> list[list[Entry]]:
    steps: list[list[Entry]] = [[] for _ in range(_STEPS)]
    for entry in entries:
        place = int((entry.at - start).total_seconds() // seconds)
        # The clock may have been set back meanwhile.
        steps[min(max(place, 0), _STEPS - 1)].append(entry)
    return steps


def _requests(steps: list[list[Entry]], columns: list[tuple[float, str]], failed: int) -> Chart:
    top = _top(max(map(len, steps)))
    width = round(_WIDTH - 1, 1)
    bars = []
    for step, entries in enumerate(steps):
        bad = sum(map(has_failed, entries))
        for count, base, is_bad in ((len(entries) - bad, bad, False), (bad, 0, True)):
            if count:
                upper = _y(base + count, top)
                bars.append(Bar(_x(step), upper, width, round(_y(base, top) - upper, 1), is_bad))
    summary = (
        f"Requests over time, at most {max(map(len, steps))} in a step; {failed} of {sum(map(len, steps))} failed."
    )
    return Chart("Requests", summary, bars, [], [], _rows(top, ""), columns)


def _latency(steps: list[list[Entry]], columns: list[tuple[float, str]]) -> Chart:
    found = {name: [quantile(entries, percent) for entries in steps] for name, percent in (("p50", 50), ("p95", 95))}
    highest = max(value for values in found.values() for value in values if value is not None)
    top = _top(highest)
    lines, dots = [], []
    for name, values in found.items():
        places = [(step, value) for step, value in enumerate(values) if value is not None]
        points = [(round(_x(step) + _WIDTH / 2, 1), _y(value, top)) for step, value in places]
        lines.append((name, " ".join(f"{x},{y}" for x, y in points)))
        dots += [(name, x, y) for x, y in points]
    summary = f"Latency over time: the slowest step has a p95 of {highest:.1f} ms."
    return Chart("Latency", summary, [], lines, dots, _rows(top, " ms"), columns)


def _top(highest: float) -> float:
    """Return the end of an axis: the next of 1, 2, 5, 10, 20...

    Example:
        >>> _top(3), _top(11.5), _top(0.4)
        (5.0, 20.0, 0.5)

    """
    top = 0.001
    for step in (2, 2.5, 2) * 12:
        if top >= highest:
            break
        top = round(top * step, 6)
    return top


def _rows(top: float, unit: str) -> list[tuple[float, str]]:
    # There is no half of a request.
    values = (0, top / 2, top) if unit or top % 2 == 0 else (0, top)
    return [(_y(value, top), f"{value:,g}{unit}") for value in values]


def _x(step: float) -> float:
    return round(_LEFT + _WIDTH * step, 1)


def _y(value: float, top: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * value / top, 1)


def _words(seconds: int) -> str:
    """Return a length of time in words.

    Example:
        >>> _words(1), _words(900), _words(7200)
        ('1 second', '15 minutes', '2 hours')

    """
    units = (("hour", 3600), ("minute", 60), ("second", 1))
    unit, length = next((unit, length) for unit, length in units if seconds % length == 0)
    return f"{seconds // length} {unit}{'s' if seconds != length else ''}"
