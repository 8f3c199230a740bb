"""Models that no runtime serves faithfully go live as Python functions, and do everything that models do."""

from __future__ import annotations

import gzip
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from wml_deployer import Deployer
from wml_deployer._functions import content
from wml_deployer.errors import CheckError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.insides import Client
    from wml_deployer import SoftwareCredentials
    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = pd.DataFrame(
    {"plan": pd.Series(["a", "b", np.nan, "c"] * 10, dtype=object), "age": np.arange(40.0)}, index=range(100, 140)
)


class Mean:
    """A model of the user's own, which follows nobody's conventions."""

    def predict(self, rows: pd.DataFrame) -> Any:
        """Answer the mean of each row."""
        return rows.mean(axis=1)


@pytest.fixture
def embedded(reached: SoftwareCredentials, metadata_path: Path) -> Iterator[Deployer]:
    """A project where the service has the Python and the packages that are here."""
    with Deployer(reached, metadata_path) as deployer:
        yield deployer


@pytest.fixture
def model() -> Any:
    """A pipeline to which NaN is a category: a request has none, and natively it gets None."""
    return fit(1.0)


def fit(strength: float) -> Any:
    """Fit the pipeline."""
    encoder = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(encoder, Ridge(strength)).fit(ROWS, np.arange(40.0) % 7)


def uploads(server: LocalServer) -> list[str]:
    """What was sent to the service, other than questions and logins."""
    logins = ("authorize", "/identity/token")
    return [
        f"{one.method} {one.path}"
        for one in server.requests
        if one.method != "GET" and not any(login in one.path for login in logins)
    ]


@pytest.mark.core
def test_a_model_that_a_runtime_would_misread_goes_live_as_a_function(deployer: Deployer, model: Any) -> None:
    """By itself, and it answers as it does here."""
    deployer.release(model, sample=ROWS)

    pd.testing.assert_series_equal(
        pd.Series(model.predict(ROWS), index=ROWS.index, name="prediction"), deployer.score(ROWS)["prediction"]
    )
    assert "function" == deployer.metadata.versions[-1].route


def test_check_says_which_way_and_why(deployer: Deployer, model: Any) -> None:
    """In one line."""
    report = deployer.check(model, sample=ROWS)

    assert (True, "function") == (report.ok, report.route)
    assert "route    function: column 'plan': a gap in text arrives as None" in repr(report)


def test_a_function_is_updated_and_rolled_back_under_one_id(deployer: Deployer, model: Any) -> None:
    """Its revisions are frozen as those of models are."""
    first = deployer.release(model, sample=ROWS)
    second = deployer.update(fit(9.0), sample=ROWS)
    updated = deployer.score(ROWS)["prediction"].tolist()
    deployer.rollback()

    assert first.id == second.id
    assert (fit(9.0).predict(ROWS).tolist(), model.predict(ROWS).tolist()) == (
        updated,
        deployer.score(ROWS)["prediction"].tolist(),
    )


def test_an_update_changes_the_way_under_one_url(deployer: Deployer, model: Any) -> None:
    """From a function to a model that a runtime serves, and back."""
    numbers = ROWS.assign(plan=1.0)
    native = Ridge().fit(numbers, np.arange(40.0))
    url = deployer.release(model, sample=ROWS).url
    deployer.update(native, sample=numbers)
    answered = deployer.score(numbers)["prediction"].tolist()
    back = deployer.rollback()

    assert ["function", "native"] == [version.route for version in deployer.metadata.versions]
    assert (native.predict(numbers).tolist(), url) == (answered, back.url)
    assert model.predict(ROWS).tolist() == deployer.score(ROWS)["prediction"].tolist()


def test_the_same_function_is_stored_once(deployer: Deployer, server: LocalServer, model: Any) -> None:
    """Whatever rows its sample has."""
    deployer.release(model, sample=ROWS)
    server.clear_requests()
    deployer.release(fit(1.0), sample=ROWS.head(7))

    assert [] == [one for one in uploads(server) if "predictions" not in one]


