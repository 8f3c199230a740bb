"""A project in several spaces: ids, versions, history, rollback, recovery and pruning of each are its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.conftest import METADATA
from tests.contract.processes import ROWS, model
from tests.contract.two_spaces import TwoSpaces, opened
from wml_deployer import Deployer, LocalCredentials, SoftwareCredentials, create_space
from wml_deployer.errors import ConflictError
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def second_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftwareCredentials]:
    """Run another service, and log in to it."""
    with LocalServer(tmp_path_factory.mktemp("second")) as server:
        info = server.info
        yield SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )


ON_ONE_AND_ON_TWO = pytest.mark.parametrize("both", ["one service", "two services"], indirect=True)


@pytest.fixture
def both(
    request: pytest.FixtureRequest,
    reached: SoftwareCredentials,
    second_service: SoftwareCredentials,
    metadata_path: Path,
) -> Iterator[TwoSpaces]:
    """Open the project in staging and in production."""
    is_two = getattr(request, "param", "") == "two services"
    with opened(reached, second_service if is_two else reached, metadata_path) as both:
        yield both


def changes(deployer: Deployer) -> list[list[Any]]:
    """List what was live in a space."""
    found: list[list[Any]] = deployer.history()[["action", "from", "to"]].astype(object).to_numpy().tolist()
    return found


@ON_ONE_AND_ON_TWO
def test_each_space_has_a_history_and_a_rollback_of_its_own(both: TwoSpaces) -> None:
    """Going back in production alone leaves staging, and the ids in metadata.yaml are those of the last change."""
    staging, production = both
    for deployer in both:
        deployer.release(model(0), sample=ROWS, version="v0")
        deployer.release(model(1), sample=ROWS, version="v1")
    ids = [deployer.metadata.deployment_uid for deployer in both]
    production.rollback(reason="too slow")

    assert [["deploy", None, "v0"], ["update", "v0", "v1"]] == changes(staging)
    assert ["rollback", "v1", "v0"] == changes(production)[-1]
    assert ["v1", "v0"] == [deployer.status().version for deployer in both]
    assert len(set(ids)) == 2
    assert ids == [deployer.metadata.deployment_uid for deployer in both]
    assert f"deployment_uid: {ids[1]}" in production._file.path.read_text(encoding="utf-8")


@ON_ONE_AND_ON_TWO
def test_what_scores_is_the_spaces_own_version(both: TwoSpaces) -> None:
    """Each deployer asks its own deployment, whichever space was changed last."""
    staging, production = both
    staging.release(model(0), sample=ROWS)
    production.release(model(1), sample=ROWS)

    for deployer, number in ((staging, 0), (production, 1)):
        assert model(number).predict(ROWS).tolist() == deployer.score(ROWS)["prediction"].tolist()


def test_a_space_that_was_never_used_has_no_history(both: TwoSpaces) -> None:
    """What the other one has is not taken for its own, before the first connection either."""
    both.staging.release(model(0), sample=ROWS)

    assert [] == changes(both.production)
    assert () == both.production.metadata.versions
    assert None is both.production.metadata.deployment_uid


def test_the_same_content_has_one_name_and_a_name_one_content(both: TwoSpaces) -> None:
    """In both spaces, though each stores it as a model of its own."""
    names = [
        both.staging.store(model(0)).version,
        both.staging.store(model(1)).version,
        both.production.store(model(1)).version,
        both.production.store(model(2)).version,
    ]

    assert ["v0.1", "v0.2", "v0.2", "v0.3"] == names


@ON_ONE_AND_ON_TWO
def test_a_lost_lock_is_rebuilt_in_each_space(both: TwoSpaces) -> None:
    """From what that space has; the other's state comes with its own recovery."""
    for number, deployer in enumerate(both):
        deployer.release(model(number), sample=ROWS, version=f"v{number}")
    before = [changes(deployer) for deployer in both]
    both.staging._file.lock_path.unlink()
    for deployer in both:
        deployer.recover()

    assert before == [changes(deployer) for deployer in both]
    assert [["v0"], ["v1"]] == [[version.name for version in deployer.metadata.versions] for deployer in both]


