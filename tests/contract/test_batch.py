"""Batch scoring on the platform: jobs, their results, their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pandas.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from wml_deployer import Deployer
from wml_deployer.batch import Job
from wml_deployer.errors import DeadlineError, InvalidResponseError, RolloutError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service


@pytest.fixture(scope="module")
def named(features: pd.DataFrame, labels: pd.Series[Any]) -> dict[str, Any]:
    """Fit two models whose classes differ in one name."""
    return {
        other: DecisionTreeClassifier(max_depth=2).fit(features, labels.map({0: "ill", 1: other}))
        for other in ("well", "zero")
    }


@pytest.fixture
def deployed(deployer: Deployer, model: Any, features: pd.DataFrame) -> Deployer:
    """Deploy a first version online."""
    deployer.deploy(model, sample=features.head(5))
    return deployer


def test_batch_scores_equal_online_scores(deployed: Deployer, features: pd.DataFrame) -> None:
    """The same rows give the same frame, on their own index."""
    rows = features.sample(50, random_state=2)

    assert_frame_equal(deployed.score(rows), deployed.score_batch(rows), check_exact=True)


def test_a_project_has_one_batch_deployment(deployed: Deployer, client: Client, features: pd.DataFrame) -> None:
    """The second job runs on the deployment of the first."""
    deployed.score_batch(features.head(3))
    deployed.score_batch(features.head(3))
    name = deployed.metadata.project_name

    assert [f"{name}-Batch"] == [d.name for d in client.batch_deployments() if d.name.startswith(name)]


def test_a_lost_answer_makes_no_second_batch_deployment(
    deployed: Deployer, client: Client, server: LocalServer, features: pd.DataFrame
) -> None:
    """What was made is found, and used."""
    server.fault("POST", "^/ml/v4/deployments$", drop="after")
    scores = deployed.score_batch(features.head(3))
    name = f"{deployed.metadata.project_name}-Batch"

    assert (3, 1) == (len(scores), [d.name for d in client.batch_deployments()].count(name))


def test_batches_follow_an_update(
    deployed: Deployer, better: Any, fit: Callable[[float], Any], features: pd.DataFrame
) -> None:
    """What serves online scores in batch."""
    deployed.score_batch(features.head(3))
    deployed.update(better, sample=features.head(5))

    assert_frame_equal(deployed.score(features), deployed.score_batch(features), check_exact=True)


def test_jobs_are_listed_newest_first(deployed: Deployer, features: pd.DataFrame) -> None:
    """A job can be found again by whoever lost its handle."""
    first, second = deployed.submit_batch(features.head(2)).wait(), deployed.submit_batch(features.head(4)).wait()
    listed = deployed.jobs()

    assert [second.id, first.id] == [job.id for job in listed]
    assert 4 == len(listed[0].result())


def test_an_old_job_keeps_the_classes_of_its_revision(
    deployer: Deployer, named: dict[str, Any], features: pd.DataFrame
) -> None:
    """Another version serves by now, online and in batch."""
    deployer.deploy(named["well"])
    deployer.score_batch(features.head(3))
    deployer.update(named["zero"])
    deployer.score_batch(features.head(3))
    columns = [list(job.result().columns)[-1] for job in deployer.jobs()]

    assert ["probability_zero", "probability_well"] == columns


def test_a_job_of_a_version_that_only_the_service_knows_has_its_classes(
    deployer: Deployer,
    credentials: SoftwareCredentials,
    metadata_path: Path,
    named: dict[str, Any],
    features: pd.DataFrame,
    tmp_path: Path,
) -> None:
    """Somebody else stored it: this metadata.lock does not know it."""
    first = metadata_path.read_text(encoding="utf-8")
    deployer.deploy(named["zero"])
    deployer.score_batch(features.head(3))
    path = tmp_path / "elsewhere" / "metadata.yaml"
    path.parent.mkdir()
    path.write_text(first, encoding="utf-8")

    with Deployer(credentials, path) as other:
        assert "probability_zero" == other.jobs()[0].result().columns[-1]


def test_a_waiting_job_is_scored_by_its_own_revision(
    deployer: Deployer, server: LocalServer, named: dict[str, Any], features: pd.DataFrame
) -> None:
    """The deployment whose jobs still wait for their turn is not switched: the next version gets one of its own."""
    deployer.deploy(named["well"])
    server.pace("job", seconds=1.0)
    try:
        old = [deployer.submit_batch(features.head(20)) for _ in range(4)]
        deployer.update(named["zero"])
        new = deployer.submit_batch(features.head(20))
        found = [set(job.result()["prediction"]) for job in (old[-1], new)]
    finally:
        server.pace("job")

    assert [{"ill", "well"}, {"ill", "zero"}] == found


def test_a_job_whose_labels_are_another_versions_is_an_error(
    deployer: Deployer, named: dict[str, Any], features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody switched the batch deployment by other means before the job's turn."""
    deployer.deploy(named["well"])
    job = deployer.submit_batch(features.head(20)).wait()
    assert job._predictions is not None
    job._predictions[0]["values"][0][0] = "zero"
    monkeypatch.setattr(Job, "refresh", lambda job: job)  # what was answered is not looked up again

    with pytest.raises(InvalidResponseError, match="for which it was started"):
        job.result()


def test_a_cancelled_job_is_gone(deployed: Deployer, features: pd.DataFrame) -> None:
    """Cancelling twice does no harm."""
    job = deployed.submit_batch(features.head(2))
    job.cancel()
    job.cancel()

    assert [] == deployed.jobs()


def test_a_failed_job_says_why(deployed: Deployer, server: LocalServer) -> None:
    """The runtime's words reach the caller."""
    with pytest.raises(RolloutError, match="NaN"):
        deployed.score_batch([[None] * 30])


def test_waiting_for_a_job_has_an_end(deployed: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The job goes on; the message says where to find it."""
    server.fault("GET", "/deployment_jobs/", stall=5, times=None)
    try:
        with pytest.raises(DeadlineError):
            deployed.score_batch(features.head(2), timeout=0.5)
    finally:
        server.clear_faults()


def test_a_lost_answer_starts_no_second_job(deployed: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The job is found by its name."""
    server.fault("POST", "/deployment_jobs", drop="after")
    scores = deployed.score_batch(features.head(3))

    assert (3, 1) == (len(scores), len(deployed.jobs()))


def test_wrong_columns_start_no_job(deployed: Deployer, features: pd.DataFrame) -> None:
    """Rows are checked before anything is sent."""
    with pytest.raises(SchemaError):
        deployed.score_batch(features.iloc[:, 1:])

    assert [] == deployed.jobs()
