"""What a stored function imports is read out of its text, as it was read when it was packed."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from wml_deployer._functions.content import pack_function, pack_score_function, scan_function

if TYPE_CHECKING:
    from pathlib import Path

MODEL = DummyRegressor().fit([[1.0]], [2.0])


def score(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with a mean."""
    return {"predictions": [{"values": [float(np.mean(payload["input_data"][0]["values"]))]}]}


def make_score() -> Any:
    """Make the function when the module is imported."""
    return score


@pytest.mark.parametrize("kind", ["model", "function", "maker"])
def test_what_a_stored_function_carries_is_read(kind: str) -> None:
    """Of a model, of a function, and of one that makes a function."""
    packed = {
        "model": lambda: pack_function(MODEL, {"columns": ["it's (a) 'name'"]}, "d"),
        "function": lambda: pack_score_function(score, "d"),
        "maker": lambda: pack_score_function(make_score, "d"),
    }
    with packed[kind]() as package:
        assert package.scan().globals
        assert package.scan() == scan_function(package.path)


def test_a_function_that_was_not_packed_here_says_nothing(tmp_path: Path) -> None:
    """A script's own code has no model in its last statement."""
    path = tmp_path / "function.py.gz"
    path.write_bytes(gzip.compress(b"def score(payload):\n    return 'aaaaaaaaaaaaaaaaaaaaaaaa'\n"))

    assert set() == scan_function(path).globals
