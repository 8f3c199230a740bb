"""What a project remembers: differences, removal of old models, and recovery from the space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pandas.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from tests.contract.insides import client_of
from wml_deployer import Deployer
from wml_deployer._clients.records import ModelProperties
from wml_deployer._rollout.service_log import read_log, write_log
from wml_deployer._rollout.waiting import wait_until_settled
from wml_deployer.errors import ModelError, RolloutError, VersionError
from wml_deployer.packaging import pack
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer


def narrow(features: pd.DataFrame, labels: pd.Series[Any], width: int) -> Any:
    """Fit a model on the first columns: another schema needs a model asset of its own."""
    return DecisionTreeClassifier(max_depth=2).fit(features.iloc[:, :width], labels)


def lose(metadata_path: Path) -> None:
    """Remove both of the project's files."""
    metadata_path.unlink()
    metadata_path.with_suffix(".lock").unlink()


def test_a_diff_shows_what_was_changed_and_nothing_else(
    deployer: Deployer, fit: Callable[[float], Any], features: pd.DataFrame
) -> None:
    """The set parameter and the metric stand side by side."""
    deployer.store(fit(1.0), sample=features.head(2), version="a", metrics={"f1": 0.9, "rows": 569})
    deployer.store(fit(0.5), sample=features.head(2), version="b", metrics={"f1": 0.95, "rows": 569})
    found = deployer.diff("a", "b").drop(index=("model", "digest"))

    assert {("parameters", "logisticregression__C"): [None, "0.5"], ("metrics", "f1"): [0.9, 0.95]} == {
        key: list(row) for key, row in zip(found.index, found.to_numpy().tolist(), strict=True)
    }


def test_a_diff_shows_the_schema(deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]) -> None:
    """A column more is a row."""
    for width in (3, 4):
        deployer.store(narrow(features, labels, width), sample=features.iloc[:2, :width], version=f"w{width}")
    found = deployer.diff("w3", "w4")

    assert [None, "3: float64"] == list(found.T[("schema", "mean area")])


@pytest.mark.parametrize("again", ["the model", "what was stored"])
def test_what_is_measured_later_is_added(deployer: Deployer, model: Any, again: str) -> None:
    """The version stays one, with all of its metrics."""
    stored = deployer.store(model, version="a", metrics={"f1": 0.9, "loss": 0.5})
    deployer.store(model if again == "the model" else stored, metrics={"loss": 0.25, "auc": 0.75})

    assert [("a", {"f1": 0.9, "loss": 0.25, "auc": 0.75})] == [
        (version.name, version.metrics) for version in deployer.metadata.versions
    ]


def test_metrics_have_to_be_numbers(deployer: Deployer, server: LocalServer, model: Any) -> None:
    """All of the wrong ones are named, and nothing is sent."""
    server.clear_requests()
    with pytest.raises(ModelError, match="Correct these: 'f1', 'loss'"):
        deployer.store(model, metrics={"f1": "high", "loss": float("nan"), "n": 3})  # type: ignore[dict-item]  # wrong

    assert [] == server.requests


