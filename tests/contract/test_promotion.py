"""A stored version is taken from one space to another: the same bytes on the same software, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.linear_model import Ridge

from tests.contract.conftest import METADATA
from tests.contract.processes import ROWS, model
from tests.contract.test_two_spaces import changes, second_service
from tests.contract.two_spaces import TwoSpaces, opened
from wml_deployer import Deployer
from wml_deployer._rollout.orphans import checksum_of
from wml_deployer.errors import ConflictError, ModelError, VersionError
from wml_deployer.metadata import Pending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer import CloudCredentials, SoftwareCredentials
    from wml_deployer.testing import LocalServer

__all__ = ["second_service"]


@pytest.fixture
def both(credentials: SoftwareCredentials | CloudCredentials, metadata_path: Path) -> Iterator[TwoSpaces]:
    """Open the project in two spaces of one service."""
    with opened(credentials, credentials, metadata_path) as both:
        yield both


@pytest.fixture
def apart(
    reached: SoftwareCredentials, second_service: SoftwareCredentials, metadata_path: Path
) -> Iterator[TwoSpaces]:
    """Open the project on two services."""
    with opened(reached, second_service, metadata_path) as both:
        yield both


def content(deployer: Deployer, name: str) -> str:
    """Return the SHA-256 of what a space holds as a version."""
    stored = deployer.version(name)
    return deployer._project.client.read_model(stored.id, stored.revision, checksum_of)


@pytest.mark.core
def test_the_same_bytes_go_live(both: TwoSpaces) -> None:
    """With their schema, classes, parameters and metrics; and they are verified with the sample of staging."""
    staging, production = both
    staging.release(model(0), sample=ROWS, version="v0.7", metrics={"f1": 0.93})
    deployment = production.release(staging.version("v0.7"), reason="approved")
    (there,), (here,) = staging.metadata.versions, production.metadata.versions
    kept = ("name", "digest", "model_type", "software_specification", "libraries", "schema", "parameters", "metrics")

    assert [getattr(there, part) for part in kept] == [getattr(here, part) for part in kept]
    assert content(staging, "v0.7") == content(production, "v0.7")
    assert model(0).predict(ROWS).tolist() == deployment.score(ROWS)["prediction"].tolist()
    assert "passed" == production.history()["verification"][0]


@pytest.mark.core
def test_the_history_says_where_it_came_from(both: TwoSpaces) -> None:
    """Space, model and revision; also after a rollback to it, and where the log is rebuilt."""
    staging, production = both
    stored = staging.store(model(0), sample=ROWS)
    production.release(staging.version(stored.version))
    production.release(model(1), sample=ROWS)
    production.rollback()
    expected = f"{staging._file.space_name}: revision 1 of model {stored.id}"
    told = production.history()["origin"].tolist()
    production._file.lock_path.unlink()
    production.recover()

    assert [expected, None, expected] == told
    assert told == production.history()["origin"].tolist()
    assert expected == str(production.metadata.versions[0].origin)


def test_a_function_is_taken_along(apart: TwoSpaces) -> None:
    """It carries the model, so its own text is what is the same."""
    staging, production = apart
    staging.release(model(0), sample=ROWS, route="function")
    deployment = production.release(staging.version("v0.1"))

    assert "function" == production.metadata.versions[0].route
    assert content(staging, "v0.1") == content(production, "v0.1")
    assert model(0).predict(ROWS).tolist() == deployment.score(ROWS)["prediction"].tolist()


@pytest.mark.slow
def test_requirements_and_own_packages_are_installed_there(
    apart: TwoSpaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The software specification is derived there, with the very package extensions."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    helpers = tmp_path / "own_helpers.py"
    helpers.write_text("RATE = 2\n", encoding="utf-8")
    staging, production = apart
    staging.release(model(0), sample=ROWS, requirements=["numpy"], code=[helpers])
    deployment = production.release(staging.version("v0.1"))
    (there,), (here,) = staging.metadata.versions, production.metadata.versions

    assert there.software_specification == here.software_specification
    assert (("numpy",), there.code) == (here.requirements, here.code)
    assert "ready" == deployment.state


def test_taking_what_is_live_already_does_nothing(both: TwoSpaces, server: LocalServer) -> None:
    """Nothing is downloaded or uploaded."""
    staging, production = both
    staging.store(model(0), sample=ROWS)
    production.release(staging.version("v0.1"))
    server.clear_requests()
    production.release(staging.version("v0.1"))

    assert 1 == len(changes(production))
    assert [] == [one for one in server.requests if "content" in one.path or one.path.endswith("/download")]


def test_a_version_that_was_pruned_there_is_refused(both: TwoSpaces) -> None:
    """It is named, and nothing is stored; but what is stored here already needs nothing from there."""
    staging, production = both
    kept, gone = staging.store(model(0)), staging.store(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]))
    production.store(kept)
    staging.prune(keep=0)

    with pytest.raises(VersionError, match=rf"{gone.version} is no longer stored in staging"):
        production.release(gone, allow_schema_change=True)
    assert [kept.version] == [version.name for version in production.metadata.versions]
    assert kept.version == production.release(kept).version


def test_a_rollout_that_is_not_over_there_is_refused(both: TwoSpaces) -> None:
    """Whether the version answers as it should is not known yet."""
    staging, production = both
    staging.release(model(0), sample=ROWS)
    stored = staging.store(model(1), sample=ROWS)
    pending = Pending(action="update", model_id=stored.id, revision=stored.revision)
    staging._file.write(staging.metadata.model_copy(update={"pending": pending}))

    with pytest.raises(ConflictError, match=r"The update of version v0\.2 in staging .* is not over"):
        production.release(staging.version("v0.2"))
    assert () == production.metadata.versions


def test_a_version_of_another_project_is_refused(both: TwoSpaces, tmp_path: Path) -> None:
    """Its callers send other rows."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "metadata.yaml").write_text(METADATA.format(project="another"), encoding="utf-8")
    with Deployer(both.staging._credentials, other / "metadata.yaml") as foreign:
        stored = foreign.store(model(0))
        with pytest.raises(VersionError, match="is one of the project another"):
            both.production.release(stored)
        foreign.prune(keep=0)


