"""A deployer across a fork: workers of a pool and their parent use it at once."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pandas as pd

    from wml_deployer import Deployer

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),  # Python warns of what is tested here
]
inherited: dict[str, Any] = {}


def score_and_look(_: int) -> tuple[list[int], str]:
    """Use a call of this library and one of IBM's client."""
    deployer, rows = inherited["deployer"], inherited["rows"]
    return list(deployer.score(rows)["prediction"]), deployer.status().state


@pytest.mark.core
def test_forked_workers_and_their_parent_work_on(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """Each process has connections of its own, and all give the same answers."""
    rows = features.head(5)
    deployer.deploy(model)
    deployer.score(rows)
    inherited.update(deployer=deployer, rows=rows)
    expected = list(model.predict(rows)), "ready"
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map_async(score_and_look, range(6))
        here = [score_and_look(0) for _ in range(3)]

        assert [expected] * 9 == answers.get(60) + here
