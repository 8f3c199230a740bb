"""The preflight on the embedded service: everything is found, nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pydantic import SecretStr
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.errors import CheckError, ModelError
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.testing import LocalServer

pytestmark = pytest.mark.any_service


@pytest.fixture
def foreign(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a pipeline that carries a class of a package that no runtime has."""
    step = FunctionTransformer(kw_args=None, inv_kw_args={"field": Field("a", "int64")})
    return make_pipeline(step, DummyClassifier()).fit(features, labels)


def test_a_good_model_has_no_error(deployer: Deployer, model: Any, features: pd.DataFrame) -> None:
    """The report names the type and the specification that store would take."""
    report = deployer.check(model, sample=features.head(5))

    assert (True, "scikit-learn_1.6", "runtime-25.1-py3.12") == (report.ok, report.model_type, report.specification)


def test_nothing_is_sent(deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame) -> None:
    """Beside the login there are only questions."""
    server.clear_requests()
    deployer.check(model, sample=features.head(5))
    asked = {(request.method, request.path) for request in server.requests if request.method != "GET"}

    assert asked <= {("POST", "/icp4d-api/v1/authorize"), ("POST", "/identity/token")}


def test_metadata_stays_as_it_is(deployer: Deployer, metadata_path: Path, model: Any, features: pd.DataFrame) -> None:
    """A check leaves no trace in the project."""
    before = metadata_path.read_bytes()
    deployer.check(model, sample=features.head(5))

    assert ([metadata_path], before) == (sorted(metadata_path.parent.iterdir()), metadata_path.read_bytes())


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"apikey": SecretStr("wrong-key-of-20-chars")}, "credentials"),
        ({"ca_bundle": None}, "certificate"),
        ({"space_id": "00000000-0000-0000-0000-000000000000"}, "service"),
    ],
)
def test_what_is_wrong_with_the_way_there_is_found(
    change: dict[str, Any], subject: str, credentials: SoftwareCredentials, metadata_path: Path, model: Any
) -> None:
    """Key, certificate and space: a finding, not an exception."""
    with Deployer(credentials.model_copy(update=change), metadata_path) as deployer:
        report = deployer.check(model)

    assert [subject] == [finding.subject for finding in report.errors]


def test_everything_is_found_at_once(deployer: Deployer, server: LocalServer, foreign: Any) -> None:
    """Service, model and sample stand in one report."""
    server.fault("GET", "^/v2/spaces/[^/]+/members/", status=503, times=None)
    try:
        report = deployer.check(foreign)
    finally:
        server.clear_faults()

    assert {"service", "wml_deployer.schema.Field", "sample"} <= {finding.subject for finding in report.findings}


def test_store_refuses_what_check_finds(deployer: Deployer, server: LocalServer, foreign: Any) -> None:
    """No model is made on the service."""
    server.clear_requests()
    with pytest.raises(CheckError, match="wml_deployer is not among those of runtime"):
        deployer.store(foreign, route="native")

    assert [] == [request for request in server.requests if (request.method, request.path) == ("POST", "/ml/v4/models")]


def test_strict_raises(deployer: Deployer, foreign: Any) -> None:
    """A pipeline need not look at the report."""
    with pytest.raises(CheckError, match="check: The model would fail"):
        deployer.check(foreign, strict=True, route="native")


def test_what_is_no_model_is_a_finding(deployer: Deployer) -> None:
    """What store would raise is reported."""
    assert ["model"] == [finding.subject for finding in deployer.check("no/such/model.joblib").errors]


def test_a_specification_at_the_end_of_its_life_is_named(deployer: Deployer, model: Any) -> None:
    """A retired one is refused with what to use instead."""
    report = deployer.check(model, specification="runtime-22.2-py3.10")

    assert ["runtime-22.2-py3.10"] == [finding.subject for finding in report.errors]


def test_a_stored_model_is_checked_by_its_specification(deployer: Deployer, model: Any) -> None:
    """What is stored already has no content to look into."""
    report = deployer.check(deployer.store(model))

    assert ("runtime-25.1-py3.12", ()) == (report.specification, report.errors)


def test_a_lambda_is_found(deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]) -> None:
    """It cannot be pickled natively, and the finding says where it is."""
    model = make_pipeline(FunctionTransformer(lambda rows: rows), DummyClassifier())
    [finding] = deployer.check(model.fit(features, labels), route="native").errors

    assert ("model", True) == (finding.subject, "<lambda>" in finding.problem)


def test_a_model_of_texts_goes_live_as_a_function(deployer: Deployer) -> None:
    """No runtime makes a series of rows, and a function does."""
    texts = pd.Series(["red wine", "white wine", "beer"])
    model = make_pipeline(TfidfVectorizer(), DummyClassifier()).fit(texts, [0, 1, 0])

    report = deployer.check(model)

    assert ("function", True) == (report.route, report.ok)
    assert "fitted on a list of texts" in report.why


class Silent(DummyClassifier):  # type: ignore[misc]
    """A model whose parameters cannot be listed once it is fitted."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Fail as a model of another release does."""
        if hasattr(self, "classes_"):
            raise AttributeError("no parameter 'constant'")
        parameters: dict[str, Any] = super().get_params(deep=deep)
        return parameters


@pytest.mark.parametrize("verb", ["store", "release"])
def test_what_a_model_raises_is_the_cause_of_the_refusal(
    verb: str, deployer: Deployer, server: LocalServer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """A typed error, and nothing is uploaded."""
    model = make_pipeline(OneHotEncoder(), DummyClassifier()).fit(features.head(20), labels.head(20))
    server.clear_requests()
    with pytest.raises(ModelError) as caught:
        getattr(deployer, verb)(model, sample=features.tail(5))

    uploads = [request for request in server.requests if request.path == "/ml/v4/models" and request.method == "POST"]
    assert ("ValueError", []) == (type(caught.value.__cause__).__name__, uploads)


def test_what_describing_a_model_raises_is_a_finding(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """Its own code runs there, too."""
    model = Silent().fit(features, labels)
    [finding] = deployer.check(model).errors

    assert ("model", True) == (finding.subject, "raised AttributeError: no parameter" in finding.problem)


def test_names_of_a_sample_put_columns_in_order(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """A model of bare arrays answers a frame with its columns in any order."""
    model = GaussianNB().fit(features.to_numpy(), labels)
    deployer.release(model, sample=features.head(20))
    scores = deployer.score(features[features.columns[::-1]])

    assert pytest.approx(model.predict_proba(features.to_numpy())[:, 1], rel=1e-12) == scores["probability_1"]


def test_a_booster_of_bare_arrays_answers_named_columns(
    deployer: Deployer, features: pd.DataFrame, labels: pd.Series[Any]
) -> None:
    """XGBoost refuses names that it was not trained on: the service does not hand them on."""
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=5).fit(features.to_numpy(), labels)
    deployer.release(model, sample=features.head(20))

    assert model.predict(features.to_numpy()).tolist() == deployer.score(features)["prediction"].tolist()


def test_a_strict_check_is_a_model_error() -> None:
    """Whoever catches what store raises catches it, too."""
    assert issubclass(CheckError, ModelError)
