"""A framework that is one file and one row of the registry is stored, deployed and scored like any other."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from wml_deployer.frameworks._registry import FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer import Deployer

FILE = Path(__file__).parents[1] / "unit" / "frameworks" / "toy.py"
ROWS = pd.DataFrame({"petal": [1.0, 2.0], "sepal": [3.0, 4.0]})


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file, as a module of the user's own, and the row."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.syspath_prepend(str(FILE.parent))
    toy = import_module(FILE.stem)
    FRAMEWORKS.append(toy.Toy())
    yield toy
    FRAMEWORKS.pop()
    del sys.modules[FILE.stem]


def test_its_model_is_deployed_and_scores(deployer: Deployer, toy: Any) -> None:
    """Its own module goes along, for no runtime has it."""
    deployed = deployer.release(toy.Constant(1.5, ["petal", "sepal"]), sample=ROWS, code=[FILE])

    assert [1.5, 1.5] == deployer.score(ROWS[["sepal", "petal"]])["prediction"].tolist()
    assert deployed.schema is not None
    assert ["petal", "sepal"] == [field.name for field in deployed.schema.fields]
