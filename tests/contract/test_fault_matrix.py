"""Every request of every verb goes wrong in every way: success or the right error, and nothing is there twice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.processes import ROWS, model, number_of
from tests.contract.witness import Witness
from wml_deployer import Deployer, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials
    from wml_deployer._clients.protocol import Client
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.timeout(1800)

STALL = 20.0
SHARE = 6
"""The default run has one cell of so many."""

Error = type[errors.WMLDeployerError]

KINDS: dict[str, tuple[dict[str, Any], tuple[Error, ...]]] = {
    "401": ({"status": 401}, (errors.AuthenticationError,)),
    # A login that is forbidden is refused like a wrong key.
    "403": ({"status": 403}, (errors.AuthorizationError, errors.AuthenticationError)),
    # A revision that is not there is a version that was deleted.
    "404": ({"status": 404}, (errors.NotFoundError, errors.VersionError)),
    "409": ({"status": 409}, (errors.ConflictError,)),
    "429 with Retry-After": ({"status": 429, "headers": {"Retry-After": "1"}}, ()),
    "500": ({"status": 500}, (errors.ServerError,)),
    "503": ({"status": 503}, (errors.ServerError,)),
    "503 for a while": ({"status": 503, "times": 4}, (errors.ServerError,)),
    "dropped before the work": ({"drop": "before"}, (errors.TransportError,)),
    "dropped after the work": ({"drop": "after"}, (errors.TransportError,)),
    "cut off in the body": ({"drop": "within"}, (errors.TransportError,)),
    "stalled": ({"stall": STALL}, (errors.DeadlineError,)),
}


def call(deployer: Deployer, verb: str, number: int, timeout: float = 60.0) -> Any:
    """Call a verb about the version of this number."""
    if verb == "rollback":
        return deployer.rollback(f"v{number}", timeout=timeout)
    return getattr(deployer, verb)(model(number), sample=ROWS, version=f"v{number}", timeout=timeout)


@dataclass
class Cells(Witness):
    """A project whose verbs meet faults."""

    credentials: SoftwareCredentials
    server: LocalServer
    whole: bool
    count: int = 0

    def open(self) -> Deployer:
        """Open the project anew, not yet connected."""
        return Deployer(self.credentials, self.folder / "metadata.yaml")

    def requests_of(self, deployer: Deployer, verb: str, number: int) -> int:
        """Count what a verb asks when all goes well."""
        self.server.clear_requests()
        call(deployer, verb, number)
        return len(self.server.requests)

    def chosen(self, kind: str, requests: int) -> list[int]:
        """List the requests that meet a fault: all, or other ones for each kind."""
        first = list(KINDS).index(kind)
        return [n for n in range(requests) if self.whole or (n + first) % SHARE == 0]

    def cell(self, deployer: Deployer, verb: str, number: int, kind: str, position: int) -> None:
        """Let one request go wrong, then call again, and look at what is there."""
        where = f"{verb}, request {position}, {kind}"
        fault, allowed = KINDS[kind]
        self.count += 1
        before = self._answers(deployer)
        self.server.fault(None, "", skip=position, **fault)
        started = time.monotonic()
        error = self._attempt(deployer, verb, number, timeout=3.0 if "stall" in fault else 60.0)
        self.compare(f"{where}: ends in time", True, time.monotonic() - started < STALL)
        self.server.clear_faults()
        if error is not None:
            self.compare(f"{where}: error {error!r}", True, isinstance(error, allowed))
            self.compare(f"{where}: answers as before", before, self._answers(deployer))
        deployment = call(deployer, verb, number)
        self.look(where, {"error": None, "version": deployment.version, "number": number_of(deployer)})

    @staticmethod
    def _attempt(deployer: Deployer, verb: str, number: int, timeout: float) -> Exception | None:
        try:
            call(deployer, verb, number, timeout)
        except Exception as error:  # noqa: BLE001 - which one is what is looked at
            return error
        return None

    @staticmethod
    def _answers(deployer: Deployer) -> int | None:
        """Say which model answers, if one is deployed."""
        return None if deployer.metadata.deployment_uid is None else number_of(deployer)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["part", "whole"])
def cells(
    request: pytest.FixtureRequest, client: Client, server: LocalServer, reached: SoftwareCredentials, tmp_path: Path
) -> Iterator[Cells]:
    """Begin a project; the default run has a part of the cells."""
    cells = Cells(client, tmp_path / "project", reached, server, request.param)
    cells.new_project()
    yield cells
    server.clear_faults()
    cells.remove_project()


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_deployment_meets_a_fault(cells: Cells, kind: str) -> None:
    """From the login on: one model, one deployment, or nothing at all and the right error."""
    with cells.open() as deployer:
        requests = cells.requests_of(deployer, "deploy", 0)
    for position in cells.chosen(kind, requests):
        cells.new_project()
        with cells.open() as deployer:
            cells.cell(deployer, "deploy", 0, kind, position)

    assert [] == cells.faults
    assert cells.count >= (18 if cells.whole else 2)


@pytest.mark.parametrize("verb", ["update", "release"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_update_meets_a_fault(cells: Cells, kind: str, verb: str) -> None:
    """It succeeds, or the version before answers and the error is the right one."""
    with cells.open() as deployer:
        call(deployer, "deploy", 0)
        requests = cells.requests_of(deployer, verb, 1)
        for number, position in enumerate(cells.chosen(kind, requests), start=2):
            cells.cell(deployer, verb, number, kind, position)

    assert [] == cells.faults
    assert cells.count >= (12 if cells.whole else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollback_meets_a_fault(cells: Cells, kind: str) -> None:
    """It succeeds, or the version before answers and the error is the right one."""
    with cells.open() as deployer:
        for number in (0, 1):
            call(deployer, "release", number)
        requests = cells.requests_of(deployer, "rollback", 0)
        for turn, position in enumerate(cells.chosen(kind, requests)):
            cells.cell(deployer, "rollback", 1 - turn % 2, kind, position)

    assert [] == cells.faults
    assert cells.count >= (5 if cells.whole else 1)
