"""A plan with a rate limit, on the embedded service: many requests at once finish without an error or a storm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer import Deployer, SoftwareCredentials

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer.testing import LocalServer

TOO_MANY = 429


def test_many_requests_at_once_keep_the_pace_of_the_plan(
    reached: SoftwareCredentials, metadata_path: Path, model: Any, features: pd.DataFrame, server: LocalServer
) -> None:
    """Each row is a request of its own, sent by a thread of its own."""
    rows = features.head(60)
    with Deployer(reached, metadata_path) as deployer:
        deployer.deploy(model)
        server.limit(requests_per_second=20)
        server.clear_requests()
        try:
            scores = deployer.score(rows, batch_rows=1, in_flight=60)
            refused = [one for one in server.requests if one.status == TOO_MANY]
        finally:
            server.limit()

    assert model.predict(rows).tolist() == scores["prediction"].tolist()
    assert len(refused) <= 10
