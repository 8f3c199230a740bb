"""Arguments that no call can use are refused with a typed error before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

CALLS: dict[str, Callable[[Deployer, Any, pd.DataFrame], object]] = {
    "labels as a sample": lambda deployer, model, rows: deployer.store(model, sample=rows.iloc[:, 0]),
    "a number as a sample": lambda deployer, model, _: deployer.store(model, sample=5),
    "a number as a version": lambda deployer, model, _: deployer.store(model, version=2),  # type: ignore[arg-type]
    "a blank version": lambda deployer, model, _: deployer.store(model, version=" "),
    "a lone surrogate as a reason": lambda deployer, model, _: deployer.deploy(model, reason="\ud800"),
    "a number as a reason": lambda deployer, model, _: deployer.deploy(model, reason=1),  # type: ignore[arg-type]
    "text as a metric": lambda deployer, model, _: deployer.store(model, metrics={"f1": "high"}),  # type: ignore[dict-item]
    "infinity as a metric": lambda deployer, model, _: deployer.store(model, metrics={"f1": float("inf")}),
    "a list as metrics": lambda deployer, model, _: deployer.store(model, metrics=[1]),  # type: ignore[arg-type]
    "a number as a metric's name": lambda deployer, model, _: deployer.store(model, metrics={1: 2.0}),  # type: ignore[dict-item]
    "text as a time": lambda deployer, model, _: deployer.store(model, timeout="5"),  # type: ignore[arg-type]
    "true as a time": lambda deployer, model, _: deployer.store(model, timeout=True),
    "no number as a time": lambda deployer, _, rows: deployer.score(rows, timeout=float("nan")),
    "no time at all": lambda deployer, _, __: deployer.status(timeout=0),
    "a negative time": lambda deployer, _, __: deployer.delete(timeout=-1),
    "an endless time": lambda deployer, _, __: deployer.rollback(timeout=float("inf")),
    "a number as a flag": lambda deployer, model, _: deployer.store(model, unpickle=1),  # type: ignore[arg-type]
    "text as a number to keep": lambda deployer, _, __: deployer.prune("3"),  # type: ignore[arg-type]
    "a negative number to keep": lambda deployer, _, __: deployer.prune(-1),
    "a number as names": lambda deployer, _, __: deployer.prune(3, named=5),  # type: ignore[arg-type]
    "numbers as names": lambda deployer, _, __: deployer.prune(3, named=[5]),  # type: ignore[list-item]
    "text as a number of rows": lambda deployer, _, rows: deployer.score(rows, batch_rows="x"),  # type: ignore[call-overload]
    "no request in flight": lambda deployer, _, rows: deployer.score(rows, in_flight=0),
    "another way to end": lambda deployer, _, rows: deployer.score(rows, on_error="maybe"),  # type: ignore[call-overload]
    "a number as columns to keep": lambda deployer, _, rows: deployer.scorer(rows, keep=5),  # type: ignore[arg-type]
    "a number as a version to go back to": lambda deployer, _, __: deployer.rollback(to=2),  # type: ignore[arg-type]
    "text as a handle's time": lambda deployer, _, rows: deployer.status().score(rows, timeout="5"),  # type: ignore[call-overload]
    "no number as a handle's time": lambda deployer, _, __: deployer.status().wait(timeout=float("nan")),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_refused(
    name: str, deployer: Deployer, model: Any, features: pd.DataFrame, server: LocalServer
) -> None:
    """The error is of this library, has a next step or faults, and nothing was changed on the service."""
    deployer.deploy(model)
    before = [request for request in server.requests if request.method not in {"GET", "HEAD"}]

    with pytest.raises(WMLDeployerError) as caught:
        CALLS[name](deployer, model, features.head(3))

    assert caught.value.next_step or caught.value.faults
    assert before == [request for request in server.requests if request.method not in {"GET", "HEAD"}]
