"""A process that is killed at any request or file write: the next call goes on, and nothing is there twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.observed_project import ObservedProject, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials

    Run = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class KillScenario(ObservedProject):
    """One project whose calls are killed."""

    run: Run
    credentials: dict[str, Any]
    everything: bool
    killed: int = 0

    def call(self, verb: str, number: int | None = None, **options: Any) -> dict[str, Any]:
        """Run a verb in a process of its own."""
        version = None if number is None else f"v{number}"
        job = {"verb": verb, "number": number, "version": version, "everything": self.everything, **options}
        return self.run([{**job, "folder": str(self.folder), "credentials": self.credentials}])[0]

    def kill_everywhere(self, verb: str, points: int, prepare: Callable[[int], dict[str, Any]]) -> None:
        """Kill a verb at one point after the other; the next call must succeed and leave everything right."""
        for point in range(points):
            options = prepare(point)
            first = self.call(verb, **options, kill_at=point)
            self.killed += first["error"] == "killed"
            second = self.call(verb, **options)
            self.check(f"{verb} killed at {point}", second)


# It does what deploy or update does: once more in the long run.
RELEASE = pytest.param("release", marks=pytest.mark.exhaustive)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["changes", "everything"])
def scenario(
    request: pytest.FixtureRequest,
    run: Run,
    client: Client,
    reached: SoftwareCredentials,
    tmp_path: Path,
) -> Iterator[KillScenario]:
    """Begin a project; by default the kill points are the requests that change something and the file writes."""
    scenario = KillScenario(client, tmp_path / "project", run, plain(reached), request.param)
    scenario.new_project()
    yield scenario
    scenario.remove_project()


@pytest.mark.parametrize("verb", ["deploy", RELEASE])
def test_a_first_deployment_is_killed_anywhere(scenario: KillScenario, verb: str) -> None:
    """The next call finds model, revision and deployment, and makes none twice."""
    points = len(scenario.call(verb, 0)["events"])

    def prepare(point: int) -> dict[str, Any]:
        scenario.new_project()
        return {"number": point % 3}

    scenario.kill_everywhere(verb, points, prepare)

    assert [] == scenario.violations
    assert scenario.killed >= 18


@pytest.mark.parametrize("verb", ["update", RELEASE])
def test_an_update_is_killed_anywhere(scenario: KillScenario, verb: str) -> None:
    """The next call goes on; the revisions are those of the file, each of them once, with its own content."""
    scenario.call("deploy", 0)
    points = len(scenario.call(verb, 1)["events"])
    scenario.kill_everywhere(verb, points, lambda point: {"number": point + 2})
    scenario.check_contents()

    assert [] == scenario.violations
    assert scenario.killed >= 15


def test_a_rollback_is_killed_anywhere(scenario: KillScenario) -> None:
    """The next call finishes it: it goes back once, wherever the killed one was."""
    for number in range(3):
        scenario.call("release", number)
    events = scenario.call("rollback")["events"]
    # After its last write, which ends with the folder being forced to the disk, a rollback is over.
    for point in range(len(events) - 1):
        live = scenario.live()
        while live < 2:
            live = scenario.call("release", live + 1)["number"]
        logged = len(scenario.metadata().log)
        scenario.killed += scenario.call("rollback", kill_at=point)["error"] == "killed"
        result = scenario.call("rollback")
        scenario.check(f"rollback killed at {point}", result)
        scenario.expect(f"rollback killed at {events[point]}: number", live - 1, result.get("number"))
        entries = [(entry.action, entry.to_version) for entry in scenario.metadata().log[logged:]]
        scenario.expect(f"rollback killed at {events[point]}: log", [("rollback", f"v{live - 1}")], entries)

    assert [] == scenario.violations
    assert scenario.killed >= 4


def test_a_rollback_to_a_name_is_killed_anywhere(scenario: KillScenario) -> None:
    """The next call serves the named version."""
    for number in range(2):
        scenario.call("release", number)
    # After its last write, which ends with the folder being forced to the disk, a rollback is over, and refused.
    points = len(scenario.call("rollback", to="v0")["events"]) - 1
    scenario.kill_everywhere("rollback", points, lambda point: {"to": f"v{1 - point % 2}"})

    assert [] == scenario.violations
    assert scenario.killed >= 4


def test_a_candidate_is_killed_anywhere(scenario: KillScenario) -> None:
    """The next call goes on: one candidate beside the live one, serving what was asked for."""
    scenario.call("deploy", 0)
    points = len(scenario.call("candidate", 1)["events"])
    for point in range(points):
        scenario.call("discard")
        number = point + 2
        scenario.killed += scenario.call("candidate", number, kill_at=point)["error"] == "killed"
        result = scenario.call("candidate", number)
        scenario.check(f"candidate killed at {point}", {**result, "version": "v0", "candidates": [f"v{number}"]})
    scenario.check_contents()

    assert [] == scenario.violations
    assert scenario.killed >= 10


@pytest.mark.parametrize("verb", ["promote", "discard"])
def test_the_end_of_a_candidate_is_killed_anywhere(scenario: KillScenario, verb: str) -> None:
    """The next call goes on, or finds all of it done; the candidate is gone."""
    scenario.call("deploy", 0)
    scenario.call("candidate", 1)
    points = len(scenario.call(verb)["events"])
    for point in range(points):
        number = point + 2
        scenario.call("candidate", number)
        live = scenario.live()
        scenario.killed += scenario.call(verb, kill_at=point)["error"] == "killed"
        result = scenario.call(verb)
        scenario.expect(f"{verb} killed at {point}", True, result["error"] in {None, "VersionError"})
        number = number if verb == "promote" else live
        state = {"error": None, "number": number, "version": f"v{number}"}
        scenario.check(f"{verb} killed at {point}", {**state, **{k: v for k, v in result.items() if k == "number"}})

    assert [] == scenario.violations
    assert scenario.killed >= (4 if verb == "promote" else 2)


def test_removal_of_old_models_is_killed_anywhere(scenario: KillScenario) -> None:
    """The next call goes on: what serves stays, the rest is gone from service and file."""
    scenario.call("deploy", 0)
    scenario.call("narrow")
    scenario.call("store", 1)
    points = len(scenario.call("prune")["events"])
    for point in range(points):
        scenario.call("narrow")
        scenario.call("store", point + 2)
        scenario.killed += scenario.call("prune", kill_at=point)["error"] == "killed"
        result = scenario.call("prune")
        scenario.check(f"prune killed at {point}", {**result, "version": "v0"})

    assert [] == scenario.violations
    assert scenario.killed >= 4


def test_a_deletion_is_killed_anywhere(scenario: KillScenario) -> None:
    """The next call goes on, or finds all of it done: nothing is left on the service, and in the file the history."""
    scenario.call("deploy", 0)
    points = len(scenario.call("delete")["events"])
    for point in range(points):
        scenario.new_project()
        scenario.call("deploy", 0)
        scenario.killed += scenario.call("delete", kill_at=point)["error"] == "killed"
        result = scenario.call("delete")
        scenario.expect(f"delete killed at {point}", True, result["error"] in {None, "VersionError"})
        scenario.check_nothing_is_left(f"delete killed at {point}")

    assert [] == scenario.violations
    assert scenario.killed >= 6


def test_a_recovery_is_killed_anywhere(scenario: KillScenario) -> None:
    """The files are those before or those after, and the next call makes them whole."""
    scenario.call("deploy", 0)
    scenario.call("update", 1)
    whole = scenario.metadata().log
    scenario.lose_files()
    points = len(scenario.call("recover")["events"])
    for point in range(points):
        scenario.lose_files()
        scenario.killed += scenario.call("recover", kill_at=point)["error"] == "killed"
        result = scenario.call("recover")
        scenario.check(f"recover killed at {point}", {**result, "version": "v1"})

    assert [] == scenario.violations
    assert whole == scenario.metadata().log
    assert scenario.killed >= 2