def test_a_lost_lock_file_is_rebuilt(deployer: Deployer, metadata_path: Path, model: Any) -> None:
    """The function itself tells what it is."""
    deployer.release(model, sample=ROWS)
    before = deployer.metadata.versions
    metadata_path.with_name("metadata.lock").unlink()
    deployer.recover()

    assert before == deployer.metadata.versions


def test_the_way_can_be_chosen(deployer: Deployer, model: Any) -> None:
    """What was refused stays refused, and what needs no function becomes one."""
    plain = Ridge().fit(ROWS[["age"]], np.arange(40.0))
    with pytest.raises(CheckError, match="a gap in text arrives as None"):
        deployer.store(model, sample=ROWS, route="native")

    assert "function" == deployer.store(plain, sample=ROWS[["age"]], route="function").route


def test_the_two_ways_of_one_model_are_two_versions(deployer: Deployer) -> None:
    """They answer in different environments, so that each has a digest of its own."""
    plain = Ridge().fit(ROWS[["age"]], np.arange(40.0))
    stored = [deployer.store(plain, sample=ROWS[["age"]], route=route) for route in ("native", "function", "native")]

    assert (stored[0], False) == (stored[2], stored[0].digest == stored[1].digest)


def test_an_unknown_way_is_refused(deployer: Deployer, model: Any) -> None:
    """The next step names the ways."""
    with pytest.raises(ModelError, match="no route 'magic'"):
        deployer.store(model, route="magic")  # type: ignore[arg-type]  # that is the point


