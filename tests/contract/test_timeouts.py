"""Every verb keeps its time, and Ctrl-C ends it, wherever the service stalls."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import Self

from tests.contract.calls import Call, calls_of
from tests.contract.verbs import newest
from wml_deployer import Deployer
from wml_deployer._transport.pool import CONNECTIONS
from wml_deployer.errors import DeadlineError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

SECONDS = 1.0
OVERTIME_SECONDS = 0.5
STALL_SECONDS = 30.0
ATTEMPTS = 3
"""A call that is late on a busy machine is made again; one that is late by itself is late each time."""
VERBS: dict[str, Callable[..., object]] = {
    "check": lambda deployer, model, rows, **time: deployer.check(model, sample=rows, **time),
    "store": lambda deployer, model, rows, **time: deployer.store(model, sample=rows, **time),
    "deploy": lambda deployer, _, __, **time: deployer.deploy(newest(deployer), **time),
    "update": lambda deployer, model, rows, **time: deployer.update(model, sample=rows, **time),
    "release": lambda deployer, model, rows, **time: deployer.release(model, sample=rows, **time),
    "rollback": lambda deployer, _, __, **time: deployer.rollback(to="v0.1", **time),
    "status": lambda deployer, _, __, **time: deployer.status(**time),
    "candidate": lambda deployer, model, rows, **time: deployer.candidate(model, sample=rows, **time),
    "compare": lambda deployer, _, rows, **time: deployer.compare(rows, **time),
    "promote": lambda deployer, _, __, **time: deployer.promote(**time),
    "discard": lambda deployer, _, __, **time: deployer.discard(**time),
    "score": lambda deployer, _, rows, **time: deployer.score(rows, **time),
    "scorer": lambda deployer, _, rows, **time: deployer.scorer(rows, **time),
    "prune": lambda deployer, _, __, **time: deployer.prune(1, **time),
    "recover": lambda deployer, _, __, **time: deployer.recover(**time),
    "delete": lambda deployer, _, __, **time: deployer.delete(**time),
    "cascade": lambda deployer, _, __, **time: deployer.delete(cascade=True, **time),
    "score in batch": lambda deployer, _, rows, **time: deployer.score_batch(rows, **time),
    "jobs": lambda deployer, _, __, **time: deployer.jobs(**time),
}
WITH_CANDIDATE = frozenset({"compare", "promote", "discard", "cascade"})


class Service:
    """A service that stalls at one request of a verb, and a project on it.

    Args:
        server: The service.
        client: Looks at the space.
        project: Opens a new project.
        models: The versions to deploy, and one more.
        rows: Rows to score and verify with.

    """

    def __init__(
        self,
        server: LocalServer,
        client: Client,
        project: Callable[[], Deployer],
        models: list[Any],
        rows: pd.DataFrame,
    ) -> None:
        self.server = server
        self.client = client
        self.project = project
        self.models = models
        self.rows = rows

    def prepared(self, verb: str) -> Deployer:
        """Return a project that the verb has something to do on, the only one that is deployed."""
        self.stop_workers()
        deployer = self.project()
        if verb == "deploy":
            deployer.store(self.models[0], version="v0.1")
            return deployer
        deployer.deploy(self.models[0], version="v0.1")
        deployer.update(self.models[1], version="v0.2")
        if verb in WITH_CANDIDATE:
            deployer.candidate(self.models[2], version="v0.3")
        return deployer

    def stop_workers(self) -> None:
        """Delete what earlier projects deployed: the workers of hundreds of them would slow the machine down."""
        for deployment in (*self.client.deployments(), *self.client.batch_deployments()):
            self.client.delete_deployment(deployment.id)

    def run(self, verb: str, deployer: Deployer, **time: float) -> None:
        """Call the verb."""
        VERBS[verb](deployer, self.models[2], self.rows, **time)

    def calls(self, verb: str) -> list[Call]:
        """Return the requests that the verb makes."""
        deployer = self.prepared(verb)
        # The service logs a request once it is over, which may be after its response was read.
        self.server.clear_requests()
        self.run(verb, deployer)
        return calls_of(self.server.requests)

    def timed_run(self, verb: str, call: Call) -> tuple[float, str]:
        """Call the verb with a timeout while one of its requests stalls; return how long it took, and what it said."""
        deployer, said = self.stalled(verb, call), "returned"
        start = time.monotonic()
        try:
            self.run(verb, deployer, timeout=SECONDS)
        except WMLDeployerError as error:
            said = str(error)
        taken = time.monotonic() - start
        self.server.clear_faults()
        return taken, said

    def stalled(self, verb: str, call: Call) -> Deployer:
        """Return a project on a service that does not answer one of the verb's requests."""
        deployer = self.prepared(verb)
        self.server.fault(call.method, call.path, stall=STALL_SECONDS, skip=call.before, times=None)
        return deployer


