"""Rollouts that go wrong: a version that fails its verification does not stay."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from pandas.testing import assert_frame_equal
from sklearn.dummy import DummyClassifier

from wml_deployer.errors import DeadlineError, RolloutError

if TYPE_CHECKING:
    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service


class Trap:
    """What cannot be loaded where a folder is missing."""

    def __reduce__(self) -> Any:
        """List that folder when loaded."""
        return os.listdir, ("/no/such/folder",)


@pytest.fixture
def unloadable(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a model that only fails when the runtime loads it."""
    model = DummyClassifier().fit(features, labels)
    model.trap_ = Trap()
    return model


def test_an_update_that_fails_its_verification_goes_back(
    deployer: Deployer, model: Any, changing: Any, features: pd.DataFrame
) -> None:
    """The endpoint answers after it as before it."""
    deployer.deploy(model, sample=features.head(20))
    before = deployer.score(features)

    with pytest.raises(RolloutError, match="serves again"):
        deployer.update(changing, sample=features.head(50))

    assert_frame_equal(before, deployer.score(features), check_exact=True)


def test_the_error_shows_the_rows_that_differ(
    deployer: Deployer, model: Any, changing: Any, features: pd.DataFrame
) -> None:
    """Local and deployed answers stand side by side."""
    deployer.deploy(model)

    with pytest.raises(RolloutError, match=r"of 50 sample rows differ(.|\n)*local(.|\n)*deployed"):
        deployer.update(changing, sample=features.head(50))


def test_going_back_stands_in_the_history(
    deployer: Deployer, model: Any, changing: Any, features: pd.DataFrame
) -> None:
    """The failed update and the revert are two rows."""
    deployer.deploy(model)
    with pytest.raises(RolloutError):
        deployer.update(changing, sample=features.head(50), version="v0.2")
    rows = deployer.history()[["action", "from", "to", "verification"]].to_numpy().tolist()

    assert [["update", "v0.1", "v0.2", "failed"], ["revert", "v0.2", "v0.1", "skipped"]] == rows[1:]


def test_a_version_that_failed_is_not_rolled_back_to(
    deployer: Deployer, model: Any, better: Any, changing: Any, features: pd.DataFrame
) -> None:
    """Rolling back means the last good one."""
    deployer.deploy(model, version="good")
    with pytest.raises(RolloutError):
        deployer.update(changing, sample=features.head(50), version="bad")
    deployer.update(better, version="new")

    assert "good" == deployer.rollback().version


def test_a_first_deployment_that_fails_its_verification_is_removed(
    deployer: Deployer, client: Client, changing: Any, features: pd.DataFrame
) -> None:
    """Nothing half-made is left on the service or in the file."""
    with pytest.raises(RolloutError):
        deployer.deploy(changing, sample=features.head(50))

    ours = [d for d in client.deployments() if d.name.startswith(deployer.metadata.project_name)]

    assert (None, []) == (deployer.metadata.deployment_uid, ours)


def test_a_model_that_does_not_load_is_not_taken_for_updated(
    deployer: Deployer, model: Any, unloadable: Any, features: pd.DataFrame
) -> None:
    """The service goes back in silence; that is a failure."""
    deployer.deploy(model, version="v0.1")

    with pytest.raises(RolloutError, match="could not serve"):
        deployer.update(unloadable, version="v0.2")

    assert "v0.1" == deployer.status().version


def test_a_first_model_that_does_not_load_leaves_nothing(deployer: Deployer, client: Client, unloadable: Any) -> None:
    """The failed deployment is deleted."""
    with pytest.raises(RolloutError, match="could not serve"):
        deployer.deploy(unloadable)

    assert [] == [d for d in client.deployments() if d.name.startswith(deployer.metadata.project_name)]


@pytest.mark.core
def test_a_deploy_whose_answer_is_lost_goes_on(
    deployer: Deployer, client: Client, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """One deployment, whatever was lost on the way."""
    server.fault("POST", "/ml/v4/deployments$", drop="after")
    deployer.deploy(model, sample=features.head(5))
    project = deployer.metadata.project_name
    ours = [d for d in client.deployments() if d.name.startswith(project)]

    assert (1, ["passed"]) == (len(ours), deployer.history()["verification"].tolist())


def test_a_stalled_update_ends_at_its_deadline_and_goes_back(
    deployer: Deployer, server: LocalServer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """The caller is not held, and the old version serves."""
    deployer.deploy(model, version="v0.1")
    server.fault("PATCH", "/ml/v4/deployments/", stall=30)

    with pytest.raises(DeadlineError):
        deployer.update(better, version="v0.2", timeout=3)

    assert "v0.1" == deployer.status().version


def test_a_verification_that_fails_names_the_libraries_that_differ(
    deployer: Deployer, model: Any, changing: Any, features: pd.DataFrame
) -> None:
    """Versions of the fit are compared with those of the runtime."""
    deployer.deploy(model)

    with pytest.raises(RolloutError, match=r"other libraries run it: pandas .* here, .* in runtime-25\.1"):
        deployer.update(changing, sample=features.head(50))


def test_classes_in_another_order_are_caught_and_gone_back_from(
    deployer: Deployer, server: LocalServer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """The endpoint answers what it answered before, and the error says what was wrong."""
    deployment = deployer.deploy(model)
    before = deployer.score(features)
    rows = zip(better.predict(features).tolist(), better.predict_proba(features)[:, ::-1].tolist(), strict=True)
    block = {"fields": ["prediction", "probability"], "values": [list(row) for row in rows]}
    server.predict(deployment.id, [block])

    with pytest.raises(RolloutError, match="569 of 569 sample rows differ"):
        deployer.update(better, sample=features)

    assert_frame_equal(before, deployer.score(features), check_exact=True)
