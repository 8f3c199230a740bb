"""Every HTTP call of every verb goes wrong in every way: success or the right error, and nothing is there twice."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from sklearn.dummy import DummyClassifier

from tests.contract.calls import Call, calls_of
from tests.contract.observed_project import ObservedProject
from tests.contract.processes import ROWS, model, number_of
from wml_deployer import Deployer, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials
    from wml_deployer._clients.protocol import Client
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 60.0
"""Time of a verb, within which it must have ended; a call that stalls is silent for as long."""
STALLED_TIMEOUTS = (1.5, 6.0, 24.0)
"""Time of a verb whose call stalls: the first that takes it so far, which depends on how busy the machine is."""
SHARE = 12
"""The default run has one case of so many."""

Error = type[errors.WMLDeployerError]

KINDS: dict[str, tuple[dict[str, Any], tuple[Error, ...]]] = {
    "401": ({"status": 401, "times": 2}, (errors.AuthenticationError,)),
    # A login that is forbidden is refused like a wrong key.
    "403": ({"status": 403}, (errors.AuthorizationError, errors.AuthenticationError)),
    # A revision that is not there is a version that was deleted; a deployment that is said to be gone, and is there
    # yet, keeps its model.
    "404": ({"status": 404}, (errors.NotFoundError, errors.VersionError, errors.ConflictError)),
    "409": ({"status": 409}, (errors.ConflictError,)),
    "429 with Retry-After": ({"status": 429, "headers": {"Retry-After": "1"}}, ()),
    "500": ({"status": 500}, (errors.ServerError,)),
    "503": ({"status": 503}, (errors.ServerError,)),
    "503 for a while": ({"status": 503, "times": 4}, (errors.ServerError,)),
    "dropped before the work": ({"drop": "before"}, (errors.TransportError,)),
    "dropped after the work": ({"drop": "after"}, (errors.TransportError,)),
    "cut off in the body": ({"drop": "within"}, (errors.TransportError,)),
    "stalled": ({"stall": SECONDS}, (errors.DeadlineError,)),
}
VERBS = (
    *("deploy", "release at first", "update", "release", "rollback"),
    *("candidate", "promote", "discard", "prune", "recover", "delete"),
)
DEPLOYED_BEFORE = frozenset(VERBS) - {"deploy", "release at first"}


@dataclass
class FaultScenario(ObservedProject):
    """A project whose verbs meet faults, one after the other."""

    credentials: SoftwareCredentials
    server: LocalServer
    whole: bool
    verb: str
    deployer: Deployer = field(init=False)
    number: int = 0
    count: int = 0
    known: ClassVar[dict[str, list[Call]]] = {}

    def calls(self) -> list[Call]:
        """Find out what the verb asks when all goes well."""
        if self.verb not in self.known:
            self.prepare()
            self.server.clear_requests()
            self.run_verb()
            self.known[self.verb] = calls_of(self.server.requests)
        return self.known[self.verb]

    def selected_calls(self, kind: str) -> list[Call]:
        """List the calls that meet a fault: all, or other ones for each kind."""
        first, calls = list(KINDS).index(kind), self.calls()
        share = 1 if self.whole else min(SHARE, len(calls))
        return [call for n, call in enumerate(calls) if (n + first) % share == 0]

    def new_deployer(self) -> None:
        """Begin a project anew, not yet connected."""
        self.new_project()
        self.deployer = Deployer(self.credentials, self.folder / "metadata.yaml")
        if self.verb in DEPLOYED_BEFORE:
            self.release(0)

    def release(self, number: int) -> None:
        """Serve the model of this number."""
        self.deployer.release(model(number), sample=ROWS, version=f"v{number}")

    def prepare(self) -> None:
        """See that the verb has all of its work before it."""
        if self.count == 0 or self.verb not in DEPLOYED_BEFORE - {"delete", "prune"}:
            self.new_deployer()
        # Another content each time: what is stored already is not stored again.
        self.number = len(self.deployer.metadata.versions)
        if self.verb == "rollback":
            if self.number == 1:
                self.release(1)
            self.number = 1 - self.live()
        elif self.verb in {"promote", "discard"}:
            self.deployer.candidate(model(self.number), sample=ROWS, version=f"v{self.number}")
        elif self.verb == "prune":
            # Another schema takes a model of its own, which nobody needs.
            self.deployer.store(DummyClassifier().fit([[0], [1]], [0, 1]), version="old")
            self.deployer.store(model(self.number), version=f"v{self.number}")
        elif self.verb == "candidate":
            with suppress(errors.VersionError):
                self.deployer.discard()
        elif self.verb == "recover":
            (self.folder / "metadata.yaml").write_text(self.text(), encoding="utf-8")

    def run_verb(self, timeout: float = SECONDS) -> None:
        """Call the verb."""
        named = {"sample": ROWS, "version": f"v{self.number}", "timeout": timeout}
        if self.verb in {"deploy", "release at first", "update", "release", "candidate"}:
            getattr(self.deployer, self.verb.partition(" ")[0])(model(self.number), **named)
        elif self.verb == "rollback":
            self.deployer.rollback(f"v{self.number}", timeout=timeout)
        elif self.verb == "prune":
            self.deployer.prune(keep=1, timeout=timeout)
        elif self.verb == "delete":
            self.deployer.delete(cascade=True, timeout=timeout)
        else:
            getattr(self.deployer, self.verb)(timeout=timeout)

    def run_case(self, call: Call, kind: str) -> None:
        """Let one call go wrong, then call the verb again, and look at what is there."""
        where, allowed = f"{self.verb}, {call}, {kind}", KINDS[kind][1]
        for timeout in STALLED_TIMEOUTS if kind == "stalled" else (SECONDS,):
            self.prepare()
            self.count += 1
            before = self.serving_number()
            error, happened = self.run_with_fault(where, call, kind, timeout)
            if happened:
                break
        self.expect(f"{where}: the fault happened", True, happened)
        if error is not None:
            self.expect(f"{where}: error {error!r}", True, isinstance(error, allowed))
            if self.verb != "delete":
                serves = self.number if f"Version v{self.number} serves;" in str(error) else before
                self.expect(f"{where}: what answers", serves, self.serving_number())
            self.expect(f"{where}: then", None, self.error_of_verb(SECONDS))
        elif call.method == "DELETE" and kind == "409":
            # A service is believed that says of a thing that it is in use.
            return
        self.check_outcome(where)

    def run_with_fault(self, where: str, call: Call, kind: str, timeout: float) -> tuple[Exception | None, bool]:
        """Call the verb while one call goes wrong; return how the verb failed, and whether the fault happened."""
        fault = KINDS[kind][0]
        self.server.fault(call.method, call.path, skip=call.before, **fault)
        started = time.monotonic()
        error = self.error_of_verb(timeout)
        self.expect(f"{where}: ends in time", True, time.monotonic() - started < SECONDS)
        happened = self.fault_happened(fault.get("times", 1))
        self.server.clear_faults()
        return error, happened

    def fault_happened(self, times: int) -> bool:
        """Say whether the fault happened."""
        return bool(self.server._call("GET", "/faults")["resources"][0]["times"] < times)

    def error_of_verb(self, timeout: float) -> Exception | None:
        """Call the verb; return how it failed."""
        try:
            self.run_verb(timeout)
        except Exception as error:  # noqa: BLE001 - which one is what is looked at
            return error
        return None

    def serving_number(self) -> int | None:
        """Say which model answers, if one is deployed."""
        return None if self.deployer.metadata.deployment_uid is None else number_of(self.deployer)

    def check_outcome(self, where: str) -> None:
        """Compare what is there with what the verb is to leave."""
        if self.verb == "delete":
            self.check_nothing_is_left(where)
            return
        self.check(
            where,
            {
                "error": None,
                "version": self.deployer.status().version,
                "number": number_of(self.deployer),
                "candidates": [f"v{self.number}"] if self.verb == "candidate" else [],
            },
        )


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["part", "whole"])
def whole(request: pytest.FixtureRequest) -> bool:
    """Say whether all cases run; the default run has a part of them."""
    return bool(request.param)


@pytest.fixture(params=VERBS)
def scenario(
    request: pytest.FixtureRequest,
    client: Client,
    server: LocalServer,
    reached: SoftwareCredentials,
    tmp_path: Path,
    whole: bool,
) -> Iterator[FaultScenario]:
    """Open the service for a verb."""
    scenario = FaultScenario(client, tmp_path / "project", reached, server, whole, request.param)
    yield scenario
    server.clear_faults()
    scenario.remove_project()


@pytest.mark.parametrize("kind", KINDS)
def test_a_verb_meets_a_fault(scenario: FaultScenario, kind: str) -> None:
    """It succeeds, or what served before serves and the error is the right one; the next call succeeds."""
    selected = scenario.selected_calls(kind)
    for call in selected:
        scenario.run_case(call, kind)

    assert [] == scenario.violations
    assert scenario.count >= len(selected) > 0
