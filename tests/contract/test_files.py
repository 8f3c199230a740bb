"""metadata.yaml and metadata.lock: written again, lost, and used with several spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.processes import ROWS, model, number_of
from tests.contract.test_stale_file import wide
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.errors import ConflictError, MetadataError, VersionError
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def elsewhere(reached: SoftwareCredentials) -> Iterator[SoftwareCredentials]:
    """Run another embedded service, with a space of its own."""
    with LocalServer() as server:
        info = server.info
        yield SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )


def test_a_notebook_that_writes_metadata_yaml_may_be_run_twice(
    reached: SoftwareCredentials, metadata_path: Path
) -> None:
    """The second run continues from the first one: the same model is live already, a better one is an update."""
    cell = metadata_path.read_text(encoding="utf-8")
    versions = []
    for number in (0, 0, 1):
        metadata_path.write_text(cell, encoding="utf-8")
        with Deployer(reached, metadata_path) as deployer:
            versions.append(deployer.release(model(number), sample=ROWS).version)

    assert (["v0.1", "v0.1", "v0.2"], ["deploy", "update"]) == (versions, deployer.history()["action"].tolist())


@pytest.mark.parametrize("ids", [False, True], ids=["nothing", "the ids alone"])
def test_files_that_know_nothing_go_on_from_the_space(
    reached: SoftwareCredentials, metadata_path: Path, tmp_path: Path, ids: bool
) -> None:
    """On another machine without metadata.lock, too."""
    begun = metadata_path.read_text(encoding="utf-8")
    with Deployer(reached, metadata_path) as deployer:
        first = deployer.release(model(0), sample=ROWS)
        deployer.release(model(1), sample=ROWS)
        written = metadata_path.read_text(encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "metadata.yaml").write_text(written if ids else begun, encoding="utf-8")
    with Deployer(reached, other / "metadata.yaml") as deployer:
        third = deployer.release(model(2), sample=ROWS)

        assert (first.id, "v0.3", 2) == (third.id, third.version, number_of(deployer))
        assert ["deploy", "update", "update"] == deployer.history()["action"].tolist()
        assert "v0.2" == deployer.rollback().version


@pytest.mark.parametrize(
    "verb",
    [lambda deployer: deployer.delete(cascade=True), lambda deployer: deployer.prune(0), Deployer.rollback],
    ids=["delete", "prune", "rollback"],
)
def test_files_that_know_nothing_take_nothing_away(
    reached: SoftwareCredentials, metadata_path: Path, verb: Callable[[Deployer], object]
) -> None:
    """What serves is somebody's work, and unknown to them."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.release(model(0), sample=ROWS)
        live = deployer.release(model(1), sample=ROWS)
        metadata_path.with_suffix(".lock").unlink()

        with pytest.raises(ConflictError, match=r"recover\(\)"):
            verb(deployer)
        assert (live.id, live.revision) == (deployer.status().id, deployer.status().revision)


def test_ids_of_an_older_model_are_refused(reached: SoftwareCredentials, metadata_path: Path) -> None:
    """metadata.yaml alone may be from before, too."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.release(model(0), sample=ROWS)
        yesterday = metadata_path.read_bytes()
        deployer.release(wide(3), allow_schema_change=True)
        metadata_path.write_bytes(yesterday)
        metadata_path.with_suffix(".lock").unlink()

        with pytest.raises(ConflictError, match=r"recover\(\)"):
            deployer.release(model(2), sample=ROWS, allow_schema_change=True)


def test_files_that_know_something_older_are_refused(reached: SoftwareCredentials, metadata_path: Path) -> None:
    """They may be yesterday's: what serves is somebody's work."""
    lock = metadata_path.with_suffix(".lock")
    with Deployer(reached, metadata_path) as deployer:
        deployer.release(model(0), sample=ROWS)
        yesterday = lock.read_bytes()
        deployer.release(model(1), sample=ROWS)
        lock.write_bytes(yesterday)

        with pytest.raises(ConflictError, match=r"recover\(\)"):
            deployer.release(model(2), sample=ROWS)


def test_one_project_lives_in_two_spaces(
    reached: SoftwareCredentials, elsewhere: SoftwareCredentials, metadata_path: Path
) -> None:
    """Each has ids, history, status and rollback of its own."""
    with Deployer(reached, metadata_path) as staging, Deployer(elsewhere, metadata_path) as production:
        one = staging.release(model(0), sample=ROWS, version="A")
        staging.release(model(1), sample=ROWS, version="B")
        other = production.release(model(1), sample=ROWS)
        written = metadata_path.read_text(encoding="utf-8")

        assert other.id != one.id
        assert f"deployment_uid: {other.id}\n" in written
        assert ("B", "B", one.id) == (staging.status().version, production.status().version, staging.status().id)
        assert ([["deploy", "update"], ["deploy"]]) == [
            deployer.history()["action"].tolist() for deployer in (staging, production)
        ]
        with pytest.raises(VersionError, match="no earlier version"):
            production.rollback()
        assert ("A", "B") == (staging.rollback().version, production.status().version)
        production.delete(cascade=True)
        assert ("A", one.id) == (staging.status().version, staging.metadata.deployment_uid)
        staging.delete(cascade=True)


def test_the_same_content_has_the_same_name_in_every_space(
    reached: SoftwareCredentials, elsewhere: SoftwareCredentials, metadata_path: Path
) -> None:
    """And other content another one."""
    with Deployer(reached, metadata_path) as staging, Deployer(elsewhere, metadata_path) as production:
        tried = [staging.store(model(number)).version for number in range(3)]
        stored = [production.store(model(number)).version for number in (2, 3)]

    assert (["v0.1", "v0.2", "v0.3"], ["v0.3", "v0.4"]) == (tried, stored)


@pytest.mark.parametrize(
    ("name", "content"),
    [("metadata.yaml", "? model_uid # a:b\n: old\n"), ("metadata.lock", "format: 1\nspaces: 3\n")],
)
def test_files_that_could_not_be_written_are_refused_before_anything_is_sent(
    reached: SoftwareCredentials, server: LocalServer, metadata_path: Path, name: str, content: str
) -> None:
    """They are not found out after the upload."""
    with Deployer(reached, metadata_path) as deployer:
        with metadata_path.with_name(name).open("a", encoding="utf-8") as file:
            file.write(content)
        server.clear_requests()
        with pytest.raises(MetadataError):
            deployer.release(model(0), sample=ROWS)

        assert [] == server.requests


def test_a_lost_metadata_lock_is_rebuilt(reached: SoftwareCredentials, metadata_path: Path) -> None:
    """Byte for byte, but for the seconds in which revisions were frozen."""
    lock = metadata_path.with_suffix(".lock")
    with Deployer(reached, metadata_path) as deployer:
        deployer.release(model(0), sample=ROWS, reason="first")
        deployer.release(model(1), sample=ROWS)
        before = lock.read_text(encoding="utf-8").splitlines()
        lock.unlink()
        deployer.recover()

    assert [line for line in before if "stored_at" not in line] == [
        line for line in lock.read_text(encoding="utf-8").splitlines() if "stored_at" not in line
    ]
