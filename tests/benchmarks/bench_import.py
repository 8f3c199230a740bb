"""What importing the library costs a script, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.bars import Bars

ROUNDS = 7
PROGRAM = """
import re, time
from pathlib import Path

def resident():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

memory, start = resident(), time.perf_counter()
{statement}
print((time.perf_counter() - start) * 1000, resident() - memory)
"""


def test_importing_costs_little(bars: Bars) -> None:
    """Time and memory; what the package's names cost, which load when first used, is shown beside it."""
    milliseconds, megabytes = cost("import wml_deployer")
    more = cost("from wml_deployer import Deployer")
    bars.note("from wml_deployer import Deployer", [f"{more[0]:.0f} ms, {more[1]:.1f} MB"])

    reached = [
        bars.at_most("import wml_deployer, time", 150, milliseconds, " ms"),
        bars.at_most("import wml_deployer, memory", 25, megabytes, " MB"),
    ]
    assert all(reached)


def cost(statement: str) -> tuple[float, float]:
    """Milliseconds and MB, medians of fresh processes."""
    command = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    rounds = [map(float, subprocess.check_output(command, text=True).split()) for _ in range(ROUNDS)]
    milliseconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))
    return milliseconds, megabytes
