"""What served decides where a rollback goes; names are for people, and are given once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.insides import rewrite_metadata
from tests.contract.processes import ROWS, model, number_of
from tests.contract.test_stale_file import wide
from wml_deployer import Deployer
from wml_deployer._rollout.service_log import read_retired, write_log
from wml_deployer.errors import MetadataError, ModelError, VersionError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer


@pytest.fixture
def project(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Deploy model 0 as A."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model(0), sample=ROWS, version="A")
        yield deployer


@pytest.fixture
def fail(server: LocalServer) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Run a call whose sample the endpoint cannot answer."""

    def run(call: Callable[[], Any]) -> None:
        server.fault("POST", "/predictions", status=500, times=None)
        with pytest.raises(WMLDeployerError):
            call()
        server.clear_faults()

    yield run
    server.clear_faults()


def test_a_rollback_after_a_failed_update_goes_to_the_version_before(
    project: Deployer, fail: Callable[[Callable[[], Any]], None]
) -> None:
    """A, B, C, B again, and D, which failed: C was live before."""
    for number, name in ((1, "B"), (2, "C")):
        project.update(model(number), sample=ROWS, version=name)
    project.update(model(1), sample=ROWS)
    fail(lambda: project.update(model(3), sample=ROWS, version="D"))

    assert ("B", "C", 2) == (project.status().version, project.rollback().version, number_of(project))


def test_a_failed_rollback_is_gone_on_from(project: Deployer, fail: Callable[[Callable[[], Any]], None]) -> None:
    """It leaves what was live, and the next one goes where it was to go."""
    for number, name in ((1, "B"), (2, "C")):
        project.update(model(number), sample=ROWS, version=name)
    fail(project.rollback)

    assert ("C", "B") == (project.status().version, project.rollback().version)


def test_a_log_entry_says_what_was_live(project: Deployer, client: Client) -> None:
    """Here and on the deployment."""
    version, [entry] = project.metadata.versions[0], project.metadata.log
    told = client.deployment(project.status().id).custom["wml_deployer"]["log"][0]

    assert (version.model_id, version.revision, version.digest) == (entry.model_id, entry.revision, entry.digest)
    assert (version.model_id, version.revision, version.digest) == (told["model_id"], told["revision"], told["digest"])


def test_history_names_the_route_of_each_change(project: Deployer) -> None:
    """Also of a version that is no longer stored; views show it."""
    deployment = project.update(model(1), sample=ROWS, version="B", route="function")
    views = [each._repr_html_() for each in (project.history(), project, deployment)]

    assert ["native", "function"] == project.history()["route"].tolist()
    assert ("function", [True] * 3) == (deployment.route, ["function" in html for html in views])


def test_rolling_back_to_what_is_live_is_refused(project: Deployer, server: LocalServer) -> None:
    """Nothing is changed."""
    server.clear_requests()
    with pytest.raises(VersionError, match="A is live already"):
        project.rollback(to="A")

    assert {"GET"} == {request.method for request in server.requests}


def test_a_digest_names_a_version(project: Deployer) -> None:
    """It is what is the same on every machine."""
    digest = project.metadata.versions[0].digest
    project.update(model(1), sample=ROWS, version="B")

    assert "A" == project.rollback(to=digest).version


def test_pruned_names_are_not_given_again(project: Deployer) -> None:
    """The log goes on naming what is gone, and nobody rolls back to what never served."""
    project.update(wide(3), version="v0.1", allow_schema_change=True)
    project.update(wide(4), version="C", allow_schema_change=True)
    project.update(wide(5), version="D", allow_schema_change=True)
    project.prune(keep=0)
    stored = project.store(wide(3)).version

    assert ("v0.2", [None, None, "1", "1"]) == (stored, project.history()["revision"].tolist())
    assert "C" == project.rollback().version
    with pytest.raises(VersionError, match="no earlier version"):
        project.rollback()


def test_the_name_of_what_was_never_live_is_not_given_again(project: Deployer, metadata_path: Path) -> None:
    """Not after it was pruned, and not where metadata.lock was lost after that."""
    given = [project.store(wide(3)).version, *project.prune(keep=0)]
    given += [project.store(wide(4)).version, *project.prune(keep=0)]
    metadata_path.with_suffix(".lock").unlink()
    project.recover()

    assert ["v0.1", "v0.1", "v0.2", "v0.2", "v0.3"] == [*given, project.store(wide(5)).version]


def test_the_name_of_what_was_never_live_outlasts_its_project(project: Deployer) -> None:
    """Everything is deleted from the service, and metadata.lock remembers."""
    project.store(wide(3), version="v7")
    project.delete(cascade=True)

    with pytest.raises(VersionError, match=r"'v7' is or was another content"):
        project.store(wide(4), version="v7")


