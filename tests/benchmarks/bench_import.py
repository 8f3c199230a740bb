"""What importing the library costs a script, in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.bars import Bars

ROUNDS = 9
PROGRAM = """
import re, time
from pathlib import Path

def resident():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

memory, start = resident(), time.perf_counter()
from wml_deployer import Deployer
print((time.perf_counter() - start) * 1000, resident() - memory)
"""


def test_importing_costs_little(bars: Bars) -> None:
    """Time and memory, medians of fresh processes."""
    rounds = [
        [float(word) for word in subprocess.check_output([sys.executable, "-c", PROGRAM], text=True).split()]
        for _ in range(ROUNDS)
    ]
    milliseconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))

    reached = [
        bars.at_most("from wml_deployer import Deployer, time", 150, milliseconds, " ms"),
        bars.at_most("from wml_deployer import Deployer, memory", 25, megabytes, " MB"),
    ]
    assert all(reached)
