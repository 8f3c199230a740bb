"""Scoring on a plan that accepts two requests a second, 200 requests at once, on the embedded service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.dummy import DummyClassifier

from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bars import Bars

REQUESTS_PER_SECOND = 2
REQUESTS = 200
TOO_MANY = 429


def test_the_allowed_rate_is_used(bars: Bars, tmp_path: Path) -> None:
    """No error, hardly a refusal, and hardly longer than the plan makes it."""
    rows = pd.DataFrame({"age": range(REQUESTS)})
    (tmp_path / "metadata.yaml").write_text("project_name: paced\nproject_version: v1\n", encoding="utf-8")
    with LocalServer() as server:
        info = server.info
        credentials = SoftwareCredentials(
            url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
        )
        with Deployer(credentials, tmp_path / "metadata.yaml") as deployer:
            deployment = deployer.deploy(DummyClassifier().fit(rows, rows["age"] % 2))
            deployment.score(rows.head(1))
            server.limit(requests_per_second=REQUESTS_PER_SECOND)
            server.clear_requests()
            begin = time.monotonic()
            scores = deployment.score(rows, batch_rows=1, in_flight=REQUESTS)
            seconds = time.monotonic() - begin
            answers = [request.status for request in server.requests]
            server.limit()
    # The service lets one second's requests go at once.
    least = (REQUESTS - REQUESTS_PER_SECOND) / REQUESTS_PER_SECOND
    used = (len(answers) - answers.count(TOO_MANY) - REQUESTS_PER_SECOND) / seconds / REQUESTS_PER_SECOND
    bars.note(
        "A plan of two requests a second",
        [f"{REQUESTS} requests at once took {seconds:.1f} s; {answers.count(TOO_MANY)} were refused on the way."],
    )

    assert REQUESTS == len(scores)
    assert bars.at_most(
        "200 requests at once, two a second allowed: time beside the least possible", 1.1, seconds / least
    )
    assert bars.at_least("Share of the allowed rate that is used", 0.95, used, "")
