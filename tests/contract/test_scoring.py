"""Scoring at any size: batches, failures in the middle, iterators, workers."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
from wml_deployer.errors import BadRequestError, ConfigurationError, CredentialsError, PayloadError

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.testing import LocalServer


@pytest.fixture(scope="module")
def tree(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a tree: it answers a row the same whatever rows come with it, which a sum of products does not."""
    return DecisionTreeClassifier(min_samples_leaf=9).fit(features, labels)


@pytest.fixture(scope="module")
def project(server: LocalServer, tmp_path_factory: pytest.TempPathFactory, tree: Any, features: pd.DataFrame) -> Any:
    """Deploy one model for all tests of this file."""
    path = tmp_path_factory.mktemp("scoring") / "metadata.yaml"
    path.write_text("project_name: scoring\nproject_version: v0.1\n", encoding="utf-8")
    info = server.info
    credentials = SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )
    with Deployer(credentials, path) as deployer:
        deployer.deploy(tree, sample=features.head(5))
        yield deployer


def test_batches_come_back_in_order(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Many small requests give what one gives, row by row."""
    whole = project.score(features)
    server.clear_requests()
    batched = project.score(features, batch_rows=50, in_flight=3)

    assert_frame_equal(whole, batched, check_exact=True)
    assert 12 == len(server.requests)


def test_a_body_is_no_larger_than_asked(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Batches are bounded by bytes as well as by rows."""
    server.clear_requests()
    scores = project.score(features, batch_bytes=20_000)

    assert (569, True) == (len(scores), len(server.requests) > 5)


def test_what_is_too_large_is_halved(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """A 413 costs a second try, not the call."""
    server.fault("POST", "/predictions", status=413, times=1)

    assert_frame_equal(project.score(features), project.score(features), check_exact=True)


def test_a_failing_batch_is_named(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The message says which rows failed."""
    server.fault("POST", "/predictions", status=400, skip=2, times=1)

    with pytest.raises(BadRequestError, match="rows 200 to 299 of 569"):
        project.score(features, batch_rows=100, in_flight=1)


def test_a_failing_batch_can_leave_nulls(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The other rows keep their scores, on their own labels."""
    rows = features.set_axis([f"patient {number}" for number in range(569)], axis=0)
    whole = project.score(rows)
    server.fault("POST", "/predictions", status=400, skip=2, times=1)
    partial = project.score(rows, batch_rows=100, in_flight=1, on_error="null")

    assert partial["prediction"].isna().to_numpy().nonzero()[0].tolist() == list(range(200, 300))
    assert_frame_equal(whole.drop(rows.index[200:300]), partial.dropna(), check_exact=True, check_dtype=False)


def test_a_fault_in_the_last_row_sends_nothing(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """All rows are checked before the first batch leaves."""
    rows = features.astype(object)
    rows.iloc[568, 3] = np.inf
    server.clear_requests()

    with pytest.raises(PayloadError, match="568"):
        project.score(rows, batch_rows=10)
    assert [] == server.requests


def test_chunks_in_give_chunks_out(project: Deployer, features: pd.DataFrame) -> None:
    """An iterator is scored as it is consumed."""
    chunks = (features.iloc[start : start + 100] for start in range(0, 569, 100))
    scores = project.score(chunks)

    assert 100 == len(next(scores))
    assert_frame_equal(project.score(features).iloc[100:], pd.concat(scores), check_exact=True)


def test_scoring_can_be_awaited(project: Deployer, features: pd.DataFrame) -> None:
    """The asynchronous twin answers the same, several at once."""

    async def twice() -> tuple[pd.DataFrame, pd.DataFrame]:
        return await asyncio.gather(project.ascore(features), project.ascore(features, batch_rows=100))

    first, second = asyncio.run(twice())

    assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize("wrong", [{"batch_rows": 0}, {"in_flight": 0}, {"batch_bytes": -1}, {"on_error": "ignore"}])
def test_impossible_batches_are_refused(project: Deployer, features: pd.DataFrame, wrong: dict[str, Any]) -> None:
    """The message says what is possible."""
    with pytest.raises(ConfigurationError, match="at least 1"):
        project.score(features, **wrong)


def test_a_scorer_pickles_without_secrets(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """What travels to workers opens nothing by itself."""
    pickled = pickle.dumps(project.scorer(features.head(2)))

    assert server.info.apikey.encode() not in pickled


def test_a_scorer_knows_what_comes_back(project: Deployer, features: pd.DataFrame) -> None:
    """Engines are told names and types before the first row is scored."""
    scorer = project.scorer(features.head(2).assign(id=pd.Series(["a", "b"])), keep=["id"])

    assert "`id` string, `prediction` bigint, `probability_0` double, `probability_1` double" == scorer.spark_schema


def test_a_scorer_works_in_other_processes(
    project: Deployer, server: LocalServer, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spawned workers find the credentials in their environment and score each partition."""
    info = server.info
    for name, value in {
        "WML_URL": info.url,
        "WML_USERNAME": info.username,
        "WML_APIKEY": info.apikey,
        "WML_CA_BUNDLE": str(info.ca_bundle),
        "WML_SPACE_ID": info.space_id,
    }.items():
        monkeypatch.setenv(name, value)
    partitions = [features.iloc[:300], features.iloc[300:], features.iloc[:0]]

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        scored = pool.map(project.scorer(features.head(2)), partitions)

    assert_frame_equal(project.score(features), pd.concat(scored), check_exact=True)


def test_a_worker_without_credentials_says_what_to_give(project: Deployer, features: pd.DataFrame) -> None:
    """Secrets do not travel: the message says where a worker looks for them."""
    with pytest.raises(CredentialsError, match="WML_URL"):
        project.scorer(features.head(2))(features)


def test_a_scorer_keeps_the_columns_to_join_by(
    credentials: SoftwareCredentials | CloudCredentials, tmp_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """Kept columns are not sent and stand before the scores; a credentials file is found again by its path."""
    (tmp_path / "credentials.yaml").touch(mode=0o600)
    key = credentials.apikey.get_secret_value() if credentials.apikey else ""
    (tmp_path / "credentials.yaml").write_text(
        (f"username: {credentials.username}\n" if credentials.kind == "software" else "")
        + f"url: {credentials.url}\napikey: {key}\n"
        f"ca_bundle: {credentials.ca_bundle}\nspace_id: {credentials.space_id}\n"
    )
    (tmp_path / "metadata.yaml").write_text("project_name: keeping\nproject_version: v0.1\n")
    rows = features.head(4).assign(patient=pd.Series(["a", "b", "c", "d"]))
    with Deployer.from_files(tmp_path / "credentials.yaml", tmp_path / "metadata.yaml") as deployer:
        deployer.deploy(model)
        scored = next(deployer.scorer(rows.head(1), keep=["patient"]).map_in_pandas(iter([rows])))

    assert (["a", "b", "c", "d"], model.predict(features.head(4)).tolist()) == (
        scored["patient"].tolist(),
        scored["prediction"].tolist(),
    )
