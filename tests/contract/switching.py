"""Score again and again while another process lets the deployment serve one version after the other.

The versions answer alike but for the names of their classes, and each gives the predicted class another probability: so
every row tells which version gave it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from wml_deployer import Deployer, SoftwareCredentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLASSES = {"v1": ("a", "b", "c"), "v2": ("a", "b", "d"), "v3": ("a", "c", "d")}
CERTAINTY = {"v1": 0.5, "v2": 0.625, "v3": 0.75}
ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
KINDS = ("deployer", "handle", "scorer", "second checkout")
PATIENCE_SECONDS = 60.0


def model_of(version: str) -> DecisionTreeClassifier:
    """Fit a tree that predicts the class at the place that a row names."""
    certainty, classes = CERTAINTY[version], CLASSES[version]
    table = [
        (row, label, certainty if place == row else (1 - certainty) / 2)
        for row in range(3)
        for place, label in enumerate(classes)
    ]
    rows, labels, weights = zip(*table, strict=True)
    return DecisionTreeClassifier().fit(pd.DataFrame({"x": map(float, rows)}), labels, sample_weight=weights)


@dataclass
class Found:
    """What one way to score was answered.

    Attributes:
        calls: How often it scored.
        versions: Which versions answered.
        wrong: Rows whose columns are not called by the classes of the version that gave them.

    """

    calls: int = 0
    versions: set[str] = field(default_factory=set)
    wrong: list[dict[Any, Any]] = field(default_factory=list)

    def check(self, rows: pd.DataFrame, scores: pd.DataFrame) -> None:
        """Compare the names of the columns with what the values tell."""
        self.calls += 1
        for (_, row), answer in zip(rows.iterrows(), scores.to_dict("records"), strict=True):
            values = list(answer.values())
            version = next(name for name, value in CERTAINTY.items() if value == max(values[1:]))
            self.versions.add(version)
            names = [f"probability_{label}" for label in CLASSES[version]]
            if (values[0], list(answer)[1:]) != (CLASSES[version][int(row["x"])], names):
                self.wrong.append(answer)


def read(kind: str, credentials: dict[str, Any], path: Path, over: Path) -> Found:
    """Score in one way until a file is there: rows of every class, and single ones once all versions are known.

    A file beside it tells of each version that answered.
    """
    found = Found()
    with Deployer(SoftwareCredentials(**credentials), path) as deployer:
        endpoint = deployer._deployment("score")._endpoint
        way: Callable[[pd.DataFrame], pd.DataFrame] = deployer.score
        if kind == "handle":
            way = deployer.status().score
        elif kind == "scorer":
            way = deployer.scorer(ROWS)
        while not over.exists():
            time.sleep(0.01)
            found.check(ROWS, way(ROWS))
            # A version that nobody here has heard of shows in its labels, if they are there.
            if len(endpoint.revisions()) == len(CLASSES):
                for row in range(3):
                    found.check(ROWS.iloc[[row]], way(ROWS.iloc[[row]]))
            for version in found.versions:
                answered(over, kind, version).touch()
    return found


def answered(over: Path, kind: str, version: str) -> Path:
    """The file that tells that a version answered to one way to score."""
    return over.with_name(f"{kind} {version}")


def write(credentials: dict[str, Any], path: Path, switches: int, over: Path) -> None:
    """Update, roll back and promote; then let each version serve until it has answered to every way to score."""
    with Deployer(SoftwareCredentials(**credentials), path) as deployer:
        stored = {name: deployer.store(model_of(name), version=name) for name in ("v2", "v3")}
        for switch in range(switches):
            if switch % 4 == 0:
                deployer.update(stored["v2"])
            elif switch % 4 == 2:
                deployer.candidate(stored["v3"])
                deployer.promote()
            else:
                deployer.rollback(to="v1")
        for version in CLASSES:
            if deployer.status().version != version:
                deployer.rollback(to=version)
            # A reader that failed never answers: the test is to show its error.
            end = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < end and not all(answered(over, kind, version).exists() for kind in KINDS):
                time.sleep(0.05)


def second_checkout(path: Path) -> Path:
    """Copy a project that knows one version so far."""
    other = path.parent / "second" / path.name
    other.parent.mkdir()
    shutil.copy(path, other)
    shutil.copy(path.with_suffix(".lock"), other.with_suffix(".lock"))
    return other
