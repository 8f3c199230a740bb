"""What fuzzing begins with, and the bytes that it found something wrong with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import SEEDS, TARGETS

CASES = Path(__file__).with_name("cases")
"""``cases/TARGET/what_went_wrong``: the bytes as they were found."""


@pytest.mark.parametrize(("target", "seed"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds])
def test_a_seed_is_read(target: str, seed: bytes) -> None:
    """Each target has some, of every kind that its reader knows."""
    TARGETS[target](seed)


@pytest.mark.parametrize(
    "case", [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in sorted(CASES.glob("*/*"))]
)
def test_what_was_wrong_is_right(case: Path) -> None:
    """No case goes wrong a second time."""
    TARGETS[case.parent.name](case.read_bytes())
