"""Many processes at one project, and several machines at one space: one history, and nothing is mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.dummy import DummyRegressor

from tests.contract.interruptions import requests_watched
from tests.contract.observed_project import ObservedProject, plain
from wml_deployer import Deployer
from wml_deployer.errors import ConflictError
from wml_deployer.metadata import MetadataFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials

    Run = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def project(client: Client, tmp_path: Path) -> Iterator[ObservedProject]:
    """Begin a project."""
    project = ObservedProject(client, tmp_path / "project")
    project.new_project()
    yield project
    project.remove_project()


def release(credentials: SoftwareCredentials, folder: Path, number: int) -> dict[str, Any]:
    """Describe a release of the model of a number."""
    job = {"verb": "release", "number": number, "version": f"v{number}", "timeout": 600}
    return {**job, "folder": str(folder), "credentials": plain(credentials)}


def test_twenty_releases_at_once_have_one_history(
    run: Run, project: ObservedProject, reached: SoftwareCredentials
) -> None:
    """Each process succeeds or is told of a conflict; each log entry begins where the one before it ended."""
    results = run([release(reached, project.folder, number % 5) for number in range(20)])
    metadata = MetadataFile(project.folder / "metadata.yaml").read()
    last = {"error": None, "version": metadata.log[-1].to_version, "number": project.live()}
    project.check("after twenty releases", last)
    project.check_contents()

    assert {result["error"] for result in results} <= {None, "ConflictError"}
    assert any(result["error"] is None for result in results)
    assert [entry.to_version for entry in metadata.log[:-1]] == [entry.from_version for entry in metadata.log[1:]]
    assert [] == project.violations


def test_machines_with_files_of_their_own_mix_nothing(
    run: Run, project: ObservedProject, client: Client, reached: SoftwareCredentials
) -> None:
    """One wins; the others are told of a conflict, and what each file says of a revision is what it holds."""
    project.new_project()
    text = (project.folder / "metadata.yaml").read_text(encoding="utf-8")
    machines = [project.folder.with_name(f"{project.folder.name}-{number}") for number in range(4)]
    for machine in machines:
        machine.mkdir()
        (machine / "metadata.yaml").write_text(text, encoding="utf-8")
    results = run([release(reached, machine, number) for number, machine in enumerate(machines)])
    for machine in machines:
        ObservedProject(client, machine, violations=project.violations).check_contents()
    serving = [(d.model_id, d.revision) for d in client.deployments() if project.folder.name[:8] in d.name]
    files = [MetadataFile(machine / "metadata.yaml").read() for machine in machines]
    winners = [
        (version.model_id, version.revision)
        for file, result in zip(files, results, strict=True)
        for version in file.versions
        if result["error"] is None and version.name == result["version"]
    ]

    assert {result["error"] for result in results} <= {None, "ConflictError"}
    assert 1 == len(serving)
    assert serving[0] in winners
    assert [] == project.violations


def test_a_version_that_another_machine_removed_is_forgotten(
    project: ObservedProject, client: Client, reached: SoftwareCredentials
) -> None:
    """The machine that made the model takes it back, as its call failed, after this one stored its version there."""

    def remove_model(request: str) -> None:
        if request == "POST /ml/v4/deployments":
            client.delete_model(project.metadata().versions[0].model_id)

    model = DummyRegressor().fit([[0.0], [1.0]], [0, 1])
    with (
        Deployer(reached, project.folder / "metadata.yaml") as deployer,
        requests_watched(remove_model),
        pytest.raises(ConflictError, match="Somebody else removed"),
    ):
        deployer.release(model)

    assert (None, ()) == (project.metadata().model_uid, project.metadata().versions)


def test_a_stale_file_is_refused_before_anything_is_stored(
    run: Run, project: ObservedProject, client: Client, reached: SoftwareCredentials
) -> None:
    """Whoever has yesterday's file is told so, and changes nothing."""
    run([release(reached, project.folder, 0)])
    stale = (project.folder / "metadata.lock").read_bytes()
    run([release(reached, project.folder, 1)])
    newest = (project.folder / "metadata.lock").read_bytes()
    (project.folder / "metadata.lock").write_bytes(stale)
    refused = run([release(reached, project.folder, 2)])[0]
    (project.folder / "metadata.lock").write_bytes(newest)
    project.check("after the refusal", {"error": None, "version": "v1", "number": 1})

    assert ("ConflictError", True) == (refused["error"], "recover()" in refused["message"])
    assert [] == project.violations
