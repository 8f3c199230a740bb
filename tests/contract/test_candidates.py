"""A candidate beside the live version: compared, promoted, discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from wml_deployer import Deployer
from wml_deployer.errors import RolloutError, VersionError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service


@pytest.fixture
def beside(deployer: Deployer, model: Any, better: Any) -> Deployer:
    """A project with v0.1 live and v0.2 beside it."""
    deployer.deploy(model, version="v0.1")
    deployer.candidate(better, version="v0.2")
    return deployer


def test_a_candidate_has_a_url_of_its_own(deployer: Deployer, model: Any, better: Any) -> None:
    """Whoever scores the live version notices nothing."""
    live = deployer.deploy(model, version="v0.1")
    candidate = deployer.candidate(better, version="v0.2")

    assert ("v0.1", "v0.2", True) == (deployer.status().version, candidate.version, live.url != candidate.url)


def test_a_comparison_is_what_both_models_say(
    beside: Deployer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """Agreement, changed rows and shift are those of the local models."""
    found = beside.compare(features)
    ours, theirs = model.predict(features), better.predict(features)
    moved = np.abs(better.predict_proba(features)[:, 1] - model.predict_proba(features)[:, 1])

    assert ("v0.1", "v0.2", len(features)) == (found.live, found.candidate, found.rows)
    assert pytest.approx((ours == theirs).mean()) == found.agreement
    assert features.index[ours != theirs].tolist() == found.changed.index.tolist()
    assert pytest.approx(moved.max()) == found.shift.loc["probability_1", "largest"]


def test_a_comparison_tells_the_latency(beside: Deployer, features: pd.DataFrame) -> None:
    """Both versions are timed."""
    assert all(seconds > 0 for seconds in beside.compare(features.head(2)).seconds.values())


def test_promoting_serves_the_candidate_on_the_live_endpoint(
    beside: Deployer, better: Any, features: pd.DataFrame
) -> None:
    """Same id, the candidate's answers, and no candidate any more."""
    live = beside.status().id
    promoted = beside.promote()
    scores = beside.score(features)["probability_1"].to_numpy()

    assert (live, "v0.2", True) == (
        promoted.id,
        promoted.version,
        np.array_equal(scores, better.predict_proba(features)[:, 1]),
    )
    with pytest.raises(VersionError, match="no candidate"):
        beside.compare(features)


def test_a_promotion_can_be_rolled_back(beside: Deployer) -> None:
    """It stands in the history as the update that it is."""
    beside.promote(reason="0.2 points better")

    assert ("v0.1", "0.2 points better") == (beside.rollback().version, beside.history()["why"].iloc[1])


def test_discarding_leaves_the_live_version(beside: Deployer, features: pd.DataFrame) -> None:
    """Only the candidate's deployment is gone."""
    before = beside.score(features)
    beside.discard()

    assert_frame_equal(before, beside.score(features))
    with pytest.raises(VersionError, match=r"discard: .* has no candidate"):
        beside.discard()


def test_a_candidate_survives_the_process(
    beside: Deployer, credentials: SoftwareCredentials, metadata_path: Path
) -> None:
    """It is found again by what the service keeps of it."""
    with Deployer(credentials, metadata_path) as again:
        assert "v0.2" == again.promote().version


def test_a_candidate_whose_answer_is_lost_is_made_once(
    deployer: Deployer, client: Client, server: LocalServer, model: Any, better: Any
) -> None:
    """The request is not repeated before somebody looked."""
    deployer.deploy(model, version="v0.1")
    server.fault("POST", "/ml/v4/deployments$", drop="after")
    deployer.candidate(better, version="v0.2")
    name = f"{deployer.metadata.project_name}-Candidate"

    assert 1 == [record.name for record in client.deployments()].count(name)


def test_another_candidate_takes_its_place(beside: Deployer, client: Client, model: Any) -> None:
    """A project has one candidate."""
    name = f"{beside.metadata.project_name}-Candidate"
    before = next(record.id for record in client.deployments() if record.name == name)
    again = beside.candidate(model)

    assert (before, "v0.1") == (again.id, again.version)


def test_a_candidate_that_fails_its_verification_is_removed(
    deployer: Deployer, model: Any, changing: Any, features: pd.DataFrame
) -> None:
    """The live version is not touched."""
    deployer.deploy(model, version="v0.1")
    with pytest.raises(RolloutError):
        deployer.candidate(changing, sample=features.head(50))

    assert "v0.1" == deployer.status().version
    with pytest.raises(VersionError, match="no candidate"):
        deployer.discard()


def test_deleting_everything_deletes_the_candidate(beside: Deployer, client: Client) -> None:
    """Nothing of the project is left in the space."""
    project = beside.metadata.project_name
    beside.delete(cascade=True)
    names = [*(each.name for each in client.deployments()), *(each.name for each in client.models())]

    assert [] == [name for name in names if name.startswith(project)]
