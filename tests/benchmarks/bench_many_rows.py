"""Millions of rows against a canned service, beside the old client in a loop of 10,000 rows, and their memory."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.conftest import credentials_for, floats
from tests.benchmarks.ways import ibm_ways
from wml_deployer._clients.door import open_scoring
from wml_deployer._scoring.batches import score_chunks, score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from tests.benchmarks.bars import Bars
    from tests.benchmarks.canned import Canned
    from tests.benchmarks.conftest import Authority
    from wml_deployer.schema import Schema

MILLION = 1_000_000
CHUNK = 50_000
BY_HAND_ROWS, CALL_ROWS = 100_000, 10_000
ROUNDS = 3


@pytest.fixture
def ask(canned: Callable[[], Canned], authority: Authority) -> Callable[[bytes], bytes]:
    """Our way to a canned service."""
    client = open_scoring(credentials_for(canned(), authority.ca_bundle))
    return lambda body: client.score("any", body)


@pytest.fixture
def old_client(
    canned: Callable[[], Canned], authority: Authority, tmp_path: Path
) -> Iterator[Callable[[pd.DataFrame], pd.DataFrame]]:
    """The old client's way to another one."""
    with LocalServer() as server:
        trusted = tmp_path / "trusted.pem"
        trusted.write_text(server.info.ca_bundle.read_text() + authority.ca_bundle.read_text())
        yield dict(ibm_ways(server.info, "any", trusted, canned().url))["old client"]


def test_a_million_rows(
    bars: Bars, ask: Callable[[bytes], bytes], schema: Schema, old_client: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """One call, beside the old client's hundred; a tenth of its calls stands for all, they are all alike."""
    frame = floats(MILLION)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        scores = score_rows(frame, ask, schema, Batching())
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        for first in range(0, BY_HAND_ROWS, CALL_ROWS):
            old_client(frame.iloc[first : first + CALL_ROWS])
        theirs.append((time.perf_counter() - start) * MILLION / BY_HAND_ROWS)
    seconds, by_hand = sorted(ours)[1], sorted(theirs)[1]
    bars.note(
        "A million rows × 30 floats on a canned service",
        [f"one call of score: {seconds:.2f} s", f"old client, 10,000 rows a call: {by_hand:.1f} s"],
    )

    assert (MILLION, True) == (len(scores), scores.index.equals(frame.index))
    assert bars.at_least("1,000,000 rows, faster than the old client by hand", 12, by_hand / seconds)


def test_memory_stays_flat(bars: Bars, ask: Callable[[bytes], bytes], schema: Schema) -> None:
    """Chunks in and chunks out: four million rows take no more than one."""
    chunk = floats(CHUNK)
    extra_mb(ask, schema, chunk, 2)
    one, four = (extra_mb(ask, schema, chunk, millions * MILLION // CHUNK) for millions in (1, 4))

    reached = [
        bars.at_most("1,000,000 rows, extra memory at the peak", 120, one, " MB"),
        bars.at_most("4,000,000 rows, extra memory at the peak", 120, four, " MB"),
    ]
    assert all(reached)


def extra_mb(ask: Callable[[bytes], bytes], schema: Schema, chunk: pd.DataFrame, count: int) -> float:
    """How much more memory than before so many chunks take at the peak; what comes back is counted and let go."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    scored = sum(map(len, score_chunks((chunk for _ in range(count)), ask, schema, Batching())))
    assert count * len(chunk) == scored
    return resident("VmHWM") - before


def resident(kind: str) -> float:
    """Memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(kind)) / 1024
