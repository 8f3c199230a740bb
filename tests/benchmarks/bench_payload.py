"""Frames to request bodies and answers to frames, beside what the tutorial's reader writes by hand.

Each ratio is of medians over rounds in which both ways take turns, in processor time: what else the machine does is
left out. Before an encoder is timed, both ways are shown to write the same values.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pandas as pd
import pytest

from tests.benchmarks.frames import mixed, random, repaired
from wml_deployer.payload import decode, encode

if TYPE_CHECKING:
    from tests.benchmarks.bars import Bars

NOT_SLOWER = 0.8
"""For frames of ten rows: two simple ways to write a frame cost some microseconds more than the tutorial's lines."""

CLOSE = 1.1
"""What is nearer to its bar than a tenth is measured again, longer: a call takes five microseconds."""

PEAK_TIMES_BODY = 2.5
ROUND_SECONDS = 0.05
JOB_SECONDS = 2
ROUNDS = range(3, 100)
MOST_CALLS = 400
LABELS = {2: ["No Risk", "Risk"], 10: list("abcdefghij")}

Way = Callable[[Any], Any]


class Job(NamedTuple):
    """One job, done in two ways.

    Attributes:
        name: What is done.
        bar: How many times faster ours has to be.
        ours: Our way, from the input.
        theirs: The other way, from the same input.
        inputs: Makes so many inputs, none of which was looked into before.

    """

    name: str
    bar: float
    ours: Way
    theirs: Way
    inputs: Callable[[int], list[Any]]


def tutorial(frame: pd.DataFrame) -> str:
    """The tutorial's own lines."""
    values = {"fields": frame.columns.to_numpy().tolist(), "values": frame.to_numpy().tolist()}
    return json.dumps({"input_data": [values]})


def repaired_tutorial(frame: pd.DataFrame) -> str:
    """The same with its errors repaired."""
    return tutorial(repaired(frame))


def best_tutorial(frame: pd.DataFrame) -> Way:
    """The tutorial's own lines where they are right, the repaired ones where they are not."""
    try:
        return tutorial if is_right(tutorial, frame) else repaired_tutorial
    except TypeError:
        return repaired_tutorial


def is_right(way: Way, frame: pd.DataFrame) -> bool:
    """Whether both ways write the same values."""
    return repr(json.loads(encode(frame))) == repr(json.loads(way(frame)))


def plain_reading(body: bytes) -> pd.DataFrame:
    """json.loads, a list comprehension and a DataFrame."""
    (block,) = json.loads(body)["predictions"]
    if block["fields"] == ["prediction"]:
        return pd.DataFrame(block["values"], columns=["prediction"])
    rows = [[label, *probabilities] for label, probabilities in block["values"]]
    names = [f"probability_{position}" for position in range(len(rows[0]) - 1)]
    return pd.DataFrame(rows, columns=["prediction", *names])


def floats(rows: int, width: int = 30) -> pd.DataFrame:
    return pd.DataFrame(random().normal(size=(rows, width)), columns=[f"f{place}" for place in range(width)])


def ten_rows() -> dict[str, pd.DataFrame]:
    """A frame of ten rows for each dtype, of one column, three and thirty."""
    chance = random()
    letters = list("abcdefghij")
    kinds: dict[str, Callable[[], Any]] = {
        "float64": lambda: chance.normal(size=10),
        "whole float64": lambda: chance.integers(0, 9, 10).astype(float),
        "float32": lambda: chance.normal(size=10).astype("float32"),
        "int64": lambda: chance.integers(0, 9, 10),
        "bool": lambda: chance.random(10) < 1 / 2,
        "object": lambda: letters,
        "string": lambda: pd.Series(letters, dtype="string"),
        "Int64": lambda: pd.Series(chance.integers(0, 9, 10)).astype("Int64"),
        "category": lambda: pd.Categorical(letters),
        "datetime64": lambda: pd.date_range("2024-01-31", periods=10),
        "datetime64 UTC": lambda: pd.date_range("2024-01-31", periods=10, tz="UTC"),
    }
    frames = {
        f"{width} x {kind}": pd.DataFrame({f"c{place}": cells() for place in range(width)})
        for kind, cells in kinds.items()
        for width in (1, 3, 30)
    }
    halves = {f"f{place}": "int64" for place in range(15)}
    return {**frames, "30 x float64 and int64": floats(10).astype(halves), "25 mixed": mixed(10)}


def answer(rows: int, classes: int, labels: list[str] | None = None) -> bytes:
    """A classifier's answer, or for no classes a regressor's, as the service writes it."""
    if not classes:
        numbers = random().normal(size=(rows, 1)).tolist()
        return orjson.dumps({"predictions": [{"fields": ["prediction"], "values": numbers}]})
    chances = random().dirichlet([1.0] * classes, rows)
    chosen = [labels[place] if labels else place for place in chances.argmax(axis=1).tolist()]
    values = [list(row) for row in zip(chosen, chances.tolist(), strict=True)]
    return orjson.dumps({"predictions": [{"fields": ["prediction", "probability"], "values": values}]})


