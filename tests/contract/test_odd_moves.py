"""What people do to a project behind the library's back, and what disks and plans do to people."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tests.contract.insides import rewrite_metadata
from tests.contract.processes import ROWS, model, number_of
from wml_deployer import Deployer
from wml_deployer._verification.sample import SampleFolder
from wml_deployer.errors import AuthorizationError, ConflictError, MetadataError, VersionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer


@pytest.fixture
def project(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Deploy model 0 as v0, and update to model 1 as v1."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model(0), sample=ROWS, version="v0")
        deployer.update(model(1), sample=ROWS, version="v1")
        yield deployer
        if metadata_path.exists() and deployer.metadata.versions:
            deployer.delete(cascade=True)


def test_a_deployment_deleted_elsewhere_is_made_anew_and_its_versions_stay_good(
    project: Deployer, client: Client
) -> None:
    """Somebody deleted it in the web console: release deploys again, and one can go back as before."""
    client.delete_deployment(project.status().id)
    with pytest.raises(VersionError, match="is not deployed"):
        project.update(model(2), sample=ROWS, version="v2")
    project.release(model(2), sample=ROWS, version="v2")

    assert ("v1", 1) == (project.rollback().version, number_of(project))


def test_a_model_deleted_elsewhere_is_stored_anew(project: Deployer, client: Client) -> None:
    """The same content is no longer there, and not taken for it."""
    live = project.status()
    client.delete_deployment(live.id)
    client.delete_model(live.model_id)
    again = project.release(model(1), sample=ROWS)

    assert (False, 1) == (again.model_id == live.model_id, number_of(project))


def test_a_folder_may_be_moved(project: Deployer, reached: SoftwareCredentials, tmp_path: Path) -> None:
    """Its samples go with it, and the deployment is the same."""
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("metadata.yaml", "metadata.lock", ".wml"):
        (tmp_path / name).rename(moved / name)
    with Deployer(reached, moved / "metadata.yaml") as deployer:
        back = deployer.rollback()
        for name in ("metadata.yaml", "metadata.lock"):
            (moved / name).rename(tmp_path / name)

    assert ("v0", "passed") == (back.version, project.history()["verification"].iloc[-1])


@pytest.mark.parametrize("verb", ["deploy", "update", "release", "rollback"])
def test_a_file_from_before_the_live_version_is_refused(project: Deployer, client: Client, verb: str) -> None:
    """A checkout of an older commit: nothing is uploaded, and the way out is named."""
    now = project.metadata
    rewrite_metadata(project, versions=now.versions[:1], log=now.log[:1])
    models = client.models()
    with pytest.raises((ConflictError, VersionError)) as refused:
        project.rollback("v0") if verb == "rollback" else getattr(project, verb)(model(2), version="v2")
    after = client.models()
    recovered = project.recover()

    assert models == after
    assert verb == "rollback" or "recover()" in str(refused.value)
    assert ["v0", "v1"] == [version.name for version in recovered.versions]


def test_deleting_everything_takes_what_scores_in_batch_with_it(project: Deployer, client: Client) -> None:
    """The service deletes no model that is deployed, be it for batches."""
    project.score_batch(ROWS)
    project.candidate(model(2), sample=ROWS, version="v2")
    name = project.metadata.project_name
    project.delete(cascade=True)
    deployed = [record.name for record in (*client.deployments(), *client.batch_deployments())]
    left = deployed + [record.name for record in client.models()]

    assert [] == [each for each in left if name in each]
    assert () == project.metadata.versions


def test_a_model_that_scores_in_batch_is_not_pruned(
    project: Deployer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """The batch deployment stays with the version that it was asked for last."""
    project.score_batch(ROWS)
    for width in (2, 3):
        fitted = HistGradientBoostingClassifier(max_iter=1).fit(features.iloc[:, :width], labels)
        project.release(fitted, allow_schema_change=True)

    assert () == project.prune(keep=0)


def test_a_model_that_is_deployed_is_a_conflict_to_delete(project: Deployer, client: Client) -> None:
    """IBM's clients refuse it with an error of no kind."""
    with pytest.raises(ConflictError, match="is deployed, and stays"):
        client.delete_model(project.status().model_id)