def test_a_version_of_the_same_space_is_served_as_it_is(both: TwoSpaces) -> None:
    """By the same deployer and by another one: it is stored already, and has no origin."""
    staging, _ = both
    staging.release(model(0), sample=ROWS)
    staging.release(model(1), sample=ROWS)
    staging.release(staging.version("v0.1"))
    with Deployer(staging._credentials, staging._file.path) as again:
        staging.release(again.version("v0.2"))

    assert ["v0.1", "v0.2", "v0.1", "v0.2"] == [change[2] for change in changes(staging)]
    assert 2 == len(staging.metadata.versions)
    assert staging.history()["origin"].isna().all()


def test_a_name_that_is_taken_here_is_not_given_again(both: TwoSpaces, metadata_path: Path, tmp_path: Path) -> None:
    """Two machines that share no files both have a v1; the one that comes later gets another name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "metadata.yaml").write_bytes(metadata_path.read_bytes())
    with Deployer(both.staging._credentials, elsewhere / "metadata.yaml") as staging:
        stored = staging.store(model(0), sample=ROWS, version="v1")
        both.production.release(model(1), sample=ROWS, version="v1")
        with pytest.raises(VersionError, match="Version 'v1' is stored already"):
            both.production.release(stored)

        assert "v2" == both.production.release(stored, version="v2").version
    # The sample came along, out of the other folder.
    assert ["passed", "passed"] == both.production.history()["verification"].tolist()


def test_content_of_another_digest_is_refused(both: TwoSpaces) -> None:
    """What the file says is compared with what the space holds."""
    staging, production = both
    staging.store(model(0))
    (version,) = staging.metadata.versions
    forged = version.model_copy(update={"digest": "0" * 64})
    staging._file.write(staging.metadata.model_copy(update={"versions": (forged,)}))

    with pytest.raises(ConflictError, match="another digest"):
        production.release(staging.version("v0.1"))
    assert () == production.metadata.versions


def test_what_fails_its_verification_leaves_nothing(both: TwoSpaces, changing: Any, features: Any) -> None:
    """A first deployment is removed with the version; staging keeps its own."""
    staging, production = both
    stored = staging.store(changing, sample=features.head(9))
    with pytest.raises(RuntimeError, match="differ"):
        production.release(stored)

    assert () == production.metadata.versions
    assert [] == production._project.client.models()
    assert 1 == len(staging.metadata.versions)


def test_a_version_can_be_checked_stored_and_tried_as_a_candidate(both: TwoSpaces) -> None:
    """Whatever takes a model takes a version of another space."""
    staging, production = both
    staging.store(model(1), sample=ROWS)
    production.release(model(0), sample=ROWS)
    version = staging.version("v0.1")
    report = production.check(version)

    assert report.ok
    assert (version.model_type, version.route) == (report.model_type, report.route)
    assert "v0.1" == production.store(version).version
    assert "v0.1" == production.candidate(version).version


def test_arguments_that_come_too_late_are_refused(both: TwoSpaces) -> None:
    """A version does not change on its way."""
    stored = both.staging.store(model(0))

    with pytest.raises(ModelError, match="sample=, route= came too late"):
        both.production.release(stored, sample=ROWS, route="function")