def test_the_names_on_the_service_are_few(project: Deployer, client: Client) -> None:
    """They come with each look at the deployment."""
    retired = {f"v{number}": "sha256:a" for number in range(100)}
    record = client.deployment(project.status().id)
    write_log(client, record, project.metadata.model_copy(update={"retired": retired}))

    assert [f"v{number}" for number in range(60, 100)] == [*read_retired(client.deployment(project.status().id))]


def test_a_stale_file_leaves_retired_names_on_the_service(project: Deployer, client: Client) -> None:
    """It still lists the version that another machine removed, and the name stays taken."""
    record = client.deployment(project.status().id)
    write_log(client, record, project.metadata.model_copy(update={"retired": {"old": "sha256:a"}}))
    first, *others = project.metadata.versions
    stale = project.metadata.model_copy(update={"versions": (first.model_copy(update={"name": "old"}), *others)})
    write_log(client, client.deployment(project.status().id), stale)

    assert "sha256:a" == read_retired(client.deployment(project.status().id))["old"]


def test_a_pruned_name_is_refused_for_other_content(project: Deployer, server: LocalServer) -> None:
    """Nothing is uploaded, and a free name is proposed."""
    for number, name in ((3, "v1"), (4, "C"), (5, "D")):
        project.update(wide(number), version=name, allow_schema_change=True)
    project.prune(keep=0)
    server.clear_requests()
    with pytest.raises(VersionError, match=r"'v1' is or was another content(.|\n)*'v2'"):
        project.store(model(5), version="v1")

    assert {"GET"} == {request.method for request in server.requests}


def test_a_deleted_project_that_is_deployed_again_has_nothing_before(project: Deployer) -> None:
    """Its versions are gone, their names are not."""
    project.delete(cascade=True)
    project.release(model(1), sample=ROWS)
    project.delete(cascade=True)
    again = project.release(model(2), sample=ROWS)

    assert "v0.2" == again.version
    with pytest.raises(VersionError, match="no earlier version"):
        project.rollback()


def test_an_orphan_revision_takes_no_name_of_another_version(
    project: Deployer, server: LocalServer, metadata_path: Path
) -> None:
    """An update whose last answers were lost leaves one; recover gives it a name of its own."""
    server.fault(None, "/ml/v4/models/[^/]*$", drop="after", times=8, skip=2)
    with pytest.raises(WMLDeployerError):
        project.update(model(1), sample=ROWS)
    server.clear_faults()
    live = project.release(model(2), sample=ROWS)
    before = {version.name: version.digest for version in project.metadata.versions}
    metadata_path.write_text(f"project_name: {project.metadata.project_name}\nproject_version: v0.1\n")
    metadata_path.with_suffix(".lock").unlink()
    after = {version.name: version.digest for version in project.recover().versions}

    assert (live.version, "v0.1") == ("v0.2", next(name for name in after if name not in before))
    assert before == {name: after[name] for name in before}


def test_an_entry_written_by_hand_is_read(project: Deployer) -> None:
    """It has a name alone."""
    project.update(model(1), sample=ROWS, version="B")
    log = tuple(
        entry.model_copy(update={"model_id": None, "revision": None, "digest": None}) for entry in project.metadata.log
    )
    rewrite_metadata(project, log=log)

    assert (["1", "2"], "A") == (project.history()["revision"].tolist(), project.rollback().version)


NOTHING_SENT: dict[str, Callable[[Deployer], object]] = {
    "a blank version": lambda deployer: deployer.update(model(1), version=" "),
    "a version of two lines": lambda deployer: deployer.store(model(1), version="a\nb"),
    "a candidate with an escape": lambda deployer: deployer.candidate(model(1), version="\x1b[31m"),
    "the reason of an update": lambda deployer: deployer.update(model(1), reason="\ud800"),
    "the reason of a release": lambda deployer: deployer.release(model(1), reason="a\x00b"),
    "the reason of a deployment": lambda deployer: deployer.deploy(model(0), reason="\x1b"),
    "the reason of a rollback": lambda deployer: deployer.rollback(reason="\x07"),
    "the reason of a promotion": lambda deployer: deployer.promote(reason="\x9b"),
}


@pytest.mark.parametrize("what", NOTHING_SENT)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    project: Deployer, server: LocalServer, what: str
) -> None:
    """It is not found out after the upload."""
    server.clear_requests()
    with pytest.raises((ModelError, MetadataError), match=r"The (reason|name of the version) (has|is) "):
        NOTHING_SENT[what](project)

    assert [] == server.requests


def test_a_merge_key_of_the_user_s_is_no_hindrance(reached: SoftwareCredentials, metadata_path: Path) -> None:
    """It is read, and stays as it is written."""
    mine = "base: &base {p: 1}\nenv:\n  <<: *base\n  q: 2\n"
    metadata_path.write_text(metadata_path.read_text(encoding="utf-8") + mine, encoding="utf-8")
    with Deployer(reached, metadata_path) as deployer:
        deployer.release(model(0), sample=ROWS)

        assert {"p": 1, "q": 2} == (deployer.metadata.model_extra or {})["env"]
    assert mine in metadata_path.read_text(encoding="utf-8")
