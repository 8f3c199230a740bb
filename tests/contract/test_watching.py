"""Hooks on scoring requests, from the user's call to the service and back."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from tests.credentials_file import write_credentials
from wml_deployer import Deployer
from wml_deployer.errors import ConfigurationError, VersionError
from wml_deployer.monitoring import PayloadLog, ScoringEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer.testing import LocalServer


@pytest.fixture(scope="module")
def tree(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a tree: it answers a row the same whatever rows come with it."""
    return DecisionTreeClassifier(min_samples_leaf=9).fit(features, labels)


@pytest.fixture(scope="module")
def project(server: LocalServer, tmp_path_factory: pytest.TempPathFactory, tree: Any, features: pd.DataFrame) -> Any:
    """Deploy one model for all tests of this file."""
    path = tmp_path_factory.mktemp("watching") / "metadata.yaml"
    path.write_text(f"project_name: {path.parent.name}\nproject_version: v0.1\n", encoding="utf-8")
    write_credentials(path.with_name("credentials.yaml"), server.info)
    with Deployer.from_files(path.with_name("credentials.yaml"), path) as deployer:
        deployer.deploy(tree, sample=features.head(5))
        yield deployer


@pytest.fixture
def events(project: Deployer) -> Iterator[list[ScoringEvent]]:
    """What a hook is told of."""
    told: list[ScoringEvent] = []
    hook = project.watch(told.append)
    yield told
    project.unwatch(hook)


def facts(events: list[ScoringEvent]) -> list[tuple[str | None, int, str]]:
    """Version, rows and outcome of each."""
    return [(event.version, event.rows, event.outcome) for event in events]


def test_each_way_to_score_is_told(project: Deployer, events: list[ScoringEvent], features: pd.DataFrame) -> None:
    """A frame, an event loop, an iterator, a handle, and a scorer; what the library asks for itself is not told."""
    project.score(features.head(2))
    asyncio.run(project.ascore(features.head(3)))
    list(project.score(iter([features.head(4), features.head(5)])))
    project.status().score(features.head(6))
    scorer = project.scorer(features.head(1))
    scorer(features.head(7))

    assert [("v0.1", rows, "scored") for rows in (2, 3, 4, 5, 6, 7)] == facts(events)


def test_rows_in_parts_are_told_in_order(project: Deployer, events: list[ScoringEvent], features: pd.DataFrame) -> None:
    """Several are in flight; together they are the rows of the call."""
    scores = project.score(features, batch_rows=100, in_flight=4)
    told = pd.concat([scored for event in events if (scored := event.scores()) is not None])

    pd.testing.assert_frame_equal(pd.DataFrame(scores), told, check_exact=True)
    sent = pd.concat([payload for event in events if (payload := event.payload()) is not None])
    pd.testing.assert_frame_equal(features, sent, check_exact=True)


def test_retries_and_failures_are_told(
    project: Deployer, events: list[ScoringEvent], server: LocalServer, features: pd.DataFrame
) -> None:
    """With the status of each attempt."""
    server.fault("POST", "/predictions", status=503, times=1)
    project.score(features.head(2))
    server.fault("POST", "/predictions", status=400, times=1)
    project.score(features, batch_rows=300, in_flight=1, on_error="null")

    assert [("scored", 1), ("failed", 0), ("scored", 0)] == [(event.outcome, event.retries) for event in events]
    assert [503, 200] == [attempt.status for attempt in events[0].attempts]
    assert "BadRequestError" == type(events[1].error).__name__


def test_events_hold_no_secrets(
    project: Deployer, events: list[ScoringEvent], server: LocalServer, features: pd.DataFrame
) -> None:
    """Neither the key nor a token, in whatever is reached from them."""
    project.score(features.head(2))

    shown = repr(events) + repr([vars(event) for event in events])
    assert not [word for word in (server.info.apikey, "Bearer", "eyJ") if str(word) in shown]


def test_next_version_is_told_by_its_name(deployer: Deployer, model: Any, better: Any, features: pd.DataFrame) -> None:
    """A hook stays through updates, and handles from before them tell it, too."""
    told: list[ScoringEvent] = []
    deployer.watch(told.append)
    handle = deployer.deploy(model, sample=features.head(5))
    handle.score(features.head(1))
    deployer.update(better, sample=features.head(5))
    handle.score(features.head(2))

    assert [("v0.1", 1, "scored"), ("v0.2", 2, "scored")] == facts(told)


def test_payload_log_is_written_on_workers(project: Deployer, features: pd.DataFrame, tmp_path: Path) -> None:
    """Each process adds its part."""
    log = project.watch(PayloadLog(tmp_path / "log"))
    try:
        scorer = project.scorer(features.head(2))
    finally:
        project.unwatch(log)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        parts = pool.map(scorer, [features[:300], features[300:]], chunksize=1)

    read = log.read().sort_values("wml_index", ignore_index=True)
    assert pd.concat(parts)["prediction"].tolist() == read["prediction"].tolist()
    pd.testing.assert_frame_equal(features, read[list(features)], check_exact=True)


def test_candidate_is_compared_on_the_log(
    deployer: Deployer, model: Any, better: Any, features: pd.DataFrame, tmp_path: Path
) -> None:
    """On the very rows that were scored, and without logging them again."""
    deployer.deploy(model, sample=features.head(5))
    log = deployer.watch(PayloadLog(tmp_path / "log"))
    deployer.score(features)
    deployer.candidate(better, sample=features.head(5))

    on_log, on_rows = deployer.compare(log), deployer.compare(features)

    assert (569, on_rows.agreement) == (on_log.rows, on_log.agreement)
    assert 569 == len(log.read())


def test_log_without_rows_of_the_live_version_is_refused(
    project: Deployer, better: Any, features: pd.DataFrame, tmp_path: Path
) -> None:
    """Nothing is compared on nothing."""
    log = PayloadLog(tmp_path)
    with pytest.raises(VersionError):
        project.compare(log)
    project.candidate(better, sample=features.head(5))

    with pytest.raises(ConfigurationError, match="no rows with the columns of the live version"):
        project.compare(log)
    project.discard()


def test_equal_hook_watches_once(project: Deployer, tmp_path: Path) -> None:
    """A notebook may run its cell again."""
    first, second = (project.watch(PayloadLog(tmp_path)) for _ in range(2))
    project.unwatch(second)

    assert first is second
    assert [] == project._hooks


def test_hook_that_cannot_be_called_is_refused(project: Deployer) -> None:
    """At once, and not at each request."""
    with pytest.raises(ConfigurationError, match="hook: it is 'a log'"):
        project.watch("a log")  # type: ignore[type-var]
