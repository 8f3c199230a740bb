"""The pools of all deployments: whoever stops one has the last word."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.server.deployments.serving import Serving, ServingSpec
from wml_deployer.server.runtimes import LoadError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Pool:
    """A pool that answers with its number."""

    made = 0

    def __init__(self) -> None:
        Pool.made += 1
        self.stopped = False

    async def predict(self, body: bytes) -> bytes:
        return body

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[Pool]:
    """The pools that were started; each takes some turns of the loop to load."""
    started: list[Pool] = []

    async def start(*_: Any, **__: Any) -> Pool:
        for _turn in range(5):
            await asyncio.sleep(0)
        started.append(Pool())
        return started[-1]

    async def warm(_: Serving) -> None:
        pass

    monkeypatch.setattr(WorkerPool, "start", start)
    monkeypatch.setattr(Serving, "warm_up", warm)
    return started


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[], ServingSpec]:
    (tmp_path / "artifact").touch()
    return lambda: ServingSpec(tmp_path / "artifact", "scikit-learn_1.6", "runtime-25.1-py3.12")


def meanwhile(
    folder: Path, spec: Callable[[], ServingSpec], turns: int, act: Callable[[Serving], Any]
) -> tuple[Serving, list[Any]]:
    """Ask twice at once, act after so many turns of the loop, and return what the askers got."""

    async def run() -> tuple[Serving, list[Any]]:
        serving = Serving(folder)
        asked = [asyncio.ensure_future(serving.predict("d", spec, b"{}")) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await act(serving)
        return serving, await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("turns", range(1, 7))
def test_a_deployment_that_is_stopped_while_it_loads_is_not_served(
    turns: int, tmp_path: Path, spec: Callable[[], ServingSpec], pools: list[Pool]
) -> None:
    """Whenever during the load the end comes; no process of it is left, and those who asked are told."""
    serving, answers = meanwhile(tmp_path, spec, turns, lambda serving: serving.stop("d"))

    assert ({}, {True}) == (serving._served, {pool.stopped for pool in pools} or {True})
    assert {"deployment_stopped"} == {error.code for error in answers if isinstance(error, LoadError)}


@pytest.mark.parametrize("turns", range(1, 7))
def test_a_service_that_ends_while_it_loads_leaves_no_pool(
    turns: int, tmp_path: Path, spec: Callable[[], ServingSpec], pools: list[Pool]
) -> None:
    """As for one that is stopped."""
    serving, _ = meanwhile(tmp_path, spec, turns, lambda serving: serving.close())

    assert ({}, {True}) == (serving._served, {pool.stopped for pool in pools} or {True})


@pytest.mark.parametrize("turns", range(1, 7))
def test_an_update_that_arrives_during_a_load_wins(
    turns: int, tmp_path: Path, spec: Callable[[], ServingSpec], pools: list[Pool]
) -> None:
    """What was loaded on behalf of a request is older than it."""
    new: Any = Pool()
    serving, answers = meanwhile(tmp_path, spec, turns, lambda serving: serving.replace("d", new))

    assert ([b"{}", b"{}"], new) == (answers, serving._served["d"].pool)
    assert [True] == [pool.stopped for pool in pools]


def test_all_who_ask_at_once_share_one_load(tmp_path: Path, spec: Callable[[], ServingSpec], pools: list[Pool]) -> None:
    """The first request after a restart starts the workers, the others wait."""
    _, answers = meanwhile(tmp_path, spec, 1, lambda _: asyncio.sleep(0))

    assert ([b"{}", b"{}"], 1) == (answers, len(pools))
