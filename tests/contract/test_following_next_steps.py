"""Each literal next step of an error on the service is followed once, word for word, and leads on."""

from __future__ import annotations

import shutil
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.contract.interruptions import requests_watched
from tests.contract.processes import ROWS, model, number_of
from tests.next_steps import Step, follows
from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials, create_space, list_spaces
from wml_deployer._clients.door import connect_account
from wml_deployer._clients.records import ModelProperties
from wml_deployer._verification import verify
from wml_deployer.packaging import pack
from wml_deployer.schema import Schema
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.connect_proxy import ConnectProxy
    from tests.contract.insides import Client

pytestmark = pytest.mark.slow

REBUILD = "Get the newest metadata.lock, or rebuild it from the space with recover()."


@pytest.fixture
def project(reached: SoftwareCredentials, metadata_path: Path, server: LocalServer) -> Iterator[Deployer]:
    """Deploy model 0 as v0."""
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model(0), sample=ROWS, version="v0")
        yield deployer
        server.clear_faults()
        server.pace("deployment")
        if deployer.recover().versions:
            deployer.delete(cascade=True)


@pytest.fixture
def worker(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give workers the credentials by their environment."""
    info = server.info
    values = {"URL": info.url, "USERNAME": info.username, "APIKEY": info.apikey, "SPACE_ID": info.space_id}
    for name, value in {**values, "CA_BUNDLE": str(info.ca_bundle)}.items():
        monkeypatch.setenv(f"WML_{name}", value)


@pytest.fixture
def copied(project: Deployer, reached: SoftwareCredentials, metadata_path: Path, tmp_path: Path) -> Iterator[Deployer]:
    """Give another machine the files as they are now."""
    folder = tmp_path / "another machine"
    folder.mkdir()
    for path in (metadata_path, metadata_path.with_suffix(".lock")):
        shutil.copy(path, folder)
    with Deployer(reached, folder / "metadata.yaml") as deployer:
        yield deployer


def wide() -> Any:
    """Fit a model of other columns, which takes a model asset of its own."""
    return LogisticRegression().fit(pd.DataFrame({"height": [1.0, 2.0]}), [0, 1])


# Spaces.


@follows("Create one with create_space(credentials, 'NAME'), and give its name as space.")
def test_create_a_space(step: Step, metadata_path: Path) -> None:
    """The key sees none; in the one that is created, models can be stored."""
    with LocalServer() as own:
        info = own.info
        credentials = SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle
        )
        account = connect_account(credentials)
        account.delete_space(info.space_id)
        account.close()
        with Deployer(credentials, metadata_path) as lost:
            step.given_by(lambda: lost.store(model(0)))
        space = step.run("create_space(credentials, 'NAME')", credentials=credentials, create_space=create_space)
        with Deployer(credentials.model_copy(update={"space": space.name}), metadata_path) as deployer:
            assert "1" == deployer.store(model(0)).revision


@follows("Wait until list_spaces(credentials) shows it as active; it need not be created again.")
def test_wait_for_a_space(step: Step, reached: SoftwareCredentials, server: LocalServer) -> None:
    """The time is over before it is active; it is once it was looked at often enough."""
    server.pace("space", seconds=4)
    step.given_by(lambda: create_space(reached, "a slow space", timeout=2))
    server.pace("space")
    names: dict[str, Any] = {"credentials": reached, "list_spaces": list_spaces}
    while "active" != (step.run("list_spaces(credentials)", **names).set_index("name").loc["a slow space", "state"]):
        sleep(0.1)


# What is missing, or is there already.


@follows("Call deploy(model) first.")
def test_deploy_first(step: Step, deployer: Deployer) -> None:
    """An update of what is not deployed."""
    step.given_by(lambda: deployer.update(model(0), sample=ROWS))
    step.run("deploy(model)", deployer, model=model(0))

    assert 0 == number_of(deployer)


@follows("Call update(model) to change what it serves, or release(model) to do what is needed.")
@pytest.mark.parametrize("code", ["update(model)", "release(model)"])
def test_update_in_place_of_a_second_deploy(step: Step, project: Deployer, code: str) -> None:
    """Another model is deployed already."""
    step.given_by(lambda: project.deploy(model(1), sample=ROWS))
    step.run(code, project, model=model(1))

    assert 1 == number_of(project)


@follows("Call candidate(model) to deploy one.")
def test_deploy_a_candidate(step: Step, project: Deployer) -> None:
    """There is none to promote."""
    step.given_by(project.promote)
    step.run("candidate(model)", project, model=model(1))
    project.promote()

    assert 1 == number_of(project)


@follows("Call rollback() without to= to serve the version before it.")
def test_roll_back_without_a_name(step: Step, project: Deployer) -> None:
    """The named version is live."""
    project.update(model(1), sample=ROWS, version="v1")
    step.given_by(lambda: project.rollback(to="v1"))
    step.run("rollback()", project)

    assert 0 == number_of(project)


@follows("Stored versions: {}. Name one with to=.")
def test_roll_back_to_a_name(step: Step, project: Deployer) -> None:
    """There is no earlier version; another one is stored."""
    project.store(model(1), sample=ROWS, version="v1")
    step.given_by(project.rollback)
    assert "v1" in step.text
    assert "to=" in step.text
    project.rollback(to="v1")

    assert 1 == number_of(project)


# Names and arguments.


@follows("Give another version=; a version never changes.", "Give another version=, such as {}; a name is given once.")
def test_give_another_name(step: Step, project: Deployer) -> None:
    """The name belongs to other content."""
    step.given_by(lambda: project.store(model(1), version="v0"))
    named = step.text.partition("such as ")[2].partition(";")[0]
    stored = project.store(model(1), version=named.strip("'") or "v1")

    assert stored.version in {"v1", named.strip("'")}


@follows('Give a text on one line, such as version="v0.2".')
def test_give_a_name_on_one_line(step: Step, project: Deployer) -> None:
    """A line break cannot be written."""
    step.given_by(lambda: project.store(model(1), version="v\n2"))
    stored = project.store(model(1), **step.arguments('version="v0.2"'))

    assert "v0.2" == stored.version


@follows("Give numbers by name, such as metrics={'f1': 0.93}.")
def test_give_metrics_as_numbers(step: Step, project: Deployer) -> None:
    """Text is not a metric."""
    metrics: Any = {"f1": "high"}
    step.given_by(lambda: project.store(model(1), version="v1", metrics=metrics))
    project.store(model(1), version="v1", **step.arguments("metrics={'f1': 0.93}"))

    assert {"f1": 0.93} == dict(project.metadata.versions[-1].metrics)


@follows(
    "Pass allow_schema_change=True if all who score on it are ready for that, or deploy it as a project of its own."
)
def test_allow_another_schema(step: Step, project: Deployer) -> None:
    """The new model takes other columns."""
    step.given_by(lambda: project.update(wide(), version="wide"))
    project.update(wide(), version="wide", **step.arguments("allow_schema_change=True"))

    assert "wide" == project.status().version


@follows("Give them to store(model), or give the model in place of what store returned.")
def test_give_them_to_store(step: Step, project: Deployer) -> None:
    """A stored version does not change."""
    stored = project.store(model(1), version="v1")
    step.given_by(lambda: project.update(stored, sample=ROWS))
    sampled = step.run("store(model)", project, model=model(1))
    project.update(model(1), sample=ROWS)

    assert ("v1", 1) == (sampled.version, number_of(project))


@follows("Pass unpickle=True; or set model_type in metadata.yaml (such as scikit-learn_1.6), and give no sample.")
def test_pass_unpickle(step: Step, project: Deployer, tmp_path: Path) -> None:
    """A path is not unpickled unasked."""
    path = tmp_path / "model.joblib"
    joblib.dump(model(1), path)
    step.given_by(lambda: project.update(path, sample=ROWS))
    project.update(path, sample=ROWS, **step.arguments("unpickle=True"))

    assert 1 == number_of(project)


@follows("Pass unpickle=True, or the fitted estimator.")
def test_pass_unpickle_to_a_function(step: Step, project: Deployer, tmp_path: Path) -> None:
    """A function carries the model itself."""
    path = tmp_path / "model.joblib"
    joblib.dump(model(1), path)
    step.given_by(lambda: project.store(path, version="v1", route="function"))
    stored = project.store(path, version="v1", route="function", **step.arguments("unpickle=True"))

    assert "v1" == stored.version


@follows("Pass unpickle=True if you trust who logged it.")
def test_pass_unpickle_for_a_model_of_mlflow(step: Step, project: Deployer, tmp_path: Path) -> None:
    """It brings a pickle along; MLflow is not needed for this one."""
    joblib.dump(model(1), tmp_path / "model.pkl")
    flavor = "{pickled_model: model.pkl, serialization_format: pickle, sklearn_version: 1.6.1}"
    (tmp_path / "MLmodel").write_text(f"flavors: {{sklearn: {flavor}}}\n")
    step.given_by(lambda: project.update(tmp_path, sample=ROWS))
    project.update(tmp_path, sample=ROWS, **step.arguments("unpickle=True"))

    assert 1 == number_of(project)


@follows("Leave out route=: it then goes live as a function.")
def test_leave_out_the_route(step: Step, project: Deployer) -> None:
    """No runtime serves LightGBM."""
    lightgbm = pytest.importorskip("lightgbm")
    booster = lightgbm.LGBMRegressor(verbose=-1, min_child_samples=1).fit(ROWS, [0.0, 1.0, 2.0])
    step.given_by(lambda: project.store(booster, version="v1", route="native"))
    stored = project.store(booster, version="v1")

    assert ("route=" in step.text, "v1") == (True, stored.version)


@follows("Give as sample= some rows of the frame that it was fitted on.")
def test_give_rows_of_the_fit(step: Step, project: Deployer) -> None:
    """The model was fitted on categories."""
    lightgbm = pytest.importorskip("lightgbm")
    rows = pd.DataFrame({"a": pd.Categorical(["x", "y", "x"])})
    booster = lightgbm.LGBMRegressor(verbose=-1, min_child_samples=1).fit(rows, [0.0, 1.0, 2.0])
    step.given_by(lambda: project.store(booster, version="v1"))
    stored = project.store(booster, version="v1", sample=rows)

    assert ("sample=" in step.text, "v1") == (True, stored.version)


@follows("Fit a smaller model, with fewer or shallower trees for instance; or store it natively, with route='native'.")
def test_store_a_large_model_natively(step: Step, project: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function carries a bounded content."""
    monkeypatch.setattr("wml_deployer._functions.content.LARGEST_MODEL", 10)
    step.given_by(lambda: project.store(model(1), version="v1", route="function"))
    stored = project.store(model(1), version="v1", **step.arguments("route='native'"))

    assert "v1" == stored.version


@follows("Give keep= as a list of names of its columns.")
def test_keep_columns_by_name(step: Step, project: Deployer, worker: None) -> None:
    """What is to be kept is not a column."""
    rows = ROWS.assign(id=pd.Series([7, 8, 9]))
    step.given_by(lambda: project.scorer(rows, keep=["number"]))
    assert "keep=" in step.text
    scorer = project.scorer(rows, keep=["id"])

    assert [7, 8, 9] == scorer(rows)["id"].tolist()


@follows(
    "Open the project with Deployer.from_files(credentials, metadata) or Deployer.local(metadata), "
    "or give it CloudCredentials(...) or SoftwareCredentials(...)."
)
def test_open_a_project_with_credentials(
    step: Step, reached: SoftwareCredentials, metadata_path: Path, tmp_path: Path
) -> None:
    """A mapping is not credentials."""
    from tests.contract.observed_project import plain  # noqa: PLC0415 - beside its only use

    given: Any = plain(reached)
    step.given_by(lambda: Deployer(given, metadata_path))
    names: dict[str, Any] = {
        "Deployer": Deployer,
        "SoftwareCredentials": SoftwareCredentials,
        "metadata": metadata_path,
    }
    file = tmp_path / "credentials.yaml"
    file.touch(mode=0o600)
    file.write_text("\n".join(f"{name}: {value}" for name, value in given.items()), encoding="utf-8")
    for code in ("Deployer.from_files(credentials, metadata)", "Deployer.local(metadata)"):
        with step.run(code, **names, credentials=file) as deployer:
            assert () == deployer.metadata.versions
    assert "SoftwareCredentials(...)" in step.text
    with Deployer(SoftwareCredentials(**given), metadata_path) as deployer:
        assert () == deployer.recover().versions


# Two machines.


@follows(REBUILD)
def test_rebuild_the_file_from_the_space(step: Step, project: Deployer, copied: Deployer) -> None:
    """Another machine deployed a version that this one does not know."""
    project.update(model(1), sample=ROWS, version="v1")
    step.given_by(lambda: copied.update(model(2), sample=ROWS, version="v2"))
    step.run("recover()", copied)
    copied.update(model(2), sample=ROWS, version="v2")

    assert 2 == number_of(copied)


@follows("Nothing was deleted. Call recover() to learn of it, and then again.")
def test_learn_of_a_version_before_it_is_deleted(step: Step, project: Deployer, copied: Deployer) -> None:
    """Another machine stored a version that this one does not know."""
    project.store(model(1), version="v1")
    step.given_by(lambda: copied.delete(cascade=True))
    step.run("recover()", copied)
    copied.delete(cascade=True)

    assert () == copied.metadata.versions


@follows("Call recover() to learn what it serves, and then again.")
def test_learn_what_another_machine_deployed(
    step: Step, reached: SoftwareCredentials, metadata_path: Path, tmp_path: Path
) -> None:
    """Both deploy the same at the same time, for the first time."""
    shutil.copy(metadata_path, tmp_path / "other.yaml")
    with Deployer(reached, metadata_path) as one, Deployer(reached, tmp_path / "other.yaml") as other:
        first: list[str] = []

        def overtake(request: str) -> None:
            if request == "POST /ml/v4/deployments" and not first:
                first.append(request)
                other.deploy(model(0), sample=ROWS)

        with requests_watched(overtake):
            step.given_by(lambda: one.deploy(model(0), sample=ROWS))
        step.run("recover()", one)
        one.deploy(model(0), sample=ROWS)

        assert (one.status().id, 0) == (other.status().id, number_of(one))
        one.delete(cascade=True)


@follows("Call recover() to learn of the version, or update(model) to serve one that is known.")
def test_serve_a_version_that_is_known(step: Step, project: Deployer, client: Client) -> None:
    """A script serves a model of its own, whose classes nobody tells."""
    deployment = project.status()
    stored = client.model(deployment.model_id, deployment.revision)
    specification = stored.raw["entity"]["software_spec"]["id"]
    name = f"{project.metadata.project_name} of a script"
    with pack(model(1)) as package:
        properties = ModelProperties(name, stored.model_type, specification, Schema(()), {})
        foreign = client.store_model(package.path, properties).id
    record = client.serve(deployment.id, foreign, client.freeze_model(foreign, "by a script"))
    while record.state != "ready":
        record = client.deployment(record.id)
    step.given_by(lambda: project.score(ROWS))
    step.run("recover()", project)
    named = number_of(project)
    step.run("update(model)", project, model=model(2))

    assert (1, 2) == (named, number_of(project))


@follows("Look at what serves with status(), and try again if yours shall.")
def test_look_at_what_serves(step: Step, project: Deployer, client: Client, server: LocalServer) -> None:
    """Somebody else changed the deployment during an update."""
    deployment = project.status()
    third = project.store(model(2), sample=ROWS, version="v2")
    project.store(model(1), sample=ROWS, version="v1")
    looks: list[str] = []

    def overtake(request: str) -> None:
        if request == f"GET /ml/v4/deployments/{deployment.id}" and looks:
            looks.clear()
            while client.deployment(deployment.id).state != "ready":
                pass
            client.serve(deployment.id, third.id, third.revision)
        elif request.startswith("PATCH"):
            looks.append(request)

    with requests_watched(overtake):
        step.given_by(lambda: project.update(model(1), sample=ROWS, version="v1"))
    serving = step.run("status()", project)
    project.update(model(1), sample=ROWS, version="v1")

    assert ("v2", 1) == (serving.version, number_of(project))


# Time.


@follows("Give it more with timeout=, in seconds.")
def test_give_it_more_time(step: Step, project: Deployer, server: LocalServer) -> None:
    """The service stalls once."""
    server.fault("GET", "/ml/v4/deployments", stall=1.0)
    step.given_by(lambda: project.status(timeout=0.3))
    server.clear_faults()
    assert "timeout=" in step.text

    assert "v0" == project.status(timeout=60).version


@follows("Look again with Deployer.status(), or give it more time with timeout=, in seconds.")
def test_look_again_at_a_change(step: Step, project: Deployer, client: Client, server: LocalServer) -> None:
    """An earlier change is not over."""
    deployment = project.status()
    second = project.store(model(1), sample=ROWS, version="v1")
    server.pace("deployment", seconds=60)
    client.serve(deployment.id, second.id, second.revision)
    step.given_by(lambda: project.update(model(1), sample=ROWS, version="v1", timeout=1.0))
    assert "updating" == step.run("Deployer.status()".removeprefix("Deployer."), project).state
    server.pace("deployment")
    project.update(model(1), sample=ROWS, version="v1", timeout=60)

    assert 1 == number_of(project)


@follows("Call rollback(to={}) as soon as the service answers.")
def test_roll_back_as_soon_as_the_service_answers(step: Step, project: Deployer, server: LocalServer) -> None:
    """Going back failed, too."""
    server.pace("deployment", seconds=60)
    step.given_by(lambda: project.update(model(1), sample=ROWS, version="v1", timeout=1.0))
    server.pace("deployment")
    step.run("rollback(to='v0')", project)

    assert 0 == number_of(project)


@follows("Score again once it is ready, or give it more time with timeout=, in seconds.")
def test_score_once_it_is_ready(step: Step, project: Deployer, client: Client, server: LocalServer) -> None:
    """A version of other columns is on its way."""
    deployment = project.status()
    other = project.store(wide(), sample=pd.DataFrame({"height": [1.0]}), version="wide")
    server.pace("deployment", seconds=60)
    client.serve(deployment.id, other.id, other.revision)
    rows = pd.DataFrame({"height": [1.0]})
    step.given_by(lambda: project.status().score(rows, timeout=1.0))
    server.pace("deployment")

    assert 1 == len(project.status().score(rows, timeout=60))


@follows("It goes on: find it with Deployer.jobs(), or stop it with Job.cancel().")
def test_find_a_job_and_stop_it(step: Step, project: Deployer, server: LocalServer) -> None:
    """The job takes longer than the time."""
    server.pace("job", seconds=60)
    try:
        step.given_by(lambda: project.submit_batch(ROWS).wait(timeout=0.5))
        (job,) = step.run("Deployer.jobs()".removeprefix("Deployer."), project)
        step.run("Job.cancel()".removeprefix("Job."), job)
    finally:
        server.pace("job")

    assert [] == project.jobs()


# Verification and rehearsal.


def answer(probabilities: list[float]) -> list[dict[str, Any]]:
    """Write what a runtime answers to the three sample rows."""
    return [{"fields": ["prediction", "probability"], "values": [[1, probabilities]] * len(ROWS)}]


@follows("See with status() and history() what serves and who changed it, and store the model again.")
def test_see_what_serves(
    step: Step, project: Deployer, changing: Any, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint answers as another model would, and the libraries are the runtime's."""
    monkeypatch.setattr(verify, "differing_libraries", lambda *_: {})
    options: dict[str, Any] = {"sample": features.head(5), "version": "v1", "allow_schema_change": True}
    step.given_by(lambda: project.update(changing, **options))
    assert "v0" == step.run("status()", project).version
    assert "failed" in step.run("history()", project).to_string()
    project.store(model(1), sample=ROWS, version="v2")


@follows("Look at what it serves with status(); if it was just updated, score again.")
def test_look_at_what_it_serves(step: Step, project: Deployer, server: LocalServer) -> None:
    """Its labels are not those of the version."""
    labels = [{"fields": ["prediction", "probability"], "values": [["?", [0.5, 0.5]]] * len(ROWS)}]
    server.predict(project.status().id, labels, times=None)
    step.given_by(lambda: project.score(ROWS))
    server.clear_faults()
    server.predict(project.status().id, answer([0.5, 0.5]), times=1)
    with suppress(Exception):
        project.score(ROWS)

    assert "v0" == step.run("status()", project).version


@follows(
    "Pass sample=, a few dozen rows of what the model was fitted on.",
    "Pass sample= as a DataFrame with named columns, in the order of the fit.",
)
def test_pass_a_sample(step: Step, project: Deployer) -> None:
    """Without one nothing is rehearsed, and columns without names cannot be put in order."""
    bare = DummyClassifier().fit([[0.0, 1.0], [1.0, 2.0]], [0, 1])
    report = project.check(bare)
    step.choose([finding.next_step for finding in report.findings])
    rows = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 2.0]})

    assert "sample=" in step.text
    assert {"sample", "schema"} <= {finding.subject for finding in report.findings}
    assert not {"sample", "schema"} & {finding.subject for finding in project.check(bare, sample=rows).findings}


