"""Rollouts that are refused, interrupted or overtaken: what serves afterwards, and what the message says."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.dummy import DummyClassifier

from tests.contract.insides import client_of, rewrite_metadata
from tests.contract.processes import ROWS, model, number_of
from wml_deployer import Deployer
from wml_deployer.errors import BadRequestError, ConflictError, DeadlineError, RolloutError, VersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer


@pytest.fixture
def project(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """Deploy model 0 as v0."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model(0), sample=ROWS, version="v0")
        yield deployer
        deployer.delete(cascade=True)


def answer(probabilities: list[float], label: int = 1) -> list[dict[str, Any]]:
    """Write what a runtime answers to the three sample rows."""
    return [{"fields": ["prediction", "probability"], "values": [[label, probabilities]] * len(ROWS)}]


SKEWS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "other order of the classes": lambda: answer([2 / 3, 1 / 3]),
    "swapped columns": lambda: answer([1 / 3, 2 / 3], label=0),
    "another scikit-learn": lambda: answer([1 / 3 + 1e-3, 2 / 3 - 1e-3]),
    "no probabilities": lambda: [{"fields": ["prediction"], "values": [[1]] * len(ROWS)}],
}


@pytest.mark.parametrize("skew", SKEWS)
def test_a_skewed_model_is_caught_and_gone_back_from(project: Deployer, server: LocalServer, skew: str) -> None:
    """The endpoint's answers before and after are equal."""
    before = project.score(ROWS)
    server.predict(project.status().id, SKEWS[skew]())

    with pytest.raises(RolloutError, match=r"Version v0 .* serves again"):
        project.update(model(1), sample=ROWS, version="v1")

    assert_frame_equal(before, project.score(ROWS), check_exact=True)
    assert ("v0", "ready") == (project.status().version, project.status().state)


@pytest.mark.parametrize("skew", SKEWS)
def test_a_skewed_rollback_is_caught_and_gone_back_from(project: Deployer, server: LocalServer, skew: str) -> None:
    """Going back is proven as going forward is."""
    project.update(model(1), sample=ROWS, version="v1")
    before = project.score(ROWS)
    server.predict(project.status().id, SKEWS[skew]())

    with pytest.raises(RolloutError, match=r"Version v1 .* serves again"):
        project.rollback()

    assert_frame_equal(before, project.score(ROWS), check_exact=True)


def test_a_sample_that_cannot_be_answered_is_a_failed_rollout(project: Deployer, server: LocalServer) -> None:
    """A refusal is not an answer of the local model."""
    server.predict(project.status().id, status=400)

    with pytest.raises(RolloutError, match="cannot answer all rows of the sample"):
        project.update(model(1), sample=ROWS, version="v1")

    assert 0 == number_of(project)


def test_an_update_that_takes_longer_than_its_time_says_how_to_go_back(project: Deployer, server: LocalServer) -> None:
    """The service takes no other change before the end of this one, and the call does not wait for it."""
    server.pace("deployment", seconds=2)
    try:
        start = time.monotonic()
        with pytest.raises(DeadlineError, match="Reverting to version v0 failed") as caught:
            project.update(model(1), sample=ROWS, version="v1", timeout=1)
        taken = time.monotonic() - start
        assert ("Call rollback(to='v0') as soon as the service answers.", True) == (caught.value.next_step, taken < 1.5)
        project.rollback(to="v0")
    finally:
        server.pace("deployment")

    assert (0, "v0") == (number_of(project), project.status().version)


