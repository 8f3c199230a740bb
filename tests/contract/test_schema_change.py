"""Other columns, or another kind of answer, under the same URL: only where the caller says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.credentials_file import write_credentials
from wml_deployer._command_line import main
from wml_deployer.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

ROWS = pd.DataFrame({"age": [30.0, 40.0, 50.0], "income": [1.0, 2.0, 3.0]})


def tree(*columns: str, labels: tuple[str, ...] = ("buy", "stay", "buy")) -> DecisionTreeClassifier:
    """Fit a classifier on these columns."""
    return DecisionTreeClassifier().fit(ROWS[[*columns]], labels)


def number() -> DecisionTreeRegressor:
    """Fit a regressor."""
    return DecisionTreeRegressor().fit(ROWS, [1.5, 2.5, 3.5])


@pytest.fixture
def deployed(deployer: Deployer) -> Deployer:
    """Deploy a classifier of two columns."""
    deployer.deploy(tree("age", "income"))
    return deployer


@pytest.mark.parametrize(
    ("model", "fault"),
    [(lambda: tree("age"), "column 'income': is no longer taken"), (number, "a number instead of a class")],
    ids=["columns", "kind"],
)
@pytest.mark.parametrize("verb", ["update", "release"])
def test_a_change_is_refused_before_anything_is_sent(
    deployed: Deployer, server: LocalServer, verb: str, model: Callable[[], Any], fault: str
) -> None:
    """The message names what would change, and the argument."""
    server.clear_requests()
    with pytest.raises(SchemaError, match=r"(?s)" + fault + r".*allow_schema_change=True"):
        getattr(deployed, verb)(model())

    assert set() == {request.method for request in server.requests} - {"GET"}


@pytest.mark.parametrize("verb", ["update", "release"])
def test_a_change_that_is_allowed_is_made(deployed: Deployer, verb: str) -> None:
    """The scores are the regressor's."""
    getattr(deployed, verb)(number(), allow_schema_change=True)

    assert [1.5, 2.5, 3.5] == deployed.score(ROWS)["prediction"].tolist()


@pytest.mark.parametrize(
    "model",
    [
        lambda: tree("income", "age"),
        lambda: tree("age", "income", labels=("buy", "leave", "buy")),
        lambda: DecisionTreeClassifier(max_depth=1).fit(ROWS.astype("int64"), ["buy", "stay", "buy"]),
    ],
    ids=["order", "classes", "dtypes"],
)
def test_what_is_read_by_name_may_change(deployed: Deployer, model: Callable[[], Any]) -> None:
    """Callers notice nothing that their rows and scores do not tell."""
    fitted = model()
    deployed.update(fitted)

    assert fitted.predict(ROWS[fitted.feature_names_in_]).tolist() == deployed.score(ROWS)["prediction"].tolist()


def test_a_model_that_looks_at_no_column_changes_none(deployer: Deployer) -> None:
    """It answers a constant, whatever it is sent."""
    constant = DummyRegressor(strategy="constant", constant=2.0)
    deployer.deploy(DummyRegressor().fit(ROWS[["age"]], [0, 1, 2]), sample=ROWS[["age"]])

    assert "ready" == deployer.update(constant.fit(ROWS, [0, 1, 2]), sample=ROWS).state


def test_promoting_a_change_has_to_be_said_too(deployed: Deployer) -> None:
    """The candidate stays until then."""
    deployed.candidate(number())
    with pytest.raises(SchemaError, match="allow_schema_change=True"):
        deployed.promote()
    deployed.promote(allow_schema_change=True)

    assert [1.5, 2.5, 3.5] == deployed.score(ROWS)["prediction"].tolist()


def test_going_back_is_never_refused(deployed: Deployer) -> None:
    """A rollback is asked for by name, or in a hurry."""
    deployed.update(number(), allow_schema_change=True)
    deployed.rollback()

    assert ["buy", "stay", "buy"] == deployed.score(ROWS)["prediction"].tolist()


def test_the_command_line_has_a_flag(
    deployed: Deployer, server: LocalServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it the command ends with the exit code of a model that cannot be used."""
    credentials = tmp_path / "credentials.yaml"
    write_credentials(credentials, server.info)
    joblib.dump(number(), tmp_path / "model.joblib")
    command = ["update", str(tmp_path / "model.joblib"), str(tmp_path), str(credentials), "--unpickle"]
    codes = [main(command), main([*command, "--allow-schema-change"])]

    assert ([11, 0], True) == (codes, "--allow-schema-change" in capsys.readouterr().err)
