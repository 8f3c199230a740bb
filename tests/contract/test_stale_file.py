"""Two machines with a copy of the project's files each: who is not up to date changes nothing that it does not know."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from tests.contract.insides import client_of
from tests.contract.processes import ROWS, model
from wml_deployer import Deployer
from wml_deployer._clients import rest
from wml_deployer.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials

    Copy = Callable[[], Deployer]


def wide(number: int, strategy: str = "prior") -> Any:
    """Fit a model of so many columns: each number takes a model asset of its own."""
    rows = pd.DataFrame({f"x{column}": [0.0, 1.0] for column in range(number)})
    return DummyClassifier(strategy=strategy).fit(rows, [0, 1])


@pytest.fixture
def project(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Deploy model 0 as A."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model(0), sample=ROWS, version="A")
        yield deployer
        if deployer.recover().versions:
            deployer.delete(cascade=True)


@pytest.fixture
def copy(reached: SoftwareCredentials, metadata_path: Path, tmp_path: Path) -> Iterator[Copy]:
    """Make another machine that has the files as they are now."""
    opened: list[Deployer] = []

    def make() -> Deployer:
        folder = tmp_path / f"machine-{len(opened)}"
        folder.mkdir()
        for path in (metadata_path, metadata_path.with_suffix(".lock")):
            shutil.copy(path, folder)
        opened.append(Deployer(reached, folder / "metadata.yaml"))
        return opened[-1]

    yield make
    for deployer in opened:
        deployer.close()


def on_service(deployer: Deployer) -> object:
    """Return what the service has of a project."""
    client, name = client_of(deployer), deployer.metadata.project_name
    models = [record.id for record in client.models() if name in record.name]
    deployments = [(d.id, d.model_id, d.revision) for d in client.deployments() if name in d.name]
    return deployments, [(record, len(client.revisions(record))) for record in models]


VERBS: dict[str, Callable[[Deployer], object]] = {
    "update": lambda deployer: deployer.update(model(3)),
    "release": lambda deployer: deployer.release(model(3)),
    "deploy": lambda deployer: deployer.deploy(model(3)),
    "rollback": lambda deployer: deployer.rollback(),
    "rollback to a name": lambda deployer: deployer.rollback(to="A"),
    "candidate": lambda deployer: deployer.candidate(model(3)),
    "promote": lambda deployer: deployer.promote(),
    "discard": lambda deployer: deployer.discard(),
    "prune": lambda deployer: deployer.prune(0),
    "delete": lambda deployer: deployer.delete(),
    "delete everything": lambda deployer: deployer.delete(cascade=True),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_stale_file_changes_nothing(project: Deployer, copy: Copy, verb: str) -> None:
    """What serves is unknown to it."""
    project.candidate(model(2), version="candidate")
    stale = copy()
    project.update(model(1), sample=ROWS, version="B")
    before = on_service(project)

    with pytest.raises(ConflictError, match=r"recover\(\)"):
        VERBS[verb](stale)
    assert before == on_service(project)


@pytest.mark.parametrize("verb", ["candidate", "promote", "discard", "prune", "delete", "delete everything"])
def test_a_candidate_of_somebody_else_stays(project: Deployer, copy: Copy, verb: str) -> None:
    """What the candidate serves is unknown to the file."""
    stale = copy()
    project.candidate(model(2), version="candidate")
    before = on_service(project)

    with pytest.raises(ConflictError, match=r"candidate serves(.|\n)*recover\(\)"):
        VERBS[verb](stale)
    assert before == on_service(project)


@pytest.mark.parametrize("verb", ["prune", "delete everything"])
def test_a_stored_version_of_somebody_else_is_not_deleted(project: Deployer, copy: Copy, verb: str) -> None:
    """It was never deployed, so that nothing but the space knows of it."""
    project.store(wide(3), version="B")
    project.update(wide(4), version="C", allow_schema_change=True)
    project.update(wide(5), version="D", allow_schema_change=True)
    stale = copy()
    project.store(wide(3, "stratified"))
    before = on_service(project)

    with pytest.raises(ConflictError, match=r"Nothing was deleted. Call recover\(\)"):
        VERBS[verb](stale)
    assert before == on_service(project)


@pytest.mark.parametrize("verb", VERBS)
def test_recover_is_the_way_out(project: Deployer, copy: Copy, verb: str) -> None:
    """Afterwards the verb does what it does."""
    stale = copy()
    project.update(model(1), sample=ROWS, version="B")
    project.candidate(model(2), version="candidate")
    stale.recover()

    if verb == "deploy":
        with pytest.raises(ConflictError, match="is deployed already"):
            VERBS[verb](stale)
    else:
        VERBS[verb](stale)


def test_a_rollback_goes_on_from_the_one_of_somebody_else(project: Deployer, copy: Copy) -> None:
    """The deployment's own log says what happened since."""
    project.update(model(1), sample=ROWS, version="B")
    project.update(model(2), sample=ROWS, version="C")
    other = copy()
    project.rollback()

    assert "A" == other.rollback().version


def test_a_rollback_to_what_the_file_does_not_know_is_refused(project: Deployer, copy: Copy) -> None:
    """The version before the live one is somebody else's: no other one is taken in its place."""
    other = copy()
    project.update(model(1), sample=ROWS, version="B")
    project.update(model(0), sample=ROWS)

    with pytest.raises(ConflictError, match=r"The version before the live one(.|\n)*recover\(\)"):
        other.rollback()
    other.recover()
    assert "B" == other.rollback().version


def test_pruning_keeps_what_somebody_else_would_roll_back_to(project: Deployer, copy: Copy) -> None:
    """The deployment's own log says what that is."""
    for number, name in ((3, "B"), (4, "C"), (5, "D")):
        project.update(wide(number), version=name, allow_schema_change=True)
    other = copy()
    project.rollback()

    assert ("A", "D") == other.prune(keep=0)
    assert "B" == project.rollback().version


def test_a_stale_store_gives_no_name_twice(project: Deployer, copy: Copy) -> None:
    """Names on the service count, too."""
    other = copy()
    names = [deployer.store(model(number)).version for number, deployer in enumerate((project, other, project), 1)]

    assert ["v0.1", "v0.2", "v0.3"] == names


def test_what_was_changed_in_a_console_stands_in_the_history(project: Deployer, client: Client) -> None:
    """The next change finds it, and a rollback goes back from it."""
    for number, name in ((1, "B"), (2, "C")):
        project.update(model(number), sample=ROWS, version=name)
    first = project.metadata.version("B")
    assert first is not None
    client.serve(str(project.metadata.deployment_uid), first.model_id, first.revision)
    project.rollback()

    assert [["rollback", "C", "B", "skipped"], ["rollback", "B", "A", "passed"]] == (
        project.history()[["action", "from", "to", "verification"]].tail(2).to_numpy().tolist()
    )


def test_versions_on_later_pages_of_the_service_are_found(
    reached: SoftwareCredentials, metadata_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost file is rebuilt with all of its versions, however many lists it takes."""
    monkeypatch.setattr(rest, "PAGE", 2)
    with Deployer(reached, metadata_path) as deployer:
        for number in range(5):
            deployer.release(model(number), sample=ROWS, version=f"v{number}")
        metadata_path.with_suffix(".lock").unlink()
        deployer.recover()
        names = [version.name for version in deployer.metadata.versions]
        deployer.delete(cascade=True)

    assert ["v0", "v1", "v2", "v3", "v4"] == names