def test_a_model_that_is_too_large_is_refused(
    deployer: Deployer, server: LocalServer, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent, and the error says what else to do."""
    monkeypatch.setattr(content, "LARGEST_MODEL", 100)
    server.clear_requests()
    with pytest.raises(ModelError, match="a package that carries one has at most") as caught:
        deployer.release(model, sample=ROWS, route="function")

    assert ([], True) == (uploads(server), "Fit a smaller model" in (caught.value.next_step or ""))


def test_a_class_that_the_service_cannot_import_is_refused(deployer: Deployer, server: LocalServer) -> None:
    """It stands in a module that nobody distributes."""
    server.clear_requests()
    with pytest.raises(CheckError, match=f"the package {__name__.partition('.')[0]} is not among those"):
        deployer.release(Mean(), sample=ROWS[["age"]])

    assert [] == uploads(server)


def test_a_class_of_the_script_goes_along(embedded: Deployer) -> None:
    """By value: nothing has to be installed anywhere."""
    script: dict[str, Any] = {"__name__": "__main__"}
    exec("class Mean:\n    def predict(self, rows):\n        return rows.mean(axis=1)\n", script)
    embedded.release(script["Mean"](), sample=ROWS[["age"]])

    assert ROWS["age"].tolist() == embedded.score(ROWS[["age"]])["prediction"].tolist()


def test_what_is_stored_is_the_loader_with_the_model(deployer: Deployer, client: Client, model: Any) -> None:
    """One readable module, of which the last statement defines score."""
    version = deployer.store(model, sample=ROWS)
    source = client.read_model(version.id, version.revision, b"".join)
    text = gzip.decompress(source).decode()

    assert text.startswith('"""Serve a model as a Python function of the service.')
    assert "\nscore = ModelFunction(\n" in text


RATE = 1.1


def score(payload: dict[str, Any]) -> dict[str, Any]:
    """A function by IBM's convention, which uses what stands beside it."""
    rows = payload["input_data"][0]["values"]
    return {"predictions": [{"fields": ["prediction"], "values": [[round(sum(row) * RATE, 2)] for row in rows]}]}


def make_score(factors: list[float] = [2.0, 3.0]) -> Any:  # noqa: B006 - IBM's clients store such defaults
    """A function that makes the one that is deployed."""

    def score(payload: dict[str, Any]) -> dict[str, Any]:
        rows = payload["input_data"][0]["values"]
        return {"predictions": [{"values": [[sum(f * v for f, v in zip(factors, row, strict=True))] for row in rows]}]}

    return score


PAYLOAD = {"input_data": [{"fields": ["a", "b"], "values": [[1, 2], [3, 4]]}]}


def test_a_function_of_the_users_own_is_deployed_updated_and_rolled_back(embedded: Deployer) -> None:
    """What stands beside it in its module goes along, and so do default arguments."""
    embedded.release(score, sample=PAYLOAD)
    first = embedded.score(PAYLOAD)["prediction"].tolist()
    embedded.release(make_score, sample=[PAYLOAD, PAYLOAD])
    second = embedded.score(PAYLOAD)["prediction"].tolist()
    embedded.rollback()

    assert ([3.3, 7.7], [8.0, 18.0], first) == (first, second, embedded.score(PAYLOAD)["prediction"].tolist())
    assert ["passed"] * 3 == embedded.history()["verification"].tolist()


def test_a_functions_code_is_its_version(embedded: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function is stored once; what it refers to makes another one of it."""
    stored = [embedded.store(score).version, embedded.store(score).version]
    monkeypatch.setitem(score.__globals__, "RATE", 2.0)

    assert [stored[0], stored[0], False] == [*stored, embedded.store(score).version == stored[0]]


def broken(payload: dict[str, Any]) -> Any:
    """A function that answers no table."""
    return payload["input_data"][0]["values"][0]


def test_a_function_that_answers_nothing_like_predictions_is_refused(deployer: Deployer, server: LocalServer) -> None:
    """The sample shows it, before anything is sent."""
    server.clear_requests()
    with pytest.raises(CheckError, match="payload 0"):
        deployer.release(broken, sample=PAYLOAD)

    assert [] == uploads(server)


def make_nothing(path: str = "/nowhere/rates.csv") -> Any:
    """A function that raises when it is imported."""
    return open(path)  # noqa: PTH123 - that is the point


def test_a_function_that_raises_on_import_is_refused(deployer: Deployer, server: LocalServer) -> None:
    """The error says what it raised, and nothing is sent."""
    server.clear_requests()
    with pytest.raises(ModelError, match="FileNotFoundError") as caught:
        deployer.release(make_nothing)

    assert ([], True) == (uploads(server), bool(caught.value.next_step))


def total(rows: pd.DataFrame) -> Any:
    """A model that is a function of rows."""
    return rows.sum(axis=1) * RATE


def test_a_callable_goes_live(embedded: Deployer) -> None:
    """It is asked with the rows as they are here, and its code goes along."""
    rows = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    embedded.release(total, sample=rows)

    assert total(rows).tolist() == embedded.score(rows)["prediction"].tolist()


def test_a_function_does_what_a_model_does(
    embedded: Deployer, reached: SoftwareCredentials, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a candidate, in batch, for workers, in a comparison, and for prune."""
    key = reached.apikey.get_secret_value() if reached.apikey else ""
    for name, value in (("URL", reached.url), ("USERNAME", reached.username), ("APIKEY", key)):
        monkeypatch.setenv(f"WML_{name}", str(value))
    monkeypatch.setenv("WML_CA_BUNDLE", str(reached.ca_bundle))
    expected = model.predict(ROWS).tolist()
    embedded.release(fit(9.0), sample=ROWS)
    embedded.candidate(model, sample=ROWS)
    compared = embedded.compare(ROWS)
    embedded.promote()
    jobs = embedded.score_batch(ROWS)["prediction"].tolist()
    scored = pickle.loads(pickle.dumps(embedded.scorer(ROWS)))(ROWS)["prediction"].tolist()
    changed = embedded.diff("v0.1", "v0.2")
    embedded.update(fit(3.0), sample=ROWS)

    assert (len(ROWS), expected, expected) == (compared.rows, jobs, scored)
    assert ("model", "digest") in changed.index
    assert () == embedded.prune(keep=1)


def test_a_model_with_further_packages_is_derived(embedded: Deployer) -> None:
    """It is stored natively, on a specification of its own."""
    plain = Ridge().fit(ROWS[["age"]], np.arange(40.0))
    report = embedded.check(plain, sample=ROWS[["age"]], requirements=["cloudpickle"])
    stored = embedded.store(plain, sample=ROWS[["age"]], requirements=["cloudpickle"])
    embedded.delete(cascade=True)

    assert ("derived", "derived", "scikit-learn_1.6") == (report.route, stored.route, stored.model_type)
