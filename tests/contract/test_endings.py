"""Every verb ends, whatever the server does, and says how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.verbs import VERBS, verbs
from wml_deployer.errors import DeadlineError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

SECONDS = 0.5
FAULTS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "never answers": ({"stall": 20}, DeadlineError),
    "answers a byte now and then": ({"slow": 20}, DeadlineError),
    "closes without an answer": ({"drop": "before"}, TransportError),
    "closes after the work": ({"drop": "after"}, TransportError),
}


@pytest.fixture
def prepared(deployer: Deployer, model: Any, better: Any, server: LocalServer) -> Iterator[Deployer]:
    """Deploy two versions, so that each verb has something to do; afterwards the server behaves again."""
    deployer.deploy(model, version="v0.1")
    deployer.update(better, version="v0.2")
    yield deployer
    server.clear_faults()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", verbs())
def test_every_verb_ends(
    verb: str,
    fault: str,
    prepared: Deployer,
    server: LocalServer,
    model: Any,
    features: pd.DataFrame,
) -> None:
    """A server that stalls, drips or closes is met with an error in time; the clean-up after it ends as well."""
    options, kind = FAULTS[fault]
    server.fault(None, "^/(ml|v2)/", times=None, **options)

    # A server that closes is tried a few times; where that takes too long, the deadline ends it.
    with pytest.raises((kind, DeadlineError)):
        VERBS[verb](prepared, model, features.head(3), timeout=SECONDS)
