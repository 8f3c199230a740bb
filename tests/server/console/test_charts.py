"""The charts of a deployment's requests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from wml_deployer.server.console.charts import traffic
from wml_deployer.server.http.request_log import Entry

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def entry(minutes: float, milliseconds: float, status: int = 200) -> Entry:
    at = NOW - timedelta(minutes=minutes)
    return Entry("POST", "/ml/v4/deployments/d/predictions", "", status, milliseconds / 1000, 1, at)


def test_nothing_is_drawn_without_requests() -> None:
    """A deployment that nobody asked has no charts."""
    assert None is traffic([], NOW)


def test_every_request_is_in_a_bar() -> None:
    """Failed ones in bars of their own, below the others, all within the chart."""
    drawn = traffic([*(entry(50, 2) for _ in range(6)), *(entry(50, 2, 500) for _ in range(2)), entry(0, 2)], NOW)

    assert drawn is not None
    bars = drawn.requests.bars
    assert (9, 2, [False, True, False]) == (drawn.count, drawn.failed, [bar.failed for bar in bars])
    assert [6, 2, 1] == [round(bar.height / bars[2].height) for bar in bars]
    assert all(52 <= bar.x <= 512 and 10 <= bar.y and bar.y + bar.height <= 120.1 for bar in bars)


def test_latency_is_told_by_quantiles() -> None:
    """Half of the requests took at most p50, 95 of a hundred at most p95."""
    drawn = traffic([entry(1, milliseconds) for milliseconds in range(1, 101)], NOW)

    assert drawn is not None
    assert (50, 95) == (round(drawn.p50), round(drawn.p95))
    assert ["p50", "p95"] == [name for name, _ in drawn.latency.lines]


def test_steps_fit_the_time() -> None:
    """A minute is drawn in seconds, a week in hours."""
    steps = [traffic([entry(minutes, 1)], NOW) for minutes in (0.5, 60, 7 * 24 * 60)]

    assert ["1 second", "2 minutes", "4 hours"] == [drawn.step for drawn in steps if drawn]
