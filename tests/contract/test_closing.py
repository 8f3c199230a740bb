"""After ``close()`` nothing of the library runs any more."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from wml_deployer._scoring import lookups

if TYPE_CHECKING:
    import pandas as pd
    import pytest

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer


def our_threads() -> set[threading.Thread]:
    """Find the threads that the library started."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("wml_deployer-")}


def test_a_look_beside_a_request_is_over_after_close(
    deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores do not wait for it; whoever closes does, and may remove what the service wrote to."""
    monkeypatch.setattr(lookups, "LOOK_AGAIN_SECONDS", 0.0)
    deployer.deploy(model)
    deployer.score(features.head(2))
    before = our_threads()
    server.fault("GET", "^/ml/v4/deployments/[^/]*$", stall=0.5)
    deployer.score(features.head(2))
    beside = our_threads() - before
    deployer.close()

    assert (1, set()) == (len(beside), our_threads() - before)


def test_the_requests_of_an_iterator_that_was_given_up_are_over_after_close(
    deployer: Deployer, server: LocalServer, model: Any, features: pd.DataFrame
) -> None:
    """It reads ahead: requests whose answers nobody takes are under way."""
    deployer.deploy(model)
    server.fault("POST", "/predictions$", stall=0.3, times=None)
    scores = deployer.score(features.head(2) for _ in range(8))
    next(scores)
    del scores
    deployer.close()
    server.clear_faults()
    server.clear_requests()
    time.sleep(0.5)

    assert [] == [request.path for request in server.requests]