@pytest.fixture
def service(
    server: LocalServer,
    reached: SoftwareCredentials,
    client: Client,
    tmp_path: Path,
    fit: Callable[[float], Any],
    features: pd.DataFrame,
) -> Iterator[Service]:
    """Run the verbs on projects of their own, in one space."""
    opened: list[Deployer] = []

    def project() -> Deployer:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        (folder / "metadata.yaml").write_text(f"project_name: {tmp_path.name}-{len(opened)}\nproject_version: v0.1\n")
        opened.append(Deployer(reached, folder / "metadata.yaml"))
        return opened[-1]

    service = Service(server, client, project, [fit(strength) for strength in (1.0, 0.01, 0.3)], features.head(3))
    yield service
    server.clear_faults()
    service.stop_workers()
    for deployer in opened:
        deployer.close()


class Interrupt:
    """Ctrl-C, some time after the beginning of a ``with`` block that must not end before.

    Python drops an interrupt that comes during a finalizer or a callback of a weak reference: then it is pressed again.

    Args:
        delay: Seconds until it is pressed.

    """

    def __init__(self, delay: float) -> None:
        self._timer = threading.Timer(delay, self._press)
        self._pressed_at: float | None = None

    def __enter__(self) -> Self:
        """Start the clock."""
        self._usual_hook, sys.unraisablehook = sys.unraisablehook, self._press_again
        # A shell lets what it runs in the background ignore Ctrl-C.
        self._usual_handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, so that a block that ended by itself is not followed by an interrupt."""
        self._timer.cancel()
        sys.unraisablehook = self._usual_hook
        signal.signal(signal.SIGINT, self._usual_handler)
        self.seconds = math.nan if self._pressed_at is None else time.monotonic() - self._pressed_at

    def _press(self) -> None:
        self._pressed_at = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    def _press_again(self, dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is not KeyboardInterrupt:
            self._usual_hook(dropped)
            return
        self._timer = threading.Timer(0.01, self._press)
        self._timer.start()


def first(calls: list[Call]) -> list[Call]:
    """Stall at the first request."""
    return calls[:1]


def change(calls: list[Call]) -> list[Call]:
    """Stall at the request that changes what serves."""
    return [call for call in calls if call.method == "PATCH"][:1]


def every(calls: list[Call]) -> list[Call]:
    """Stall at each request in turn."""
    return calls


def points() -> list[Any]:
    """Return verbs and the requests to stall at: a few in the default run, all in the slow session."""
    slow = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
    return [
        pytest.param("score", first, id="score-first"),
        pytest.param("update", change, id="update-change"),
        *(pytest.param(verb, every, id=verb, marks=slow) for verb in VERBS),
    ]


@pytest.mark.parametrize(("verb", "chosen"), points())
def test_a_verb_keeps_its_time_on_a_service_that_stalls(
    service: Service, verb: str, chosen: Callable[[list[Call]], list[Call]]
) -> None:
    """A second, and half of one more, whichever request is not answered."""
    late: list[tuple[str, list[tuple[float, str]]]] = []
    for call in chosen(service.calls(verb)):
        runs: list[tuple[float, str]] = []
        while len(runs) < ATTEMPTS and (not runs or runs[-1][0] > SECONDS + OVERTIME_SECONDS):
            runs.append(service.timed_run(verb, call))
        if runs[-1][0] > SECONDS + OVERTIME_SECONDS:
            late.append((str(call), runs))

    assert [] == late


@pytest.mark.parametrize(("verb", "chosen"), points())
def test_ctrl_c_ends_a_verb_and_says_what_serves(
    service: Service, verb: str, chosen: Callable[[list[Call]], list[Call]]
) -> None:
    """Within a second, whichever request is not answered."""
    wrong: list[tuple[str, float, str]] = []
    for call in chosen(service.calls(verb)):
        deployer = service.stalled(verb, call)
        said = ""
        with Interrupt(0.5) as interrupt:
            try:
                service.run(verb, deployer, timeout=20.0)
            except KeyboardInterrupt as pressed:
                said = str(pressed)
        service.server.clear_faults()
        if not interrupt.seconds < 1 or not re.search("serves?|deployed|left|stays", said):
            wrong.append((str(call), interrupt.seconds, said))

    assert [] == wrong


def test_a_full_pool_is_waited_for_no_longer_than_the_time(service: Service) -> None:
    """Every connection is busy."""
    deployer = service.prepared("score")
    deployer.score(service.rows)
    transport = deployer._project.client._transport  # type: ignore[attr-defined]
    (pool,) = transport._pools.values()
    for _ in range(CONNECTIONS):
        pool.pace.enter()
    start = time.monotonic()

    with pytest.raises(DeadlineError):
        deployer.score(service.rows, timeout=SECONDS)

    assert time.monotonic() - start < SECONDS + OVERTIME_SECONDS