@follows("Give as sample= rows that the model can answer, in the form that it was fitted on.")
def test_give_rows_that_the_model_can_answer(step: Step, project: Deployer) -> None:
    """The model raises on the sample."""
    picky = make_pipeline(Picky())
    picky.fit(pd.DataFrame({"a": [1.0, 2.0]}), [1.0, 2.0])
    step.given_by(lambda: project.store(picky, sample=pd.DataFrame({"a": [-1.0]}), version="v1"))
    assert "sample=" in step.text
    # Its class is the test's own: no runtime has it, and check says so of a sample that it can answer.
    report = project.check(picky, sample=pd.DataFrame({"a": [1.0]}))

    assert step.text not in {finding.next_step for finding in report.findings}


class Picky(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model that raises at what it does not know."""

    def fit(self, X: pd.DataFrame, _: Any = None) -> Picky:
        """Learn nothing but the names."""
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Answer positive numbers alone."""
        if (np.asarray(X) < 0).any():
            raise ValueError("negative")
        return np.asarray(X, dtype=float)[:, 0]


@follows(
    "Fit the model so that it stays finite, for instance inside TransformedTargetRegressor(regressor, "
    "inverse_func=...) with a function that clips."
)
def test_keep_a_model_finite(step: Step, project: Deployer) -> None:
    """JSON has no infinity."""
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    infinite = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp, check_inverse=False)
    infinite.fit(rows, [1.0, 10.0, 100.0])
    step.given_by(lambda: project.store(infinite, sample=pd.DataFrame({"a": [1e6]}), version="v1"))
    code = "TransformedTargetRegressor(regressor, inverse_func=...)"
    assert code in step.text
    clipped = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.tanh, check_inverse=False)
    clipped.fit(rows, [1.0, 10.0, 100.0])

    assert project.check(clipped, sample=pd.DataFrame({"a": [1e6]})).ok


