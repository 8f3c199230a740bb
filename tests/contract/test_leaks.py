"""Many calls leave no thread, file descriptor or memory behind."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.verbs import newest
from wml_deployer import Deployer, StoredModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

WARM_UP = 10
CALLS = int(os.environ.get("WML_DEPLOYER_LEAK_CALLS", "10000"))
"""Calls of each verb that changes nothing and takes a few milliseconds."""
ROLLOUTS = int(os.environ.get("WML_DEPLOYER_LEAK_ROLLOUTS", "60"))
"""Calls of each other verb; a few hundred show as well what each of them leaves."""
BYTES = 1 << 20
"""What all calls of a verb together may leave."""
ENTRY_BYTES = 24_000
"""What an entry of the project's log takes in memory: the file is kept as it was parsed, until it changes."""


def stored(deployer: Deployer, name: str) -> StoredModel:
    """Return a version by its name."""
    return StoredModel.from_version(next(each for each in deployer.metadata.versions if each.name == name))


def other_version(deployer: Deployer) -> str:
    """Name one of two versions: the one that does not serve."""
    return "v0.1" if deployer.metadata.log[-1].to_version == "v0.2" else "v0.2"


def update(deployer: Deployer, model: Any, rows: pd.DataFrame) -> None:
    deployer.update(stored(deployer, other_version(deployer)))


def promote(deployer: Deployer, model: Any, rows: pd.DataFrame) -> None:
    """Promote the candidate, put back what served, and make another candidate."""
    deployer.promote()
    deployer.rollback(to="v0.1")
    deployer.candidate(stored(deployer, "v0.3"))


def discard(deployer: Deployer, model: Any, rows: pd.DataFrame) -> None:
    deployer.discard()
    deployer.candidate(stored(deployer, "v0.3"))


def delete(deployer: Deployer, model: Any, rows: pd.DataFrame) -> None:
    deployer.delete()
    deployer.deploy(stored(deployer, "v0.1"))


CHEAP: dict[str, Callable[[Deployer, Any, pd.DataFrame], object]] = {
    "score": lambda deployer, _, rows: deployer.score(rows),
    "ascore": lambda deployer, _, rows: asyncio.run(deployer.ascore(rows)),
    "scorer": lambda deployer, _, rows: deployer.scorer(rows)(rows),
    "status": lambda deployer, _, __: deployer.status(),
    "history": lambda deployer, _, __: deployer.history(),
    "diff": lambda deployer, _, __: deployer.diff("v0.1", "v0.2"),
    "compare": lambda deployer, _, rows: deployer.compare(rows),
    "jobs": lambda deployer, _, __: deployer.jobs(),
    "console_link": lambda deployer, _, __: deployer.console_link(),
}
OTHERS: dict[str, Callable[[Deployer, Any, pd.DataFrame], object]] = {
    "check": lambda deployer, model, rows: deployer.check(model, sample=rows),
    "store": lambda deployer, model, rows: deployer.store(model, sample=rows),
    "release": lambda deployer, _, __: deployer.release(newest(deployer)),
    "update": update,
    "rollback": lambda deployer, _, __: deployer.rollback(to=other_version(deployer)),
    "promote": promote,
    "discard": discard,
    "delete": delete,
    "recover": lambda deployer, _, __: deployer.recover(),
    "prune": lambda deployer, _, __: deployer.prune(9),
    "score_batch": lambda deployer, _, rows: deployer.score_batch(rows),
    "submit_batch": lambda deployer, _, rows: deployer.submit_batch(rows).result(),
}


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, fit: Callable[[float], Any], features: pd.DataFrame
) -> Iterator[tuple[Deployer, Any, pd.DataFrame]]:
    """Deploy two versions and a candidate on a service in a process of its own."""
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "metadata.yaml").write_text("project_name: leaks\nproject_version: v0.1\n")
    rows = features.head(3)
    with Deployer.local(folder / "metadata.yaml") as deployer:
        deployer.deploy(fit(1.0), version="v0.1", sample=rows)
        deployer.update(fit(0.01), version="v0.2", sample=rows)
        deployer.candidate(fit(0.3), version="v0.3", sample=rows)
        yield deployer, fit(0.3), rows


def held() -> tuple[int, int, int]:
    """Count threads, file descriptors and bytes of this process."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return threading.active_count(), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")  # noqa: PTH208


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts what Linux tells of a process")
@pytest.mark.parametrize("verb", [*CHEAP, *OTHERS])
def test_a_verb_leaves_nothing_behind(project: tuple[Deployer, Any, pd.DataFrame], verb: str) -> None:
    """Threads and descriptors are as many as before, and memory grows by less than a megabyte beside the log."""
    deployer = project[0]
    call, calls = (CHEAP[verb], CALLS) if verb in CHEAP else (OTHERS[verb], ROLLOUTS)
    for _ in range(WARM_UP):
        call(*project)
    entries = len(deployer.metadata.log)
    threads, descriptors, memory = held()
    for _ in range(calls):
        call(*project)
    left = [after - before for after, before in zip(held(), (threads, descriptors, memory), strict=True)]

    logged = len(deployer.metadata.log) - entries
    print(f"{verb}: {calls} calls left {left}, {logged} entries")  # noqa: T201 - what a long run is read for

    assert ([0, 0], True) == (left[:2], left[2] <= BYTES + logged * ENTRY_BYTES), left