def test_pruning_keeps_the_newest_the_live_and_the_last_good(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """Of six models those go that nobody can need."""
    for width in (2, 3):
        deployer.release(narrow(features, labels, width), version=f"w{width}", allow_schema_change=True)
    for width in (4, 5, 6, 7):
        deployer.store(narrow(features, labels, width), version=f"w{width}")
    gone = deployer.prune(keep=1, named=["w5"])

    assert (("w4", "w6"), ["w2", "w3", "w5", "w7"]) == (gone, [version.name for version in deployer.metadata.versions])


def test_a_pruned_model_is_gone_from_the_service(
    deployer: Deployer, client: Client, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """What stays in the file is what stays in the space."""
    for width in (2, 3, 4):
        deployer.store(narrow(features, labels, width), version=f"w{width}")
    deployer.prune(keep=1)
    project = deployer.metadata.project_name

    assert [f"{project}_w4"] == [m.name for m in client.models() if m.name.startswith(project)]


def test_the_file_names_no_model_that_was_pruned(
    deployer: Deployer, model: Any, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """Where the newest one goes, the live one's is the project's model again."""
    live = deployer.deploy(model, version="live")
    deployer.store(narrow(features, labels, 3), version="newest")
    deployer.prune(keep=0)

    assert live.model_id == deployer.metadata.model_uid


def test_a_candidate_is_not_pruned(deployer: Deployer, model: Any, features: pd.DataFrame, labels: Any) -> None:
    """Whatever is deployed stays."""
    deployer.deploy(model, version="live")
    deployer.candidate(narrow(features, labels, 4), version="candidate")

    assert () == deployer.prune(keep=0)


def test_a_model_that_somebody_is_storing_in_is_not_pruned(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any], model: Any
) -> None:
    """Its facts are new, and no revision has them yet."""
    stored = deployer.store(narrow(features, labels, 3), version="old")
    deployer.store(model, version="new")
    client = deployer._project.client
    properties = ModelProperties("churn", stored.model_type, specification_id(client, stored), Schema(), {"own": 1})
    with pack(narrow(features, labels, 3)) as package:
        client.change_model(stored.id, package.path, properties)

    assert ((), ["old", "new"]) == (deployer.prune(keep=1), [version.name for version in deployer.metadata.versions])


def specification_id(client: Any, stored: Any) -> str:
    """The id of the specification that a model runs on."""
    return str(next(one.id for one in client.specifications() if one.name == stored.software_specification))


def test_nothing_is_pruned_where_a_name_is_unknown(deployer: Deployer, model: Any) -> None:
    """A misspelt name deletes nothing."""
    deployer.store(model, version="a")
    with pytest.raises(VersionError, match="has no version or revision 'b'"):
        deployer.prune(keep=0, named=["b"])

    assert ["a"] == [version.name for version in deployer.metadata.versions]


def test_a_lost_file_is_rebuilt(
    deployer: Deployer, metadata_path: Path, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """Every version comes back as it was, and what serves is known again."""
    deployer.deploy(model, sample=features.head(3), version="v0.1", metrics={"f1": 0.9})
    deployer.update(better, sample=features.head(3), version="v0.2")
    before = deployer.metadata
    lose(metadata_path)
    after = deployer.recover()

    assert [v.model_dump(exclude={"stored_at"}) for v in before.versions] == [
        v.model_dump(exclude={"stored_at"}) for v in after.versions
    ]
    assert (before.deployment_uid, before.model_uid, "v0.2") == (
        after.deployment_uid,
        after.model_uid,
        after.log[-1].to_version,
    )


def test_the_space_tells_whether_a_model_takes_names(
    deployer: Deployer, metadata_path: Path, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """One that was fitted on a bare array has the names of its sample, and does so where the file was lost."""
    bare = DecisionTreeClassifier().fit(features.to_numpy(), labels)
    stored = deployer.store(bare, sample=features.head())
    metadata_path.with_suffix(".lock").unlink()
    [version] = deployer.recover().versions

    assert (False, stored.schema) == (version.named, version.schema)


def test_a_stale_file_is_completed(
    deployer: Deployer, metadata_path: Path, model: Any, better: Any, features: pd.DataFrame
) -> None:
    """What another copy of the file did is learnt, and one can roll back again."""
    deployer.deploy(model, version="v0.1")
    stale = metadata_path.with_suffix(".lock").read_bytes()
    deployer.update(better, version="v0.2")
    metadata_path.with_suffix(".lock").write_bytes(stale)
    deployer.recover()

    assert [("deploy", "v0.1"), ("update", "v0.2")] == [(e.action, e.to_version) for e in deployer.metadata.log]
    assert "v0.1" == deployer.rollback().version


@pytest.fixture
def lived(deployer: Deployer, fit: Callable[[float], Any], features: pd.DataFrame) -> Deployer:
    """A project with five changes behind it, one of which was reverted."""
    deployer.deploy(fit(1.0), sample=features.head(3), version="v0.1", reason="first")
    deployer.update(fit(0.1), sample=features.head(3), version="v0.2", reason="more data")
    deployer.update(fit(0.2), version="v0.3")
    deployer.rollback(reason="too many alarms")
    client = client_of(deployer)
    deployment, answer = str(deployer.metadata.deployment_uid), deployer.score(features.head(3)).to_numpy().tolist()
    wrong = [{"fields": ["prediction", "probability"], "values": [[0, row[1:]] for row in answer]}]
    score = client.score
    client.score = lambda *_: orjson.dumps({"predictions": wrong})  # type: ignore[method-assign]
    with pytest.raises(RolloutError):
        deployer.update(fit(0.3), sample=features.head(3), version="v0.4")
    client.score = score  # type: ignore[method-assign]
    assert deployment == deployer.metadata.deployment_uid
    return deployer


def test_a_lost_log_is_rebuilt(lived: Deployer, metadata_path: Path) -> None:
    """What was live when, why and by whom, with what failed: the history is the same as before."""
    before = lived.history()
    lose(metadata_path)
    lived.recover()

    assert ["deploy", "update", "update", "rollback", "update", "revert"] == before["action"].tolist()
    assert_frame_equal(before, lived.history())


def test_one_can_roll_back_after_the_file_was_lost(lived: Deployer, metadata_path: Path) -> None:
    """The last good version is known again."""
    lose(metadata_path)
    lived.recover()

    assert ("v0.2", "v0.1") == (lived.status().version, lived.rollback().version)


def test_two_copies_of_a_file_become_one_history(
    deployer: Deployer, metadata_path: Path, fit: Callable[[float], Any]
) -> None:
    """A stale copy learns what it missed, in its place between what it knows."""
    deployer.deploy(fit(1.0), version="v0.1")
    stale = metadata_path.with_suffix(".lock").read_bytes()
    deployer.update(fit(0.1), version="v0.2")
    deployer.rollback()
    whole = deployer.metadata.log
    metadata_path.with_suffix(".lock").write_bytes(stale)

    assert whole == deployer.recover().log


def test_an_older_copy_of_the_file_forgets_nothing_for_the_others(
    deployer: Deployer, metadata_path: Path, fit: Callable[[float], Any]
) -> None:
    """What it does not know stays on the service, and comes back with recover."""
    deployer.deploy(fit(1.0), version="v0.1")
    older = metadata_path.with_suffix(".lock").read_bytes()
    deployer.update(fit(0.1), version="v0.2")
    deployer.rollback()
    metadata_path.with_suffix(".lock").write_bytes(older)
    deployer.update(fit(0.2), version="v0.3")

    assert ["v0.1", "v0.2", "v0.1", "v0.3"] == [entry.to_version for entry in deployer.recover().log]


def test_what_a_script_deployed_has_its_history_on_the_service(
    scripted: Deployer, metadata_path: Path, better: Any
) -> None:
    """A deployment that had no facts of ours is given them, and is found by them."""
    with scripted as deployer:
        deployer.update(better)
        before = deployer.metadata.log
        lose(metadata_path)

        assert before == deployer.recover().log


def test_the_history_on_the_service_stays_small(
    deployer: Deployer, client: Client, metadata_path: Path, model: Any
) -> None:
    """Of a long one the service has the newest part, with long reasons cut."""
    deployer.deploy(model, version="v0.1")
    again = deployer.metadata.log[0].model_copy(update={"why": "why " * 200})
    record = client.deployment(deployer.status().id)
    long = deployer.metadata.model_copy(update={"log": (again,) * 200})
    write_log(client, record, long)
    kept = read_log(client.deployment(deployer.status().id))

    assert (again.to_version, 200, True) == (kept[-1].to_version, len(str(kept[-1].why)), 20 < len(kept) < 40)


def test_a_history_that_cannot_be_written_to_the_service_fails_nothing(
    deployer: Deployer, client: Client, server: LocalServer, metadata_path: Path, fit: Callable[[float], Any]
) -> None:
    """The version serves and metadata.yaml says so; the next change writes all of it again."""
    deployer.deploy(fit(1.0), version="v0.1")
    server.fault("PATCH", "/ml/v4/deployments/", skip=1, status=500)
    updated = deployer.update(fit(0.1), version="v0.2")
    missed = read_log(client.deployment(deployer.status().id))
    deployer.rollback()
    server.clear_faults()

    assert ("v0.2", ["v0.1"]) == (updated.version, [entry.to_version for entry in missed])
    assert deployer.metadata.log == read_log(client.deployment(deployer.status().id))


def test_a_true_file_is_not_changed(deployer: Deployer, metadata_path: Path, model: Any) -> None:
    """Recovering twice is recovering once."""
    deployer.deploy(model)
    before = metadata_path.read_bytes(), metadata_path.with_suffix(".lock").read_bytes()
    deployer.recover()

    assert before == (metadata_path.read_bytes(), metadata_path.with_suffix(".lock").read_bytes())


@pytest.fixture
def scripted(client: Client, credentials: SoftwareCredentials, metadata_path: Path, model: Any) -> Deployer:
    """A project that the tutorial's script deployed: two ids in the file, nothing of how they came about."""
    with Deployer(credentials, metadata_path) as first:
        deployment = first.deploy(model)
        name = first.metadata.project_name
        made = client.create_deployment(f"{name}_v0.1-Deployment", deployment.model_id, None, {})  # type: ignore[arg-type]  # as the script does
        wait_until_settled(client, made)
        client.delete_deployment(deployment.id)
    text = f"project_name: {name}\nproject_version: v0.2\nmodel_uid: {deployment.model_id}\ndeployment_uid: {made.id}\n"
    metadata_path.write_text(text, encoding="utf-8")
    metadata_path.with_suffix(".lock").unlink()
    return Deployer(credentials, metadata_path)


def test_what_a_script_deployed_can_be_rolled_back_to(
    scripted: Deployer, better: Any, model: Any, features: pd.DataFrame
) -> None:
    """The live model is frozen first, under the name that the script gave it."""
    with scripted as deployer:
        before = deployer.score(features)
        deployer.update(better, sample=features.head(5))
        again = deployer.rollback()

        assert_frame_equal(before, deployer.score(features), check_exact=True)
    assert ("v0.1", ["deploy", "update", "rollback"]) == (again.version, deployer.history()["action"].tolist())