@follows("Make another scorer with Deployer.scorer(), and give Spark its spark_schema.")
def test_make_another_scorer(step: Step, project: Deployer, worker: None) -> None:
    """A version with other columns in its scores serves by now."""
    scorer = project.scorer(ROWS)
    labels = DummyClassifier(strategy="prior").fit(ROWS, [0, 1, 2])
    project.update(labels, sample=ROWS, version="labels")
    step.given_by(lambda: list(scorer.map_in_pandas(iter([ROWS]))))
    assert "Deployer.scorer()" in step.text
    another = project.scorer(ROWS)

    assert "probability_2" in another.spark_schema


# Files.


@follows("Correct it, or delete it and call recover(); nothing was done.")
def test_delete_a_damaged_lock_file(step: Step, project: Deployer, metadata_path: Path) -> None:
    """Somebody merged it by hand."""
    metadata_path.with_suffix(".lock").write_text("<<<<<<< ours\n", encoding="utf-8")
    step.given_by(project.status)
    metadata_path.with_suffix(".lock").unlink()
    step.run("recover()", project)

    assert "v0" == project.status().version


@follows("one `key: value` a line")
@pytest.mark.parametrize("text", ["", "- churn\n", "{project_name: churn, project_version: v1}\n"])
def test_write_a_key_a_line(step: Step, reached: SoftwareCredentials, tmp_path: Path, text: str) -> None:
    """The file is empty, a list, or written in braces."""
    path = tmp_path / "metadata.yaml"
    path.write_text(text, encoding="utf-8")
    step.given_by(lambda: Deployer(reached, path).store(model(0)))
    path.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")
    with Deployer(reached, path) as deployer:
        stored = deployer.store(model(0))
        deployer.delete(cascade=True)

    assert "v1" == stored.version


