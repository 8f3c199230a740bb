"""A model too large for a function travels in a package that is installed where the function runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from wml_deployer._functions import content
from wml_deployer.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a function carry next to nothing."""
    monkeypatch.setattr(content, "LARGEST_CONTENT", 1000)


@pytest.fixture
def tree(features: pd.DataFrame) -> Any:
    """A model above the limit."""
    return DecisionTreeRegressor(random_state=0).fit(features, features.sum(axis=1) % 7)


def derived_names(deployer: Deployer) -> list[str]:
    """The specifications that this library derived."""
    return [one.name for one in deployer._project.client.specifications() if "-wml_deployer-" in one.name]


def test_large_model_is_deployed_updated_and_removed(
    deployer: Deployer, features: pd.DataFrame, tree: Any, server: LocalServer
) -> None:
    """It answers bit for bit, its content is stored once, and the package goes with the last version that needs it."""
    report = deployer.check(tree, sample=features[:20], route="function")
    deployer.release(tree, sample=features[:20], route="function")
    first = deployer.score(features)["prediction"]
    server.clear_requests()
    deployer.release(tree, sample=features[:20], route="function")
    repeated = [request.path for request in server.requests if request.method in {"POST", "PUT"}]
    other = DecisionTreeRegressor(max_depth=9, random_state=0).fit(features, features.sum(axis=1) % 7)
    deployer.update(other, sample=features[:20], route="function")
    second = deployer.score(features)["prediction"]
    deployer.rollback()

    assert "travel in a package" in report.why
    assert [True, True] == [
        np.array_equal(tree.predict(features), first),
        np.array_equal(other.predict(features), second),
    ]
    assert [] == [path for path in repeated if "package_extensions" in path]
    assert np.array_equal(tree.predict(features), deployer.score(features)["prediction"])
    assert 2 == len(derived_names(deployer))
    deployer.delete(cascade=True)
    assert [] == derived_names(deployer)


def test_model_that_no_package_carries_is_refused(
    deployer: Deployer, features: pd.DataFrame, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both sizes, and nothing is left on the service."""
    monkeypatch.setattr(content, "LARGEST_MODEL", 2000)
    with pytest.raises(ModelError, match=r"MiB packed, and a package that carries one has at most"):
        deployer.store(tree, sample=features[:20], route="function")

    assert [] == derived_names(deployer)
