"""Store, deploy, score, update, roll back, delete: the main job through the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from wml_deployer import Deployer
from wml_deployer.errors import ConflictError, NotFoundError, SchemaError, VersionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service


def local_scores(model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Predict here what the deployment is to answer."""
    probabilities = model.predict_proba(rows)
    scores = pd.DataFrame({"prediction": model.predict(rows)}, index=rows.index)
    for position, label in enumerate(model.classes_):
        scores[f"probability_{label}"] = probabilities[:, position]
    return scores


def assert_same_scores(expected: pd.DataFrame, actual: pd.DataFrame) -> None:
    """Compare bit for bit; scores are a frame that draws itself, too."""
    assert_frame_equal(expected, actual, check_exact=True, check_frame_type=False)


@pytest.mark.core
def test_scores_equal_the_local_model_bit_for_bit(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """Labels and probabilities come back exactly, on the frame's index."""
    rows = features.sample(100, random_state=1)
    deployer.deploy(model, sample=features.head(20))

    assert_same_scores(local_scores(model, rows), deployer.score(rows))


@pytest.mark.core
def test_an_update_keeps_id_and_url(deployer: Deployer, model: Any, better: Any, features: pd.DataFrame) -> None:
    """Whoever scores by URL notices nothing but better answers."""
    first = deployer.deploy(model, sample=features.head(20))
    second = deployer.update(better, sample=features.head(20))

    assert (first.id, first.url) == (second.id, second.url)
    assert_same_scores(local_scores(better, features), deployer.score(features))


@pytest.mark.core
def test_the_first_version_can_be_rolled_back_to(
    deployer: Deployer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """Rolling back brings the first model's answers back."""
    deployer.deploy(model, sample=features.head(20))
    deployer.update(better, sample=features.head(20))
    deployer.rollback()

    assert_same_scores(local_scores(model, features), deployer.score(features))


def test_rolling_back_twice_goes_further_back(
    deployer: Deployer, fit: Callable[[float], Any], features: pd.DataFrame
) -> None:
    """The version rolled back from is not the one to roll back to."""
    deployer.deploy(fit(1.0), sample=features.head(5), version="a")
    deployer.update(fit(0.1), sample=features.head(5), version="b")
    deployer.update(fit(0.01), sample=features.head(5), version="c")
    deployer.rollback()

    assert "a" == deployer.rollback().version


def test_a_named_version_can_be_rolled_back_to(
    deployer: Deployer, fit: Callable[[float], Any], features: pd.DataFrame
) -> None:
    """``to=`` takes a version's name."""
    for strength, name in ((1.0, "a"), (0.1, "b"), (0.01, "c")):
        deployer.release(fit(strength), sample=features.head(5), version=name)

    assert "a" == deployer.rollback(to="a").version


def test_an_unknown_version_is_refused_with_the_list(deployer: Deployer, model: Any) -> None:
    """The message says what there is."""
    deployer.deploy(model)

    with pytest.raises(VersionError, match=r"v0\.1 \(revision 1\)"):
        deployer.rollback(to="v9")


def test_rolling_back_the_only_version_is_refused(deployer: Deployer, model: Any) -> None:
    """There is nothing before the first version."""
    deployer.deploy(model)

    with pytest.raises(VersionError, match="no earlier version"):
        deployer.rollback()


@pytest.mark.core
def test_releasing_the_same_content_changes_nothing(
    deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """A second release of one model uploads and deploys nothing."""
    deployer.release(model, sample=features.head(5))
    server.clear_requests()
    deployer.release(model, sample=features.head(5))

    assert {"GET"} == {request.method for request in server.requests}
    assert 1 == len(deployer.history())


def test_release_updates_what_is_deployed(deployer: Deployer, model: Any, better: Any, features: pd.DataFrame) -> None:
    """The one call of a training script deploys first and updates afterwards."""
    deployer.release(model, sample=features.head(5))
    deployer.release(better, sample=features.head(5))

    assert ["deploy", "update"] == deployer.history()["action"].tolist()


def test_deploying_twice_returns_the_deployment(deployer: Deployer, model: Any) -> None:
    """Deploying what is live makes no second deployment."""
    assert deployer.deploy(model).id == deployer.deploy(model).id


def test_deploying_another_model_says_to_update(deployer: Deployer, model: Any, better: Any) -> None:
    """A project has one deployment."""
    deployer.deploy(model)

    with pytest.raises(ConflictError, match="update"):
        deployer.deploy(better)


def test_updating_what_is_not_deployed_says_to_deploy(deployer: Deployer, model: Any) -> None:
    """Nothing is stored for an update that cannot happen."""
    with pytest.raises(VersionError, match="deploy"):
        deployer.update(model)

    assert () == deployer.metadata.versions


def test_ids_and_versions_land_in_the_metadata_file(
    deployer: Deployer, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """The tutorial's keys are written, and what stood there before stays."""
    before = metadata_path.read_text(encoding="utf-8")
    deployment = deployer.deploy(model, sample=features.head(5))

    assert metadata_path.read_text(encoding="utf-8").startswith(before)
    assert (deployment.id, deployment.model_id) == (deployer.metadata.deployment_uid, deployer.metadata.model_uid)


def test_the_log_says_what_was_live_and_why(
    deployer: Deployer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """Each change is one row with its verification and reason."""
    deployer.deploy(model, sample=features.head(5))
    deployer.update(better, sample=features.head(5), version="v0.2", reason="less overfitting")
    deployer.rollback(reason="complaints")
    rows = deployer.history()[["action", "from", "to", "why", "verification"]].to_numpy().tolist()

    assert [
        ["deploy", None, "v0.1", None, "passed"],
        ["update", "v0.1", "v0.2", "less overfitting", "passed"],
        ["rollback", "v0.2", "v0.1", "complaints", "passed"],
    ] == rows


def test_without_a_sample_the_proof_is_skipped_and_the_log_says_so(deployer: Deployer, model: Any) -> None:
    """A missing verification has not passed."""
    deployer.deploy(model)

    assert ["skipped"] == deployer.history()["verification"].tolist()


def test_columns_are_put_in_the_models_order(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """A shuffled frame is scored as the same rows."""
    deployer.deploy(model)

    assert_frame_equal(deployer.score(features[features.columns[::-1]]), deployer.score(features), check_exact=True)


def test_wrong_columns_are_refused_before_anything_is_sent(
    deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """Nothing reaches the service that it would misread."""
    deployer.deploy(model)
    deployer.score(features.head(1))
    before = len(server.requests)

    with pytest.raises(SchemaError, match="mean radius"):
        deployer.score(features.drop(columns="mean radius"))

    assert before == len(server.requests)


@pytest.mark.parametrize("kind", ["array", "list"])
def test_rows_without_names_are_scored(deployer: Deployer, model: Any, features: pd.DataFrame, kind: str) -> None:
    """A bare array or list has the model's width."""
    deployer.deploy(model)
    array = features.to_numpy()[:7]
    rows = array if kind == "array" else array.tolist()

    assert model.predict(features.head(7)).tolist() == deployer.score(rows)["prediction"].tolist()


def test_status_names_the_version_that_serves(deployer: Deployer, model: Any, better: Any) -> None:
    """Status is asked of the service, not of the file."""
    deployer.deploy(model)
    deployer.update(better, version="v0.2")
    status = deployer.status()

    assert ("ready", "v0.2", "2") == (status.state, status.version, status.revision)


def test_deleting_leaves_the_versions(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """After a delete the stored version can be deployed again."""
    deployer.deploy(model)
    deployer.delete()

    with pytest.raises(VersionError, match="not deployed"):
        deployer.score(features)
    assert ["v0.1"] == [version.name for version in deployer.metadata.versions]


def test_a_deletion_is_in_the_history_once(deployer: Deployer, model: Any) -> None:
    """What was live ended then; deleting what is gone already ends nothing."""
    deployer.deploy(model)
    deployer.delete()
    deployer.delete(cascade=True)

    changes = deployer.history()[["action", "from", "to"]].astype(object).to_numpy().tolist()
    assert [["deploy", None, "v0.1"], ["delete", "v0.1", None]] == changes


@pytest.mark.core
def test_deleting_with_cascade_leaves_nothing_on_the_service(deployer: Deployer, client: Client, model: Any) -> None:
    """The model goes with the deployment."""
    stored = deployer.store(model)
    deployer.deploy(stored)
    deployer.delete(cascade=True)

    with pytest.raises(NotFoundError):
        client.model(stored.id)


def test_versions_of_one_type_are_revisions_of_one_model(
    deployer: Deployer, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """The space does not fill with models."""
    first, second = deployer.store(model, sample=features.head(3)), deployer.store(better)

    assert (first.id, "1", "2") == (second.id, first.revision, second.revision)


def test_another_schema_is_another_model(
    deployer: Deployer, fit: Any, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """The service keeps a model's schema for its whole life."""
    narrow = fit(1.0).fit(features.iloc[:, :5], labels)
    deployer.deploy(fit(1.0))
    deployer.update(narrow, sample=features.iloc[:9, :5], allow_schema_change=True)

    assert local_scores(narrow, features.iloc[:, :5]).equals(deployer.score(features.iloc[:, :5]))


def test_a_second_process_sees_what_the_first_did(
    deployer: Deployer, credentials: SoftwareCredentials, metadata_path: Path, model: Any, better: Any
) -> None:
    """Whoever opens the project later goes on where it is."""
    deployer.deploy(model)
    deployer.update(better, version="v0.2")

    with Deployer(credentials, metadata_path) as later:
        assert "v0.1" == later.rollback().version


def test_scores_keep_an_unusual_index(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """Names of customers stay beside their scores."""
    deployer.deploy(model)
    rows = features.head(3).set_axis(["ana", "joão", "zoë"], axis=0)

    assert ["ana", "joão", "zoë"] == deployer.score(rows).index.tolist()


def test_the_callers_frame_is_not_touched(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """Scoring changes nothing of what it is given."""
    deployer.deploy(model)
    rows = features.head(5).copy()
    rows.iloc[0, 0] = np.nan
    before = rows.copy()

    with pytest.raises(ValueError, match="NaN"):
        deployer.score(rows)

    assert_frame_equal(before, rows)