# How it is served.


@follows("Give the number of copies: scale(copies=2).")
def test_a_number_of_copies(step: Step, project: Deployer) -> None:
    """Nothing was asked for."""
    step.given_by(project.scale)

    assert 2 == step.run("scale(copies=2)", project).copies


@follows(
    "Call delete(), then deploy(model, hardware='{}'): its id is another one then. "
    "More copies serve more requests, too: scale(copies=2)."
)
@pytest.mark.parametrize("copies", [False, True])
def test_other_hardware(step: Step, project: Deployer, copies: bool) -> None:
    """The service does not change that of a deployment that is there."""
    step.given_by(lambda: project.scale(hardware="L"))
    if copies:
        assert 2 == step.run("scale(copies=2)", project).copies
        return
    step.run("delete()", project)

    assert "L" == step.run("deploy(model, hardware='L')", project, model=model(0)).hardware


@follows("Call create_task_credentials() once: IBM Cloud runs jobs with them alone.")
def test_task_credentials(
    step: Step, server: LocalServer, proxy: ConnectProxy, metadata_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job on IBM Cloud."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    info = server.info
    credentials = CloudCredentials(url="eu-de", apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id)
    server.limit(task_credentials=True)
    try:
        with Deployer(credentials, metadata_path) as deployer:
            deployer.deploy(model(0), sample=ROWS)
            step.given_by(lambda: deployer.score_batch(ROWS))
            step.run("create_task_credentials()", deployer)

            assert len(ROWS) == len(deployer.score_batch(ROWS))
            deployer.delete(cascade=True)
    finally:
        server.limit()
