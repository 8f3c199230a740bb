"""A process that is killed at any request or file write: the next call goes on, and nothing is there twice."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from wml_deployer import SoftwareCredentials
from wml_deployer._clients import connect
from wml_deployer._packaging.archive import check_archive
from wml_deployer.metadata import MetadataFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer._clients import Client
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[list[dict[str, Any]]], list[dict[str, Any]]]]:
    """Run jobs in processes of their own, all of a list at the same time."""
    program = Path(__file__).with_name("processes.py")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def run_jobs(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
            print(json.dumps(jobs), file=requests, flush=True)
            results: list[dict[str, Any]] = json.loads(answers.readline())
            return results

        yield run_jobs
        requests.close()


@dataclass
class Story:
    """One project whose calls are killed, and what is looked at afterwards."""

    run: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
    client: Client
    credentials: dict[str, Any]
    folder: Path
    everything: bool
    killed: int = 0
    faults: list[str] = field(default_factory=list)

    def remove_project(self) -> None:
        """Remove what the project has on the service, so that its processes end."""
        for deployment in self.client.deployments():
            if self.folder.name[:8] in deployment.name:
                self.client.delete_deployment(deployment.id)
        for model in self.client.models():
            if self.folder.name[:8] in model.name:
                self.client.delete_model(model.id)

    def new_project(self) -> None:
        """Begin a project that has nothing yet."""
        self.remove_project()
        self.folder = self.folder.parent / uuid4().hex
        self.folder.mkdir()
        text = f"project_name: crash-{self.folder.name[:8]}\nproject_version: v0\n# kept\n"
        (self.folder / "metadata.yaml").write_text(text, encoding="utf-8")

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

    def look(self, where: str, result: dict[str, Any]) -> None:
        """Compare service and file with what the call says; what differs is kept as a fault."""
        if result["error"]:
            self.faults.append(f"{where}: {result}")
            return
        metadata = MetadataFile(self.folder / "metadata.yaml").read()
        deployments = [d for d in self.client.deployments() if metadata.project_name in d.name]
        models = [m for m in self.client.models() if metadata.project_name in m.name]
        live = metadata.version(metadata.log[-1].to_version)
        serving = [(d.id, d.model_id, d.revision) for d in deployments]
        expected = [(metadata.deployment_uid, metadata.model_uid, live.revision if live else None)]
        seen: dict[str, tuple[Any, Any]] = {
            "what serves": (expected, serving),
            "models": ([metadata.model_uid], [m.id for m in models]),
            "version": (result["version"], live.name if live else None),
            "answers": (f"v{result['number']}", result["version"]),
            "revisions": (
                sorted((v.revision, f"wml_deployer {v.name} {v.digest}") for v in metadata.versions),
                sorted((r.revision or "", r.message or "") for m in models for r in self.client.revisions(m.id)),
            ),
            "comment": (True, "# kept\n" in (self.folder / "metadata.yaml").read_text(encoding="utf-8")),
            "left files": ([], [str(p) for p in self.folder.rglob("*") if p.suffix in {".tmp", ".partial"}]),
        }
        for name, (wanted, found) in seen.items():
            self.compare(f"{where}: {name}", wanted, found)

    def live(self) -> int:
        """Return the number of the version that the file says is live."""
        return int(str(MetadataFile(self.folder / "metadata.yaml").read().log[-1].to_version)[1:])

    def compare(self, where: str, expected: object, found: object) -> None:
        """Keep as a fault what differs."""
        if expected != found:
            self.faults.append(f"{where}: expected {expected}, found {found}")

    def contents(self) -> None:
        """Compare what every revision holds with what the file says."""
        for version in MetadataFile(self.folder / "metadata.yaml").read().versions:
            with NamedTemporaryFile(suffix=".tar.gz") as archive:
                Path(archive.name).write_bytes(self.client.model_content(version.model_id, version.revision))
                if check_archive(Path(archive.name)) != version.digest:
                    self.faults.append(f"{version.name} holds something else")


@pytest.fixture
def reached(server: LocalServer) -> SoftwareCredentials:
    """Log in with the default client: what is killed here is ours, whatever client is beneath."""
    info = server.info
    return SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )


def plain(credentials: SoftwareCredentials) -> dict[str, Any]:
    """Write credentials as JSON carries them."""
    shown = {name: getattr(credentials, name) for name in ("url", "username", "ca_bundle", "space_id")}
    secret = credentials.apikey.get_secret_value() if credentials.apikey else None
    return {**{name: str(value) for name, value in shown.items()}, "apikey": secret}


@pytest.fixture
def client(reached: SoftwareCredentials) -> Iterator[Client]:
    """Look at the space."""
    client = connect(reached)
    yield client
    client.close()


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["changes", "everything"])
def story(
    request: pytest.FixtureRequest,
    run: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    client: Client,
    reached: SoftwareCredentials,
    tmp_path: Path,
) -> Iterator[Story]:
    """Begin a project; by default the kill points are the requests that change something and the file writes."""
    story = Story(run, client, plain(reached), tmp_path / "project", request.param)
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
