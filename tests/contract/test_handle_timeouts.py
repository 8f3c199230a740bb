"""Handles, jobs and the asynchronous twins keep their time, whatever stalls."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from wml_deployer import Deployer, Deployment, SoftwareCredentials, deployment
from wml_deployer._clients import direct
from wml_deployer._scoring import lookups
from wml_deployer.errors import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from wml_deployer.batch import Job
    from wml_deployer.testing import LocalServer

SECONDS = 0.5
OVERTIME_SECONDS = 0.5
LONGEST_GAP_SECONDS = 0.05

CALLS: dict[str, Callable[[Deployer, Deployment, Job, pd.DataFrame], object]] = {
    "refresh": lambda _, handle, __, ___: handle.refresh(timeout=SECONDS),
    "wait": lambda _, handle, __, ___: handle.wait(SECONDS),
    "score": lambda _, handle, __, rows: handle.score(rows, timeout=SECONDS),
    "score many rows": lambda _, handle, __, rows: handle.score(rows, batch_rows=1, timeout=SECONDS),
    "score chunks": lambda _, handle, __, rows: list(handle.score(iter([rows, rows]), timeout=SECONDS)),
    "await scores": lambda _, handle, __, rows: asyncio.run(handle.ascore(rows, timeout=SECONDS)),
    "await scores of a deployer": lambda deployer, _, __, rows: asyncio.run(deployer.ascore(rows, timeout=SECONDS)),
    "score chunks of a deployer": lambda deployer, _, __, rows: list(deployer.score(iter([rows]), timeout=SECONDS)),
    "submit": lambda deployer, _, __, rows: deployer.submit_batch(rows, timeout=SECONDS),
    "refresh a job": lambda _, __, job, ___: job.refresh(timeout=SECONDS),
    "wait for a job": lambda _, __, job, ___: job.wait(SECONDS),
    "result of a job": lambda _, __, job, ___: job.result(SECONDS),
    "cancel a job": lambda _, __, job, ___: job.cancel(timeout=SECONDS),
}


@pytest.fixture(scope="module")
def project(
    server: LocalServer, tmp_path_factory: pytest.TempPathFactory, model: Any, features: pd.DataFrame
) -> Iterator[tuple[Deployer, Job]]:
    """Deploy one model for all tests of this file, and start a job."""
    path = tmp_path_factory.mktemp("timeouts") / "metadata.yaml"
    path.write_text(f"project_name: timeouts-{uuid4().hex}\nproject_version: v0.1\n", encoding="utf-8")
    info = server.info
    credentials = SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )
    with Deployer(credentials, path) as deployer:
        deployer.deploy(model)
        yield deployer, deployer.submit_batch(features.head(2))


@pytest.fixture
def faults(server: LocalServer) -> Iterator[Callable[..., None]]:
    """Let requests stall until the test is over."""

    def stall(method: str | None, path: str, seconds: float = 30.0) -> None:
        server.fault(method, path, stall=seconds, times=None)

    yield stall
    server.clear_faults()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_keeps_its_time_on_a_service_that_stalls(
    project: tuple[Deployer, Job], faults: Callable[..., None], features: pd.DataFrame, name: str
) -> None:
    """With half a second of grace."""
    deployer, job = project
    handle = deployer.status()
    faults(None, "/ml/v4/")
    start = time.monotonic()

    with pytest.raises(DeadlineError):
        CALLS[name](deployer, handle, job, features.head(3))

    assert time.monotonic() - start < SECONDS + OVERTIME_SECONDS


def test_a_look_that_stalls_beside_a_score_is_within_its_time(
    project: tuple[Deployer, Job],
    faults: Callable[..., None],
    features: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows are scored; which version did that is not known, and said to be so."""
    handle = project[0].status()
    monkeypatch.setattr(lookups, "TRUST_SECONDS", 0.0)
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    faults("GET", "/ml/v4/deployments/")
    start = time.monotonic()

    with pytest.raises(DeadlineError, match="does not tell which version"):
        handle.score(features.head(3), timeout=SECONDS)

    assert time.monotonic() - start < SECONDS + OVERTIME_SECONDS


def test_a_slow_model_may_take_all_the_time(
    project: tuple[Deployer, Job],
    faults: Callable[..., None],
    features: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a time of the caller's own, a request has a minute: here a tenth of a second."""
    monkeypatch.setattr(deployment, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(direct, "READ_SECONDS", 0.1)
    faults("POST", "/predictions", 0.5)
    handle = project[0].status()

    with pytest.raises(DeadlineError):
        handle.score(features.head(1))
    assert 1 == len(handle.score(features.head(1), timeout=20.0))


@pytest.mark.parametrize("who", ["deployer", "handle"])
def test_the_event_loop_goes_on_while_a_look_up_stalls(
    project: tuple[Deployer, Job], faults: Callable[..., None], features: pd.DataFrame, who: str
) -> None:
    """It is never held up for more than a twentieth of a second; of three runs the best counts, as others work too."""
    deployer, _ = project
    way = deployer.ascore if who == "deployer" else deployer.status().ascore
    faults(None, "/ml/v4/")

    async def longest_gap() -> float:
        longest, before = 0.0, time.monotonic()
        deployer._deployed = None
        scoring = asyncio.ensure_future(way(features.head(2), timeout=0.5))
        while not scoring.done():
            await asyncio.sleep(0.002)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        with pytest.raises(DeadlineError):
            scoring.result()
        return longest

    gaps = [asyncio.run(longest_gap()) for _ in range(3)]

    assert min(gaps) < LONGEST_GAP_SECONDS
