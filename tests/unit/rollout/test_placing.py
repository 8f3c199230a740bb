"""Where a model is placed: natively, over a runtime with another release, or as a function with what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import sklearn
from lightgbm import LGBMRegressor
from sklearn.dummy import DummyRegressor

from wml_deployer._rollout.placing import Placement, place
from wml_deployer._rollout.preparing import StoreRequest, prepare_model
from wml_deployer.errors import SpecificationError
from wml_deployer.metadata import Metadata
from wml_deployer.specifications import Specification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._clients.protocol import Client

HERE = sklearn.__version__
OLD = Specification("2", "runtime-25.1-py3.12", packages={"scikit-learn": "0.9.1", "numpy": np.__version__})
PROJECT = Metadata(project_name="churn", project_version="v1")


class Cloud:
    """A service elsewhere, which offers one runtime."""

    url = "https://eu-de.ml.cloud.ibm.com"

    def specifications(self) -> Sequence[Specification]:
        """List it."""
        return [OLD]

    def specification(self, specification: Specification) -> Specification:
        """Return it with its packages."""
        return specification


def placed(model: Any, *, name: str | None = None, **options: Any) -> Placement:
    """Place a fitted model."""
    with prepare_model(StoreRequest(model, **options), PROJECT) as prepared:
        return place(cast("Client", Cloud()), prepared, name)


@pytest.fixture
def model() -> Any:
    """A model of the scikit-learn that is here."""
    return DummyRegressor().fit(np.ones((3, 2)), np.ones(3))


def test_requirements_bring_the_release_of_a_native_model(model: Any) -> None:
    """It is stored under the type that the runtime serves, on a specification with its own release."""
    found = placed(model, requirements=[f"scikit-learn=={HERE}"])

    assert ("derived", "scikit-learn_0.9") == (found.prepared.route, found.prepared.profile.model_type)
    assert (HERE, ()) == (found.specification.packages["scikit-learn"], found.findings)


def test_requirements_without_the_release_leave_it_a_function(model: Any) -> None:
    """A runtime would not load it."""
    assert "function" == placed(model, requirements=["attrs"]).prepared.route


def test_without_requirements_a_function_installs_what_it_needs(model: Any) -> None:
    """At the versions of this process, where the runtime has others."""
    prepared = placed(model).prepared

    assert "function" == prepared.route
    assert f"scikit-learn=={HERE}" in prepared.environment.requirements


def test_a_library_that_no_runtime_carries_is_installed(model: Any) -> None:
    """LightGBM, for one."""
    fitted = LGBMRegressor(n_estimators=2, verbose=-1).fit(np.arange(60.0).reshape(30, 2), np.arange(30.0))

    assert any(line.startswith("lightgbm==") for line in placed(fitted).prepared.environment.requirements)


def test_a_named_runtime_gets_nothing_unasked(model: Any) -> None:
    """Whoever names a specification has made it."""
    found = placed(model, route="function", name=OLD.name)

    assert not found.prepared.environment
    assert "scikit-learn" in {finding.subject for finding in found.findings}


def test_a_named_runtime_with_another_release_is_refused(model: Any) -> None:
    """Its name is in the error, with what it carries."""
    with pytest.raises(SpecificationError, match=r"carries scikit-learn 0\.9"):
        placed(model, name=OLD.name)
