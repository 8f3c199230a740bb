"""How a deployment is served: kept through every change of the model, changed by what the service allows, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.interruptions import Killed, interruption
from wml_deployer import Deployer
from wml_deployer.errors import ConfigurationError, DeadlineError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer import CloudCredentials, SoftwareCredentials
    from wml_deployer.deployment import Deployment
    from wml_deployer.testing import LocalServer


@pytest.fixture
def serving_name(metadata_path: Path) -> str:
    """Return a name that no other project has."""
    project = metadata_path.read_text(encoding="utf-8").split("project_name: ")[1].split()[0]
    return project.replace("-", "_")


@pytest.fixture
def options(serving_name: str) -> dict[str, Any]:
    """Return something else than the default for every option."""
    named = {"serving_name": serving_name, "description": "Tumours\nof the breast", "tags": ["team-a", "tumours"]}
    return {**named, "hardware": "M", "copies": 2}


@pytest.fixture
def deployed(deployer: Deployer, model: Any, features: pd.DataFrame, options: dict[str, Any]) -> Deployer:
    """Deploy a project with every option."""
    deployer.deploy(model, sample=features.head(5), **options)
    return deployer


def shown(deployment: Deployment) -> dict[str, Any]:
    """Return how a deployment is served, as its handle says."""
    names = ("serving_name", "description", "tags", "hardware", "copies")
    return {name: list(value) if isinstance(value := getattr(deployment, name), tuple) else value for name in names}


def changes(server: LocalServer) -> list[str]:
    """Return the methods of the requests that changed something."""
    return [request.method for request in server.requests if request.method in {"PATCH", "POST", "PUT", "DELETE"}]


@pytest.mark.core
def test_a_deployment_is_served_as_it_was_asked_for(deployed: Deployer, options: dict[str, Any]) -> None:
    """On every platform, through either client."""
    assert options == shown(deployed.status())


def test_what_was_asked_for_stays_after_an_update_and_a_rollback(
    deployed: Deployer, better: Any, features: pd.DataFrame, options: dict[str, Any]
) -> None:
    """Only the model changes."""
    handles = [deployed.update(better, sample=features.head(5)), deployed.rollback()]

    assert [options] * 2 == [shown(handle) for handle in handles]


def test_a_lost_lock_file_is_rebuilt_with_how_it_is_served(deployed: Deployer, metadata_path: Path) -> None:
    """The deployment keeps it."""
    lock = metadata_path.with_suffix(".lock")
    before = lock.read_bytes()
    lock.unlink()
    deployed.recover()

    assert before == lock.read_bytes()
    assert b"    hardware: M\n    copies: 2\n" in before


def test_defaults_leave_no_trace(deployer: Deployer, model: Any, metadata_path: Path) -> None:
    """A project that asks for nothing has nothing written down."""
    handle = deployer.deploy(model, copies=1, hardware="S")

    assert ("S", 1) == (handle.hardware, handle.copies)
    assert b"serving" not in metadata_path.with_suffix(".lock").read_bytes()


def test_a_release_of_the_same_content_changes_how_it_is_served(
    deployed: Deployer, model: Any, features: pd.DataFrame, options: dict[str, Any]
) -> None:
    """The handle says so; nothing new is stored or logged."""
    logged = deployed.metadata.log
    handle = deployed.release(model, sample=features.head(5), tags=["team-b"], copies=3)

    assert "configured" == handle.action
    assert {**options, "tags": ["team-b"], "copies": 3} == shown(handle)
    assert logged == deployed.metadata.log


def test_what_is_there_already_is_not_sent_again(
    deployed: Deployer, model: Any, features: pd.DataFrame, options: dict[str, Any], server: LocalServer
) -> None:
    """A pipeline may give the options every time."""
    server.clear_requests()
    handle = deployed.release(model, sample=features.head(5), **options)

    assert ("unchanged", []) == (handle.action, changes(server))


def test_the_serving_name_stands_in_the_url(deployed: Deployer, features: pd.DataFrame, serving_name: str) -> None:
    """Rows can be scored under it."""
    handle = deployed.status()
    named = handle._client.score(serving_name, b'{"input_data": [{"values": [' + row(features) + b"]}]}")

    assert named == handle._client.score(handle.id, b'{"input_data": [{"values": [' + row(features) + b"]}]}")


def row(features: pd.DataFrame) -> bytes:
    """Return the first row as JSON."""
    return str(features.iloc[0].tolist()).encode()


def test_scaling_waits_for_the_copies(deployed: Deployer, server: LocalServer) -> None:
    """The service says ready all the time."""
    server.pace("deployment", looks=3)
    try:
        handle = deployed.scale(copies=3)
    finally:
        server.pace("deployment")

    assert ("configured", 3, 3) == (handle.action, handle.copies, deployed.status().copies)


def test_an_update_waits_for_copies_that_are_being_started(
    deployed: Deployer, better: Any, features: pd.DataFrame, server: LocalServer
) -> None:
    """The service takes one change at a time."""
    server.pace("deployment", seconds=1.5)
    try:
        with pytest.raises(DeadlineError, match="being scaled to 3 copies"):
            deployed.scale(copies=3, timeout=1)
        handle = deployed.update(better, sample=features.head(5))
    finally:
        server.pace("deployment")

    assert 3 == handle.copies


def test_everything_that_the_service_does_not_have_is_refused_at_once(
    deployer: Deployer,
    model: Any,
    deployed: Deployer,
    serving_name: str,
    credentials: SoftwareCredentials | CloudCredentials,
    tmp_path_factory: pytest.TempPathFactory,
    server: LocalServer,
) -> None:
    """With what there is; nothing is stored."""
    path = tmp_path_factory.mktemp("other") / "metadata.yaml"
    path.write_text("project_name: cancer-other\nproject_version: v1\n", encoding="utf-8")
    server.clear_requests()
    with Deployer(credentials, path) as other, pytest.raises(ConfigurationError) as caught:
        other.deploy(model, hardware="huge", serving_name=serving_name)

    faults = {fault.where: fault.expected for fault in caught.value.faults}
    assert {"hardware", "serving_name"} == faults.keys()
    assert "XS, S, M, ML, L, XL" in faults["hardware"]
    assert [] == [
        request for request in server.requests if request.path == "/ml/v4/models" and request.method == "POST"
    ]


def test_everything_that_no_service_takes_is_refused_at_once(deployer: Deployer, model: Any) -> None:
    """Nobody is asked."""
    with pytest.raises(ConfigurationError) as caught:
        deployer.deploy(model, serving_name="Tumours!", tags="team-a", copies=0, hardware=" ", description="\ud800")

    faults = {fault.where for fault in caught.value.faults}
    assert {"serving_name", "tags", "copies", "hardware", "description"} == faults


@pytest.mark.parametrize("verb", ["update", "release", "scale"])
def test_other_hardware_is_refused_before_anything_is_sent(
    deployed: Deployer, better: Any, verb: str, server: LocalServer
) -> None:
    """The service does not change that of a live deployment, and would not say so."""
    server.clear_requests()
    models = [] if verb == "scale" else [better]
    with pytest.raises(ConfigurationError, match="runs on hardware M"):
        getattr(deployed, verb)(*models, hardware="L")

    assert [] == changes(server)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_response_changes_nothing_twice(deployed: Deployer, model: Any, lost: int, server: LocalServer) -> None:
    """A change is sent again where it was not done, and looked for where it may have been."""
    server.fault("PATCH", "^/ml/v4/deployments/", drop="after", skip=lost)
    try:
        renamed = f"{deployed.status().serving_name}_b"
        handle = deployed.release(model, tags=["team-b"], serving_name=renamed, copies=1)
    finally:
        server.clear_faults()

    assert (1, ("team-b",)) == (handle.copies, handle.tags)
    assert str(handle.serving_name).endswith("_b")


@pytest.mark.slow
def test_a_call_that_is_killed_anywhere_is_finished_by_the_next_one(
    model: Any, options: dict[str, Any], metadata_path: Path, reached: SoftwareCredentials
) -> None:
    """Each request and file write is a place to die at; the file says afterwards what the service does."""

    def release(number: int, at: int | None) -> int:
        with Deployer(reached, metadata_path) as deployer, interruption(metadata_path.parent, at) as ended:
            deployer.release(model, tags=[f"team-{number}"], copies=1 + number % 2)
        return len(ended.events)

    with Deployer(reached, metadata_path) as deployed:
        deployed.deploy(model, **options)
        points = release(0, None)
        for point in range(points):
            with pytest.raises(Killed):
                release(point + 1, point)
            release(point + 1, None)
            kept = deployed.metadata.serving
            assert kept is not None
            assert (f"team-{point + 1}",) == kept.tags == deployed.status().tags
            assert 1 + (point + 1) % 2 == (kept.copies or 1) == deployed.status().copies
