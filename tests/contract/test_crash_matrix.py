"""A process that is killed at any request or file write: the next call goes on, and nothing is there twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.witness import Witness, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wml_deployer import SoftwareCredentials
    from wml_deployer._clients.protocol import Client

    Run = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

pytestmark = pytest.mark.timeout(900)


@dataclass
class Story(Witness):
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
            self.look(f"{verb} killed at {point}", second)


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["changes", "everything"])
def story(
    request: pytest.FixtureRequest,
    run: Run,
    client: Client,
    reached: SoftwareCredentials,
    tmp_path: Path,
) -> Iterator[Story]:
    """Begin a project; by default the kill points are the requests that change something and the file writes."""
    story = Story(client, tmp_path / "project", run, plain(reached), request.param)
    story.new_project()
    yield story
    story.remove_project()


@pytest.mark.parametrize("verb", ["deploy", "release"])
def test_a_first_deployment_is_killed_anywhere(story: Story, verb: str) -> None:
    """The next call finds model, revision and deployment, and makes none twice."""
    points = len(story.call(verb, 0)["events"])

    def prepare(point: int) -> dict[str, Any]:
        story.new_project()
        return {"number": point % 3}

    story.kill_everywhere(verb, points, prepare)

    assert [] == story.faults
    assert story.killed >= 18


@pytest.mark.parametrize("verb", ["update", "release"])
def test_an_update_is_killed_anywhere(story: Story, verb: str) -> None:
    """The next call goes on; the revisions are those of the file, each of them once, with its own content."""
    story.call("deploy", 0)
    points = len(story.call(verb, 1)["events"])
    story.kill_everywhere(verb, points, lambda point: {"number": point + 2})
    story.contents()

    assert [] == story.faults
    assert story.killed >= 15


def test_a_rollback_is_killed_anywhere(story: Story) -> None:
    """The next call rolls back to the version that the killed one meant, not to one further."""
    for number in range(3):
        story.call("release", number)
    points = len(story.call("rollback")["events"])
    for point in range(points):
        live = story.live()
        while live < 2:
            live = story.call("release", live + 1)["number"]
        story.killed += story.call("rollback", kill_at=point)["error"] == "killed"
        # Once it is written down, a rollback is over, and the next one is another.
        logged = story.live()
        result = story.call("rollback")
        story.look(f"rollback killed at {point}", result)
        story.compare(f"rollback killed at {point}", logged - 1, result.get("number"))

    assert [] == story.faults
    assert story.killed >= 4


def test_a_rollback_to_a_name_is_killed_anywhere(story: Story) -> None:
    """The next call serves the named version."""
    for number in range(2):
        story.call("release", number)
    points = len(story.call("rollback", to="v0")["events"])
    story.kill_everywhere("rollback", points, lambda point: {"to": f"v{1 - point % 2}"})

    assert [] == story.faults
    assert story.killed >= 4