@ON_ONE_AND_ON_TWO
def test_pruning_one_space_leaves_the_other(both: TwoSpaces) -> None:
    """The models of another space are not looked at."""
    for deployer in both:
        deployer.store(model(0), version="v0")
    gone = both.staging.prune(keep=0)

    assert ("v0",) == gone
    assert [[], ["v0"]] == [[version.name for version in deployer.metadata.versions] for deployer in both]
    assert "v0" == both.production.deploy(both.production.version("v0")).version


def test_a_stale_file_is_stale_in_its_space_alone(both: TwoSpaces, tmp_path: Path) -> None:
    """Production goes on on another machine; an older copy of the files refuses to change it, and changes staging."""
    staging, production = both
    for deployer in both:
        deployer.release(model(0), sample=ROWS)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (staging._file.path, staging._file.lock_path):
        shutil.copy(path, copy)
    production.release(model(1), sample=ROWS)

    with Deployer(production._credentials, copy / "metadata.yaml") as stale, pytest.raises(ConflictError):
        stale.release(model(2), sample=ROWS)
    with Deployer(staging._credentials, copy / "metadata.yaml") as current:
        assert (
            model(2).predict(ROWS).tolist() == current.release(model(2), sample=ROWS).score(ROWS)["prediction"].tolist()
        )


def test_the_name_of_the_space_is_shown(both: TwoSpaces) -> None:
    """By status, history and the views."""
    names = [space.split()[0] for space in both.staging.spaces()["space"]]
    for deployer in both:
        deployment = deployer.release(model(0), sample=ROWS)
        shown = (deployment.space, deployer.history()["space"][0], repr(deployer.history()._repr_html_()))
        name = str(deployment.space)

        assert name.split(maxsplit=1)[0] in {"staging", "production"}
        assert all(name in text for text in (*map(str, shown), deployer._repr_html_(), deployment._repr_html_()))
    assert [] == names


def test_what_is_live_in_which_space(both: TwoSpaces) -> None:
    """One row for each, out of the file."""
    both.staging.release(model(0), sample=ROWS, version="v0")
    both.staging.release(model(1), sample=ROWS, version="v1")
    both.production.release(model(0), sample=ROWS, version="v0")
    both.production.delete()
    found = both.staging.spaces()
    live = {name.split()[0]: version for name, version in zip(found["space"], found["version"], strict=True)}

    assert {"staging": "v1", "production": None} == live


def test_embedded_services_of_two_folders_are_two_spaces(tmp_path: Path) -> None:
    """Though both are called local, and neither names its space."""
    path = tmp_path / "metadata.yaml"
    path.write_text(METADATA.format(project="churn"), encoding="utf-8")
    with Deployer.local(path, tmp_path / "staging") as staging, Deployer.local(path, tmp_path / "fresh") as fresh:
        staging.release(model(0), sample=ROWS)

        assert [] == changes(fresh)
        assert 1 == len(changes(staging))
    # A new process knows it by the folder, without starting the service.
    assert 1 == len(changes(Deployer.local(path, tmp_path / "staging")))
    assert [] == changes(Deployer.local(path, tmp_path / "fresh"))


def test_spaces_of_one_embedded_service_are_found_by_name(tmp_path: Path) -> None:
    """Before the service is started, too."""
    path = tmp_path / "metadata.yaml"
    path.write_text(METADATA.format(project="churn"), encoding="utf-8")
    given = LocalCredentials(directory=tmp_path / "service")
    create_space(given, "production")
    named = given.model_copy(update={"space": "production"})
    with Deployer(named, path) as production, Deployer(given, path) as default:
        production.release(model(0), sample=ROWS)

        assert ("production", 1, 0) == (production.status().space, len(changes(production)), len(changes(default)))
    assert 1 == len(changes(Deployer(named, path)))
