"""Fuzz the targets with atheris, as a script: ``python tests/fuzz/fuzz.py answers -runs=1000000``.

What follows a target's name is for libFuzzer; without a name, each target is fuzzed for a minute. Bytes that go wrong
are left in the working directory as ``crash-...``; the case that is made of them goes to ``tests/fuzz/cases/TARGET``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["wml_deployer", "pickletools", "tarfile", "json"]):
    from tests.fuzz.targets import SEEDS, TARGETS


OPTIONS = ("-max_len=2048", "-rss_limit_mb=2048")


def fuzz(name: str, *options: str) -> None:
    """Fuzz a target until an option says stop, or something goes wrong; this ends the process."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *OPTIONS, *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:]:
        fuzz(*sys.argv[1:])
    for each in TARGETS:
        subprocess.run([sys.executable, __file__, each, "-max_total_time=60"], check=True)