def test_an_interrupted_update_goes_back_and_says_so(project: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the verification leaves the verified version, and its message tells which."""
    client = client_of(project)

    with monkeypatch.context() as patch:
        patch.setattr(client, "score", _interrupt)
        with pytest.raises(KeyboardInterrupt, match=r"Version v0 .* serves again"):
            project.update(model(1), sample=ROWS, version="v1")

    assert (0, "v0") == (number_of(project), project.status().version)


def test_an_interrupted_first_deployment_leaves_nothing(
    reached: SoftwareCredentials, metadata_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it waits removes deployment and model."""
    with Deployer(reached, metadata_path) as deployer:
        client = client_of(deployer)
        monkeypatch.setattr(client, "score", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            deployer.deploy(model(0), sample=ROWS)
        name = deployer.metadata.project_name
        named = [m.name for m in client.models()] + [d.name for d in client.deployments()]
        left = [found for found in named if name in found]

        assert ([], None, ()) == (left, deployer.metadata.deployment_uid, deployer.metadata.versions)


def test_when_going_back_fails_too_the_error_says_what_serves(
    project: Deployer, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to guess."""
    server.predict(project.status().id, answer([0.5, 0.5]))
    # The update's own change goes well, the one back does not.
    server.fault("PATCH", "/ml/v4/deployments/", status=403, skip=1)

    with pytest.raises(RolloutError, match=r"Reverting to version v0 failed(.|\n)*with version v1, revision 2"):
        project.update(model(1), sample=ROWS, version="v1")

    assert "v0" == project.rollback().version


def test_a_rollback_after_a_cut_off_update_returns_to_the_proven_version(
    project: Deployer, server: LocalServer
) -> None:
    """What was never proven is not what is rolled back from."""
    server.predict(project.status().id, answer([0.5, 0.5]))
    server.fault("PATCH", "/ml/v4/deployments/", status=403, skip=1)
    with pytest.raises(RolloutError):
        project.update(model(1), sample=ROWS, version="v1")

    assert ("v0", 0) == (project.rollback().version, number_of(project))


def test_a_deleted_version_is_refused_before_anything_changes(project: Deployer, server: LocalServer) -> None:
    """The message lists what there is."""
    model_type = project.metadata.versions[0].model_type
    gone = project.metadata.versions[0].model_copy(update={"name": "gone", "revision": "99", "model_type": model_type})
    rewrite_metadata(project, versions=(*project.metadata.versions, gone))
    server.clear_requests()

    with pytest.raises(VersionError, match=r"deleted from the service(.|\n)*v0 \(revision 1\)"):
        project.rollback("gone")

    assert {"GET"} == {request.method for request in server.requests}


def test_an_earlier_failure_does_not_fail_a_later_update(project: Deployer, server: LocalServer) -> None:
    """The service may go on telling why an update before this one failed."""
    server.predict(project.status().id, answer([0.5, 0.5]))
    with pytest.raises(RolloutError):
        project.update(model(1), sample=ROWS, version="v1")

    assert "v2" == project.update(model(2), sample=ROWS, version="v2").version


def test_a_deployment_that_somebody_changes_meanwhile_is_left_to_them(
    project: Deployer, client: Client, server: LocalServer
) -> None:
    """Who is overtaken is told so, and takes nothing back."""
    deployment = project.status()
    later = project.store(model(2), sample=ROWS, version="v2")
    project.store(model(1), sample=ROWS, version="v1")
    server.pace("deployment", seconds=1)

    def overtake() -> None:
        while client.deployment(deployment.id).state != "updating":
            time.sleep(0.05)
        while client.deployment(deployment.id).state != "ready":
            time.sleep(0.01)
        server.pace("deployment")
        client.serve(deployment.id, later.id, later.revision)

    server.fault("POST", "/predictions$", stall=3)
    thread = threading.Thread(target=overtake)
    thread.start()
    server.predict(deployment.id, answer([0.5, 0.5]))
    try:
        with pytest.raises((ConflictError, RolloutError), match="Somebody else changed"):
            project.update(model(1), sample=ROWS, version="v1")
    finally:
        thread.join()

    assert later.revision == project.status().revision


def test_a_second_deployment_of_one_project_is_refused_and_removed(
    project: Deployer, client: Client, reached: SoftwareCredentials, tmp_path: Path
) -> None:
    """Two machines that deploy at the same time: the older deployment stays."""
    from wml_deployer._rollout.deploying import create  # noqa: PLC0415 - the race itself is not to be timed
    from wml_deployer.metadata import ServingOptions  # noqa: PLC0415

    version = project.metadata.versions[0]
    with pytest.raises(ConflictError, match="at the same time"):
        create(client, project.metadata, version, ServingOptions())
    name = project.metadata.project_name

    assert [project.status().id] == [d.id for d in client.deployments() if name in d.name]


def test_a_single_not_found_for_the_model_of_another_machine_stops_nobody(
    reached: SoftwareCredentials, metadata_path: Path, server: LocalServer
) -> None:
    """It is asked for again, and both versions are known afterwards."""
    before = metadata_path.read_bytes()
    with Deployer(reached, metadata_path) as other:
        other.store(model(0))
    metadata_path.write_bytes(before)
    metadata_path.with_suffix(".lock").unlink()
    with Deployer(reached, metadata_path) as deployer:
        server.fault("GET", "/revisions$", status=404)
        stored = deployer.store(model(1))

        assert ("v0.2", ["v0.1", "v0.2"]) == (stored.version, [version.name for version in deployer.metadata.versions])


@pytest.mark.parametrize(("method", "path"), [("PUT", "/content$"), ("POST", "/revisions$")], ids=["upload", "freeze"])
def test_a_model_that_is_removed_while_it_is_stored_into_is_a_conflict(
    project: Deployer, server: LocalServer, method: str, path: str
) -> None:
    """The id is not wrong: somebody else was faster."""
    server.fault(method, path, status=404)
    try:
        with pytest.raises(ConflictError, match="Somebody else removed"):
            project.store(model(1))
    finally:
        server.clear_faults()


def test_a_model_that_is_removed_before_it_is_deployed_is_a_conflict(
    reached: SoftwareCredentials, metadata_path: Path, server: LocalServer
) -> None:
    """The next call stores it again."""
    with Deployer(reached, metadata_path) as deployer:
        server.fault("POST", "^/ml/v4/deployments$", status=404)
        with pytest.raises(ConflictError, match="Somebody else removed"):
            deployer.deploy(model(0), sample=ROWS)
        served = deployer.deploy(model(0), sample=ROWS)

        assert ("ready", 0) == (served.state, number_of(deployer))


def test_a_model_that_was_left_without_content_is_removed_later(
    reached: SoftwareCredentials,
    metadata_path: Path,
    server: LocalServer,
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
) -> None:
    """A left-over that the next model does not fit into does not stay for ever."""
    other = DummyClassifier().fit(pd.DataFrame({"height": [1.0, 2.0]}), [0, 1])
    monkeypatch.setattr("wml_deployer._rollout.orphans.STALE_AFTER", timedelta(0))
    with Deployer(reached, metadata_path) as deployer:
        server.fault("PUT", "/content$", status=400, times=None)
        server.fault("DELETE", "", status=403, times=None)
        with pytest.raises(BadRequestError, match="the next call goes on from it"):
            deployer.store(model(0))
        server.clear_faults()
        stored = deployer.store(other)
        name = deployer.metadata.project_name

        assert [stored.id] == [m.id for m in client.models() if name in m.name]


def _interrupt(*_: object) -> bytes:
    raise KeyboardInterrupt
