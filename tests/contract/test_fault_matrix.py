"""Every HTTP call of every verb goes wrong in every way: success or the right error, and nothing is there twice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.verb_scenario import TIMEOUT_SECONDS, VERBS, VerbScenario
from wml_deployer import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.calls import Call
    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

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
    "stalled": ({"stall": TIMEOUT_SECONDS}, (errors.DeadlineError,)),
}


@dataclass(kw_only=True)
class FaultScenario(VerbScenario):
    """A project whose verb meets faults, one after the other."""

    whole: bool

    def selected_calls(self, kind: str) -> list[Call]:
        """List the calls that meet a fault: all, or other ones for each kind."""
        first, calls = list(KINDS).index(kind), self.calls()
        share = 1 if self.whole else min(SHARE, len(calls))
        return [call for n, call in enumerate(calls) if (n + first) % share == 0]

    def run_case(self, call: Call, kind: str) -> None:
        """Let one call go wrong, then call the verb again, and look at what is there."""
        where, allowed = f"{self.verb}, {call}, {kind}", KINDS[kind][1]
        timeouts = STALLED_TIMEOUTS if kind == "stalled" else (TIMEOUT_SECONDS,)
        # How often a deployment at work is looked at depends on the time, so the look meant may be an earlier one.
        for skip, timeout in product(range(call.before, -1, -1), timeouts):
            self.prepare()
            self.count += 1
            before = self.serving_number()
            error, happened = self.run_with_fault(where, call._replace(before=skip), kind, timeout)
            if happened:
                break
        self.expect(f"{where}: the fault happened", True, happened)
        if error is not None:
            self.expect(f"{where}: error {error!r}", True, isinstance(error, allowed))
            if self.verb not in {"delete", "cascade"}:
                serves = self.number if f"Version v{self.number} serves;" in str(error) else before
                self.expect(f"{where}: what answers", serves, self.serving_number())
            self.expect(f"{where}: then", None, self.error_of_verb())
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
        self.expect(f"{where}: ends in time", True, time.monotonic() - started < TIMEOUT_SECONDS)
        happened = self.fault_happened(fault.get("times", 1))
        self.server.clear_faults()
        return error, happened

    def fault_happened(self, times: int) -> bool:
        """Say whether the fault happened."""
        return bool(self.server._call("GET", "/faults")["resources"][0]["times"] < times)


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
    scenario = FaultScenario(client, tmp_path / "project", reached, server, request.param, whole=whole)
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
