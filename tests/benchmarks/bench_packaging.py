"""Packing a 50 MB random forest, beside the way IBM's old client packs it: joblib, tar, then gzip -9, in the cwd.

Each way packs in a process of its own, so that the peak of its memory is its own; the rounds are interleaved, with
several short ones for each long one of the old client's.
"""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier

from wml_deployer.packaging import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.bars import Bars

FASTER = 40
LARGER = 1.3
EXTRA_MEMORY_MB = 32
ROUNDS, SHORT_ONES = 3, 4
OLD = "old client"


def test_packing_a_forest(bars: Bars, tmp_path: Path) -> None:
    """At most 1.3 times as large, in at most 32 MB, at least 40 times faster, with the fast extra and without."""
    forest = fit_forest(tmp_path / "forest.pkl")
    ours = ["zlib", *(["zlib-ng"] if is_installed("zlib_ng") else [])]
    found = medians_of([(way, measure(way, forest)) for way in [OLD, *ours * SHORT_ONES] * ROUNDS])
    bars.note(f"Packing a forest whose pickle takes {forest.stat().st_size / 1e6:.1f} MB", list(lines(found)))

    old = found.pop(OLD)
    reached = [
        held
        for way, new in found.items()
        for held in (
            bars.at_least(f"packing with {way}, faster than the old client", FASTER, old["seconds"] / new["seconds"]),
            bars.at_most(f"packing with {way}, size beside the old client's", LARGER, new["size"] / old["size"]),
            bars.at_most(f"packing with {way}, extra memory at the peak", EXTRA_MEMORY_MB, new["extra_mb"], " MB"),
        )
    ]
    bars.because(
        "packing with zlib, faster than the old client",
        "pickling has to end before the archive begins, whose header tells the size; then zlib keeps all cores busy.",
    )
    assert all(reached)


def medians_of(rounds: list[tuple[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The median of each figure of each way."""
    by_way: dict[str, list[dict[str, float]]] = {}
    for way, figures in rounds:
        by_way.setdefault(way, []).append(figures)
    return {
        way: {key: statistics.median(each[key] for each in measured) for key in measured[0]}
        for way, measured in by_way.items()
    }


def fit_forest(path: Path) -> Path:
    """Fit a forest whose pickle takes about 50 MB."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(60_000, 30))
    noise = random.normal(size=len(rows))
    labels = rows[:, 0] + rows[:, 1] * rows[:, 2] + noise > 0
    joblib.dump(RandomForestClassifier(42, n_jobs=2, random_state=0).fit(rows, labels), path)
    return path


def is_installed(package: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0


def measure(way: str, forest: Path) -> dict[str, float]:
    """Run one round in a new process."""
    ran = subprocess.run([sys.executable, __file__, way, forest], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def lines(medians: dict[str, dict[str, float]]) -> Iterator[str]:
    """The figures of each way."""
    yield f"{'way':<12}{'seconds':>9}{'MB':>8}{'extra MB':>10}"
    for way, found in medians.items():
        yield f"{way:<12}{found['seconds']:>9.3f}{found['size'] / 1e6:>8.2f}{found['extra_mb']:>10.1f}"


def pack_as_old_client(model: Any) -> int:
    """What store_model does with an estimator before it uploads it."""
    from ibm_watson_machine_learning.libs.repo.mlrepositoryartifact import (  # noqa: PLC0415 - only its own round
        scikit_pipeline_reader,
    )

    reader = scikit_pipeline_reader.ScikitPipelineReader(model)
    with reader.read() as archive:
        size = os.fstat(archive.fileno()).st_size
    reader.close()
    return size


def pack_as_we_do(model: Any) -> int:
    with pack(model) as package:
        return package.size


def run(way: str, forest: str) -> dict[str, float]:
    """One round: imports and a small model first, so that only the packing counts."""
    if way == "zlib":
        sys.modules["zlib_ng"] = None  # type: ignore[assignment]  # how an import is made to fail
    pack_one: Callable[[Any], int] = pack_as_old_client if way == OLD else pack_as_we_do
    model = joblib.load(forest)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        pack_one(DummyRegressor().fit([[1.0]], [2.0]))
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what loading the model left over would hide what packing takes
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        start = time.perf_counter()
        size = pack_one(model)
        seconds = time.perf_counter() - start
        os.chdir("/")
        return {"seconds": seconds, "size": size, "extra_mb": resident("VmHWM") - before}


def resident(kind: str) -> float:
    """Memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(kind)) / 1024


if __name__ == "__main__":
    json.dump(run(*sys.argv[1:]), sys.stdout)