def copies(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """Frames that pandas has not looked into yet, as a caller has them."""
    return [frame.copy() for _ in range(count)]


def same(body: bytes, count: int) -> list[bytes]:
    return [body] * count


def encoding(what: str, bar: float, frame: pd.DataFrame, theirs: Way) -> Job:
    return Job(f"frame -> bytes, {what}", bar, encode, theirs, partial(copies, frame))


def decoding(rows: int, classes: int, bar: float, labels: list[str] | None = None) -> Job:
    kind = f"{classes} classes" if classes else "regression"
    name = f"bytes -> frame, {rows:,} rows, {kind}{', text labels' if labels else ''}"
    return Job(name, bar, decode, plain_reading, partial(same, answer(rows, classes, labels)))


BESIDE = {tutorial: "the tutorial", repaired_tutorial: "the tutorial, repaired", plain_reading: "json and lists"}


def jobs() -> list[Job]:
    """Every job with its bar."""
    return [
        *(encoding(f"{count:,} x 30 floats", 15, floats(count), tutorial) for count in (1_000, 100_000)),
        *(encoding(f"{count:,} x 25 mixed", 6, mixed(count), repaired_tutorial) for count in (1_000, 100_000)),
        *(encoding(f"10 x {kind}", NOT_SLOWER, frame, best_tutorial(frame)) for kind, frame in ten_rows().items()),
        *(decoding(1_000, classes, 4.5) for classes in (2, 10, 0)),
        *(decoding(100_000, classes, 6) for classes in (2, 10, 0)),
        *(decoding(count, classes, 2, LABELS[classes]) for count in (1_000, 100_000) for classes in (2, 10)),
    ]


def test_both_ways_write_the_same() -> None:
    """What is timed below is the same work: the encoders write the same values."""
    frames = [floats(1_000), mixed(1_000), *ten_rows().values()]

    assert [] == [frame.dtypes.to_dict() for frame in frames if not is_right(repaired_tutorial, frame)]


@pytest.mark.timeout(900)
def test_payloads_are_faster(bars: Bars) -> None:
    """Every job reaches its bar; of the many kinds of ten rows, the one that gains least."""
    found = [(job, measure(job)) for job in jobs()]
    small = sorted((ratio, job.name) for job, ratio in found if job.bar == NOT_SLOWER)
    bars.note("Frames of ten rows, as many times faster", [f"{name:<40}{ratio:>7.2f} ×" for ratio, name in small])
    reached = [
        bars.at_least(f"{job.name}, beside {BESIDE[job.theirs]}", job.bar, ratio)
        for job, ratio in found
        if job.bar != NOT_SLOWER
    ]
    slowest = f"frame -> bytes, 10 rows, of {len(small)} kinds the slowest"
    reached.append(bars.at_least(slowest, NOT_SLOWER, small[0][0]))
    behind = sum(ratio < 1 for ratio, _ in small)
    bars.because(slowest, f"{behind} of the kinds are; every value is looked at before it is sent.")

    assert all(reached)


def test_encoding_takes_little_memory(bars: Bars) -> None:
    """Writing 100,000 x 30 floats takes at most 2.5 times the body, itself included."""
    alone = [sys.executable, "-m", __name__]
    ran = subprocess.run(alone, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)

    assert bars.at_most(
        "frame -> bytes, 100,000 x 30 floats, peak memory", PEAK_TIMES_BODY, float(ran.stdout), " × the body"
    )


def measure(job: Job) -> float:
    """How many times faster ours is."""
    found = ratio(job, JOB_SECONDS)
    return found if found > CLOSE * job.bar else ratio(job, 3 * JOB_SECONDS)


def ratio(job: Job, seconds: float) -> float:
    """Of medians over rounds that take about so long."""
    ways = (job.theirs, job.ours)
    once = [[per_call(way, job.inputs(1)) for _ in range(2)][-1] for way in ways]
    calls = [max(1, min(MOST_CALLS, int(ROUND_SECONDS / each))) for each in once]
    expected = sum(count * each for count, each in zip(calls, once, strict=True))
    rounds = max(ROUNDS.start, min(ROUNDS.stop, int(seconds / expected)))
    times = [[per_call(way, job.inputs(count)) for way, count in zip(ways, calls, strict=True)] for _ in range(rounds)]
    theirs, ours = (statistics.median(column) for column in zip(*times, strict=True))
    return float(theirs / ours)


def per_call(way: Way, inputs: list[Any]) -> float:
    """Processor time of a call, of many one after the other."""
    start = time.process_time()
    for each in inputs:
        way(each)
    return (time.process_time() - start) / len(inputs)


def peak_times_body() -> float:
    """How many bodies of memory writing one takes at most: to be asked for in a process of its own."""
    frame = floats(100_000)
    encode(frame.iloc[:10])
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what making the frame left over would hide what encoding takes
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    size = len(encode(frame))
    return (resident("VmHWM") - before) / size


def resident(kind: str) -> int:
    """Memory of this process in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(kind)) * 1024


if __name__ == "__main__":
    sys.stdout.write(f"{peak_times_body():.2f}\n")
