"""The main job from end to end, on the embedded service: no account, no network.

A real data set (breast cancer, 569 rows, from scikit-learn's wheel) gets two models. The first is stored and deployed,
the second replaces it under the same URL, the service is killed and started again, and the first is rolled back to.
At each stage the answers are compared with the local model's, bit for bit: a single difference ends the script badly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from wml_deployer import Deployer

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA = """\
project_name: breast-cancer
project_version: v0.1
author: Ana Conceição   # whatever else stands here stays
"""


@dataclass(frozen=True)
class Data:
    """The data set: n rows x 30 measurements of cell nuclei, and what the biopsy found."""

    train: pd.DataFrame
    test: pd.DataFrame
    train_found: pd.Series[str]
    test_found: pd.Series[str]


class Story:
    """Prints the chapters, each with the time it took."""

    def __init__(self) -> None:
        """Start the clock."""
        self._begin = self._chapter = time.perf_counter()
        self._number = 0

    def open(self, title: str) -> None:
        """Begin a chapter."""
        self._number += 1
        self._chapter = time.perf_counter()
        print(f"\n{self._number}. {title}")

    def say(self, text: str) -> None:
        """Tell one thing that happened, and when in the chapter."""
        print(f"   {time.perf_counter() - self._chapter:5.2f} s  {text}")

    def end(self) -> None:
        """Close the story."""
        print(f"\nDone in {time.perf_counter() - self._begin:.1f} s.")


def load() -> Data:
    """Read the data and hold a quarter of it back."""
    bunch = load_breast_cancer(as_frame=True)
    found = bunch.target.map(dict(enumerate(bunch.target_names)))
    return Data(*train_test_split(bunch.data, found, test_size=0.25, random_state=0, stratify=found))


@contextmanager
def running_service(folder: Path) -> Iterator[str]:
    """Run the embedded service on a folder in a process of its own; it is killed without a warning, as by a crash."""
    command = [sys.executable, "-m", "wml_deployer.server", "--data-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:  # noqa: S603 - our own command
        try:
            ready = json.loads(service.stdout.readline() if service.stdout else "{}")
            yield ready["url"]
        finally:
            service.kill()


def score(story: Story, deployer: Deployer, stage: str, model: Any, data: Data) -> tuple[str, ...]:
    """Score the held-back rows on the service and compare them with the local model, bit for bit."""
    scores = deployer.score(data.test)
    answered = scores[[f"probability_{label}" for label in model.classes_]].to_numpy()
    same_labels = np.array_equal(model.predict(data.test), scores["prediction"])
    same_bits = model.predict_proba(data.test).tobytes() == np.ascontiguousarray(answered).tobytes()
    if not (same_labels and same_bits and scores.index.equals(data.test.index)):
        sys.exit(f"{stage}: the service does not answer what the local model does")
    story.say(f"{len(scores)} rows scored: equal to the local model's answers, bit for bit")
    right = scores["prediction"] == data.test_found
    malignant = data.test_found == "malignant"
    found = f"{(right & malignant).sum()} of {malignant.sum()}"
    return stage, str(deployer.status().version), f"{right.mean():.1%}", found, f"{answered[0].max():.12f}"


def deploy_and_update(story: Story, deployer: Deployer, simple: Any, better: Any, data: Data) -> list[tuple[str, ...]]:
    """Deploy the simple model, then let the better one take its place."""
    story.open("Store and deploy a decision tree")
    model = deployer.store(simple, sample=data.train.head(50))
    story.say(f"stored: {model.version} as {model.model_type} on {model.software_specification}")
    first = deployer.deploy(model, reason="first version")
    story.say("deployed, and verified on 50 sample rows")
    story.say(first.url)
    rows = [score(story, deployer, "deployed", simple, data)]

    story.open("Update it to a logistic regression")
    second = deployer.update(better, sample=data.train.head(50), version="v0.2", reason="right more often")
    if (second.id, second.url) != (first.id, first.url):
        sys.exit("an update changed the deployment's id or URL")
    story.say(f"{second.version} serves under the same id and URL")
    return [*rows, score(story, deployer, "updated", better, data)]


def roll_back(story: Story, deployer: Deployer, simple: Any, data: Data) -> tuple[str, ...]:
    """Serve the simple model again."""
    story.open("Roll back")
    back = deployer.rollback(reason="v0.2 waits for its approval")
    story.say(f"{back.version} serves again")
    return score(story, deployer, "rolled back", simple, data)


def sum_up(rows: list[tuple[str, ...]], history: pd.DataFrame) -> None:
    """Print what each version was worth, and what metadata.lock remembers."""
    heads = ["", "version", "right", "tumours found", "row 1 sure at"]
    print("\n" + pd.DataFrame(rows, columns=heads).to_string(index=False))
    print("\nWhat was live, and why, as metadata.lock keeps it:\n")
    print(history[["action", "from", "to", "verification", "why"]].fillna("-").to_string(index=False))


def tell(folder: Path, story: Story) -> None:
    """Tell the story in a folder of its own."""
    data = load()
    simple = DecisionTreeClassifier(max_depth=2, random_state=0).fit(data.train, data.train_found)
    better = make_pipeline(StandardScaler(), LogisticRegression(random_state=0)).fit(data.train, data.train_found)
    print(
        f"Breast cancer: {len(data.train)} rows to fit on, {len(data.test)} held back, {data.train.shape[1]} columns."
    )
    metadata = folder / "metadata.yaml"
    metadata.write_text(METADATA, encoding="utf-8")

    with running_service(folder / ".wml"), Deployer.local(metadata) as deployer:
        rows = deploy_and_update(story, deployer, simple, better, data)
        story.open("Kill the service, and start it again on the same folder")
    with running_service(folder / ".wml") as url, Deployer.local(metadata) as deployer:
        story.say(f"killed, and back at {url}")
        rows.append(score(story, deployer, "restarted", better, data))
        rows.append(roll_back(story, deployer, simple, data))
        sum_up(rows, deployer.history())


def main() -> None:
    """Tell the story in a temporary folder that is gone afterwards."""
    story = Story()
    with tempfile.TemporaryDirectory() as folder:
        tell(Path(folder), story)
    story.end()


if __name__ == "__main__":
    main()
