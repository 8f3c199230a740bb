"""Frames of polars and pyarrow to request bodies, beside the way that converts them to pandas first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.benchmarks.bench_payload import Job, measure
from tests.benchmarks.frames import mixed, random
from wml_deployer.payload import encode

if TYPE_CHECKING:
    from tests.benchmarks.bars import Bars

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

ROWS = 100_000
NOT_SLOWER = 0.9
"""For numbers, which both ways only look through: what is measured there differs by a tenth from run to run."""


def over_pandas(frame: Any) -> bytes:
    """What users would write themselves."""
    return encode(frame.to_pandas())


def over_nullable_integers(frame: Any) -> bytes:
    """The same where integers would become floats beside gaps."""
    return encode(frame.to_pandas().astype("Int64"))


def tables() -> dict[str, Any]:
    """A hundred thousand rows of a column of each type, a tenth of them missing; and of tables as they are."""
    chance = random()
    gaps = chance.random(ROWS) < 0.1
    counts = chance.integers(0, 10**6, ROWS)
    moments = pa.array(1_700_000_000_000_000 + counts * 60_000_000, mask=gaps)
    words = np.array(["Lisboa", "Porto", "São Paulo"], dtype=object)[counts % 3]
    arrays = {
        "bool": pa.array(counts % 2 == 0, mask=gaps),
        "int64": pa.array(counts),
        "int64 with gaps": pa.array(counts, mask=gaps),
        "float64": pa.array(chance.normal(size=ROWS), mask=gaps),
        "float32": pa.array(chance.normal(size=ROWS).astype("float32"), mask=gaps),
        "text": pa.array(words, mask=gaps),
        "large text": pa.array(words, pa.large_string(), mask=gaps),
        "dictionary": pa.array(words, mask=gaps).dictionary_encode(),
        "timestamp": moments.cast(pa.timestamp("us")),
        "timestamp with a zone": moments.cast(pa.timestamp("us", "America/Sao_Paulo")),
        "date": pa.array(counts % 20_000, pa.int32(), mask=gaps).cast(pa.date32()),
        "time": pa.array(counts, mask=gaps).cast(pa.time64("us")),
        "duration": moments.cast(pa.duration("us")),
        "decimal": pa.array(counts, mask=gaps).cast(pa.decimal128(21, 2)),
    }
    floats = {f"f{place}": chance.normal(size=ROWS) for place in range(30)}
    return {
        **{kind: pa.table({"x": array}) for kind, array in arrays.items()},
        "30 x float64": pa.table(floats),
        "25 mixed": pa.Table.from_pandas(mixed(ROWS), preserve_index=False),
    }


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_are_written_no_slower_than_over_pandas(bars: Bars, library: str) -> None:
    """A frame of each type takes no more time than its conversion to pandas and that frame together."""
    found = {}
    for kind, table in tables().items():
        frame = pl.from_arrow(table) if library == "polars" else table
        theirs = over_nullable_integers if kind == "int64 with gaps" else over_pandas
        job = Job(kind, 1, encode, theirs, partial(repeated, frame))
        found[kind] = measure(job)
    ranked = sorted((ratio, kind) for kind, ratio in found.items())
    title = f"{ROWS:,} rows of {library}, as many times faster as over pandas"
    bars.note(title, [f"{kind:<40}{ratio:>7.2f} ×" for ratio, kind in ranked])
    slowest = bars.at_least(
        f"frame -> bytes, {ROWS:,} rows of {library}, of {len(ranked)} kinds the slowest", NOT_SLOWER, ranked[0][0]
    )
    whole = bars.at_least(f"frame -> bytes, {ROWS:,} x 25 mixed of {library}, beside over pandas", 1, found["25 mixed"])

    assert slowest
    assert whole


def repeated(frame: Any, count: int) -> list[Any]:
    return [frame] * count
