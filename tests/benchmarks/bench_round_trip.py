"""Scoring over a network whose round trip takes 40 ms, beside a bare kept-alive connection."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.conftest import credentials_for, floats, handle_of
from tests.benchmarks.ways import bare_connection, medians
from wml_deployer._clients.door import open_scoring
from wml_deployer.payload import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tests.benchmarks.bars import Bars
    from tests.benchmarks.canned import Canned
    from tests.benchmarks.conftest import Authority
    from wml_deployer.schema import Schema

ROUND_TRIP_SECONDS = 0.040
THREADS = 8
CALLS = 25


@pytest.fixture
def distant(canned: Callable[[float], Canned]) -> Canned:
    """A canned service, far away."""
    return canned(ROUND_TRIP_SECONDS)


@pytest.fixture
def score(distant: Canned, authority: Authority, schema: Schema) -> Callable[[pd.DataFrame], object]:
    """Our way to it."""
    return handle_of(open_scoring(credentials_for(distant, authority.ca_bundle)), schema).score


@pytest.mark.parametrize(("rows", "bar"), [(1, 1.05), (1_000, 1.2)])
def test_a_call_is_one_round_trip(
    bars: Bars,
    distant: Canned,
    score: Callable[[pd.DataFrame], object],
    authority: Authority,
    rows: int,
    bar: float,
) -> None:
    """One request a call, no new connection, and hardly longer than a bare POST."""
    frame = floats(rows)
    bare = bare_connection(distant.url, authority.ca_bundle, "any", "any")
    ways: dict[str, Callable[[], object]] = {
        "wml_deployer": partial(score, frame),
        "bare": partial(bare, encode(frame)),
    }
    medians(ways, 1)
    connections, requests = distant.counts
    found = medians(ways, 30)
    more = distant.counts

    reached = [
        bars.at_most(f"{rows:,} rows at 40 ms, requests a call", 1, (more[1] - requests) / (2 * 31), ""),
        bars.at_most(f"{rows:,} rows at 40 ms, new connections", 0, more[0] - connections, ""),
        bars.at_most(f"{rows:,} rows at 40 ms, beside a bare POST", bar, found["wml_deployer"] / found["bare"]),
    ]
    assert all(reached)


def test_eight_threads(
    bars: Bars, distant: Canned, score: Callable[[pd.DataFrame], object], authority: Authority
) -> None:
    """One client for all threads, beside a bare connection for each."""
    frame = floats(1)
    body = encode(frame)
    bare = [bare_connection(distant.url, authority.ca_bundle, "any", "any") for _ in range(THREADS)]
    requests_a_second([partial(score, frame)] * THREADS)
    theirs = requests_a_second([partial(each, body) for each in bare])
    ours = requests_a_second([partial(score, frame)] * THREADS)

    assert bars.at_least("1 row at 40 ms, 8 threads, requests/s beside bare connections", 0.9, ours / theirs)


def requests_a_second(ways: list[Callable[[], object]]) -> float:
    """Each way again and again on a thread of its own."""
    start = time.perf_counter()
    with ThreadPoolExecutor(len(ways)) as pool:
        list(pool.map(lambda way: [way() for _ in range(CALLS)], ways))
    return len(ways) * CALLS / (time.perf_counter() - start)
