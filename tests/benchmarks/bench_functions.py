"""Scoring a model that goes live as a function, beside the same model that a runtime serves natively."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.benchmarks.conftest import floats
from tests.benchmarks.ways import medians
from wml_deployer import Deployer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.bars import Bars

TIMES_NATIVE = 1.5
ROWS = 1_000


def with_text() -> pd.DataFrame:
    """Six columns, of which one is text and one integers."""
    found = floats(ROWS).iloc[:, :4]
    return found.assign(plan=pd.Series(["a", "b", "c", "d"] * (ROWS // 4), dtype=object), count=np.arange(ROWS))


KINDS = {
    "30 floats": (floats(ROWS), StandardScaler()),
    "6 mixed columns": (with_text(), make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")),
}


@pytest.fixture(params=KINDS)
def ways(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, pd.DataFrame, dict[str, Deployer]]]:
    """One model, deployed in both ways."""
    rows, step = KINDS[request.param]
    model: Any = make_pipeline(step, LogisticRegression(max_iter=1000)).fit(rows, np.arange(ROWS) % 2)
    found: dict[str, Deployer] = {}
    for route in ("native", "function"):
        (tmp_path / route).mkdir()
        path = tmp_path / route / "metadata.yaml"
        path.write_text(f"project_name: {route}\nproject_version: v1\n", encoding="utf-8")
        found[route] = Deployer.local(path)
        found[route].release(model, sample=rows.head(20), route=route)
    yield request.param, rows, found
    for deployer in found.values():
        deployer.close()


@pytest.mark.parametrize(("count", "rounds"), [(1, 60), (ROWS, 20)])
def test_a_function_costs_little_more(count: int, rounds: int, ways: Any, bars: Bars) -> None:
    """Frame to frame, through the embedded service."""
    columns, rows, deployers = ways
    found = medians({route: partial(one.score, rows.head(count)) for route, one in deployers.items()}, rounds)
    job = f"score {count:,} × {columns} through a function, beside the native way"

    assert bars.at_most(job, TIMES_NATIVE, found["function"] / found["native"])