def test_a_plan_that_is_used_up_is_told_as_that(
    client: Client, reached: SoftwareCredentials, metadata_path: Path, server: LocalServer
) -> None:
    """Rights are not what is missing; nothing is left behind."""
    with Deployer(reached, metadata_path) as deployer:
        server.limit(deployments=0)
        with pytest.raises(AuthorizationError, match="Delete deployments that nobody needs, upgrade the plan"):
            deployer.deploy(model(0), sample=ROWS)
        server.limit(deployments=None)
        name = deployer.metadata.project_name

        assert [] == [record for record in client.models() if name in record.name]
        assert ((), None) == (deployer.metadata.versions, deployer.metadata.model_uid)


def test_gradient_boosting_can_be_stored(project: Deployer, features: pd.DataFrame, labels: pd.Series[Any]) -> None:
    """scikit-learn pickles its losses under a module name that is not its own."""
    boosted = HistGradientBoostingClassifier(max_iter=2).fit(features.iloc[:, :2], labels)

    assert "ready" == project.release(boosted, sample=features.iloc[:5, :2], allow_schema_change=True).state


def test_a_sample_that_cannot_be_read_proves_nothing(project: Deployer, tmp_path: Path) -> None:
    """It is as good as lost: the version serves, and the history says that it was not proven."""
    for path in (tmp_path / ".wml" / "samples").glob("*.json"):
        path.write_text('{"payload": ', encoding="utf-8")

    assert ("v0", "skipped") == (project.rollback().version, project.history()["verification"].iloc[-1])


def test_a_sample_that_cannot_be_kept_is_our_error(project: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: what served serves, and the next call goes on."""
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(MetadataError, match=r"sample cannot be kept .* No space left"):
            project.update(model(2), sample=ROWS, version="v2")
    before = number_of(project)

    assert (1, "v2") == (before, project.update(model(2), sample=ROWS, version="v2").version)


@pytest.mark.parametrize(
    ("written", "live"),
    [(0, 1), (1, 1), (2, 2), (3, 2)],
    ids=["the version", "the beginning of the change", "the log", "the end of the change"],
)
def test_a_full_disk_is_gone_on_from(
    project: Deployer, client: Client, monkeypatch: pytest.MonkeyPatch, written: int, live: int
) -> None:
    """Whichever write of metadata.yaml fails: the error says what serves, and the next call writes it down."""
    writes, replace = itertools.count(), Path.replace

    def replace_or_fail(draft: Path, path: Path) -> Path:
        if path.suffix in {".yaml", ".lock"} and next(writes) == written:
            full()
        return replace(draft, path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_fail)
        with pytest.raises(MetadataError, match="No space left"):
            project.update(model(2), sample=ROWS, version="v2")
    serves = number_of(project)
    again = project.update(model(2), sample=ROWS, version="v2")

    assert (live, "v2", ["v0", "v1", "v2"]) == (
        serves,
        again.version,
        [entry.to_version for entry in project.metadata.log],
    )
    assert 3 == len(client.revisions(again.model_id))


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_sent(
    project: Deployer, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checked-out file may be write-protected; root may write everything, so here the question is answered."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: not (str(path).endswith("metadata.yaml") and mode == os.W_OK))
        server.clear_requests()
        with pytest.raises(MetadataError, match="write-protected"):
            project.update(model(2), sample=ROWS, version="v2")

        assert [] == server.requests


def test_a_machine_without_the_samples_rolls_back_unproven(project: Deployer, tmp_path: Path) -> None:
    """Another machine has the file and not the samples: the history says so."""
    assert SampleFolder(tmp_path / ".wml" / "samples").find(project.metadata.versions[0]) is not None
    for path in (tmp_path / ".wml" / "samples").glob("*.json"):
        path.unlink()

    assert ("v0", "skipped") == (project.rollback().version, project.history()["verification"].iloc[-1])


def full(*_: object) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_same_content_on_another_specification_is_another_version(project: Deployer, client: Client) -> None:
    """What is stored already on a runtime does not answer a wish for one derived from it."""
    base = next(one for one in client.specifications() if one.name == "runtime-25.1-py3.12")
    client.derive_specification("with-a-package", base, ())
    stored = project.store(model(1), specification="with-a-package")

    runs_on = {version.name: version.software_specification for version in project.metadata.versions}

    assert ("with-a-package", "runtime-25.1-py3.12") == (runs_on[stored.version], runs_on["v1"])
