"""Scoring at any size: batches, failures in the middle, iterators, workers."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from tests.credentials_file import credential_variables
from wml_deployer import CloudCredentials, Deployer, SoftwareCredentials
from wml_deployer.errors import (
    AuthorizationError,
    BadRequestError,
    ConfigurationError,
    CredentialsError,
    DeadlineError,
    InvalidResponseError,
    PayloadError,
    SchemaError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer.testing import LocalServer


@pytest.fixture(scope="module")
def tree(features: pd.DataFrame, labels: pd.Series[Any]) -> Any:
    """Fit a tree: it answers a row the same whatever rows come with it, which a sum of products does not."""
    return DecisionTreeClassifier(min_samples_leaf=9).fit(features, labels)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata.yaml of the project below."""
    path = tmp_path_factory.mktemp("scoring") / "metadata.yaml"
    path.write_text(f"project_name: {path.parent.name}\nproject_version: v0.1\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def project(server: LocalServer, path: Path, tree: Any, features: pd.DataFrame) -> Any:
    """Deploy one model for all tests of this file."""
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

    with pytest.raises(BadRequestError, match="rows 200 to 299: "):
        project.score(features, batch_rows=100, in_flight=1)


def test_a_failing_batch_can_leave_nulls(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The other rows keep their scores, on their own labels."""
    rows = features.set_axis([f"patient {number}" for number in range(569)], axis=0)
    whole = project.score(rows)
    server.fault("POST", "/predictions", status=400, skip=2, times=1)
    partial = project.score(rows, batch_rows=100, in_flight=1, on_error="null")

    assert partial["prediction"].isna().to_numpy().nonzero()[0].tolist() == list(range(200, 300))
    assert "Int64" == str(partial["prediction"].dtype)
    scored = partial.dropna().astype({"prediction": "int64"})
    assert_frame_equal(whole.drop(rows.index[200:300]), scored, check_exact=True)


def test_a_fault_in_the_last_row_sends_nothing(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """All rows are checked before the first batch leaves, whatever is looked up meanwhile."""
    rows = features.astype(object)
    rows.iloc[568, 3] = np.inf
    server.clear_requests()

    with pytest.raises(PayloadError, match="568"):
        project.score(rows, batch_rows=10)
    assert [] == [request for request in server.requests if request.path.endswith("/predictions")]


def test_chunks_in_give_chunks_out(project: Deployer, features: pd.DataFrame) -> None:
    """An iterator is scored as it is consumed."""
    chunks = (features.iloc[start : start + 100] for start in range(0, 569, 100))
    scores = project.score(chunks)

    assert 100 == len(next(scores))
    assert_frame_equal(project.score(features).iloc[100:], pd.concat(scores), check_exact=True)


def test_chunks_are_in_flight_together(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Small chunks do not wait for each other's answers: the first score comes when the second chunk is asked for."""
    taken = 0

    def chunks() -> Iterator[pd.DataFrame]:
        nonlocal taken
        for start in range(0, 500, 50):
            taken += 1
            yield features.iloc[start : start + 50]

    scores = project.score(chunks(), in_flight=2)
    next(scores)
    taken_at_first = taken
    list(scores)

    assert 3 == taken_at_first


def test_a_fault_in_a_chunk_comes_after_the_scores_before(project: Deployer, features: pd.DataFrame) -> None:
    """What was scored of earlier chunks is not lost."""
    wrong = features.head(3).assign(**{"mean radius": np.inf})
    scores = project.score(iter([features.head(2), wrong]))

    assert 2 == len(next(scores))
    with pytest.raises(PayloadError, match="mean radius"):
        next(scores)


def test_a_failing_row_range_counts_from_the_first_chunk(
    project: Deployer, server: LocalServer, features: pd.DataFrame
) -> None:
    """A file's reader finds the rows in the file."""
    server.fault("POST", "/predictions", status=400, skip=1, times=1)
    scores = project.score(iter([features.head(100), features.iloc[100:150]]), in_flight=1)
    next(scores)

    with pytest.raises(BadRequestError, match="rows 100 to 149: "):
        next(scores)


def test_a_failing_chunk_can_be_all_nulls(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Its columns are those of the chunks before."""
    server.fault("POST", "/predictions", status=400, skip=1, times=1)
    chunks = iter([features.head(100), features.iloc[100:150]])
    first, second = project.score(chunks, in_flight=1, on_error="null")

    assert (first.columns.tolist(), features.index[100:150].tolist(), True) == (
        second.columns.tolist(),
        second.index.tolist(),
        bool(second.isna().to_numpy().all()),
    )


def test_the_time_for_an_iterator_is_bounded_too(
    project: Deployer, server: LocalServer, features: pd.DataFrame
) -> None:
    """The deadline is that of all chunks together."""
    server.fault("POST", "/predictions", stall=5, times=None)
    try:
        with pytest.raises(DeadlineError):
            next(project.score(iter([features]), timeout=0.5))
    finally:
        server.clear_faults()


def test_the_first_failure_ends_the_call(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Of 57 batches only those are sent that were on their way."""
    server.clear_requests()
    server.fault("POST", "/predictions", status=400, times=None)
    try:
        with pytest.raises(BadRequestError, match="rows 0 to 9: "):
            project.score(features, batch_rows=10, in_flight=2)
    finally:
        server.clear_faults()

    assert len(server.requests) < 10


def test_a_refusal_of_the_caller_ends_the_call(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """Where no rows would fare better, none become nulls."""
    server.fault("POST", "/predictions", status=403, skip=1, times=1)

    with pytest.raises(AuthorizationError):
        project.score(features, batch_rows=100, in_flight=1, on_error="null")


def test_a_misshapen_answer_names_its_rows(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """One row too few is an error of its batch, never a shift of all that follow."""
    block = {"fields": ["prediction", "probability"], "values": [[1, [0.0, 1.0]]] * 99}
    server.predict(project.status().id, [block])

    with pytest.raises(InvalidResponseError, match="rows 0 to 99: The answer holds 99 rows, but 100 were sent"):
        project.score(features, batch_rows=100, in_flight=1)


def test_no_rows_have_no_scores(project: Deployer, features: pd.DataFrame) -> None:
    """Columns and nothing in them."""
    scores = project.score(features.head(0))

    assert (0, project.score(features.head(1)).columns.tolist()) == (len(scores), scores.columns.tolist())


def test_an_empty_chunk_is_one_of_the_chunks(project: Deployer, features: pd.DataFrame) -> None:
    """Chunks that were filtered stay beside those that they came from."""
    sizes = [len(scores) for scores in project.score(iter([features.head(2), features.head(0), features.head(1)]))]

    assert [2, 0, 1] == sizes


def test_an_awaited_call_can_be_cancelled(project: Deployer, server: LocalServer, features: pd.DataFrame) -> None:
    """The request is given up at once: neither the loop nor the process waits for its answer."""
    server.fault("POST", "/predictions", stall=20, times=None)

    async def impatient() -> None:
        await asyncio.wait_for(project.ascore(features.head(2)), 0.3)

    begin = time.monotonic()
    try:
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(impatient())
    finally:
        server.clear_faults()

    assert time.monotonic() - begin < 10


def test_an_iterator_cannot_be_awaited(project: Deployer) -> None:
    """The message says what to await instead."""
    with pytest.raises(ConfigurationError, match="each chunk"):
        asyncio.run(project.ascore(iter([])))


@pytest.mark.parametrize("rows", [2, 500], ids=["one request", "several"])
def test_an_interrupted_call_ends_at_once(
    project: Deployer, server: LocalServer, features: pd.DataFrame, path: Path, tmp_path: Path, rows: int
) -> None:
    """Ctrl-C in a script that waits for the service: no thread keeps the process alive."""
    info = server.info
    features.to_pickle(tmp_path / "rows.pkl")
    program = (
        # Workers of pytest-xdist ignore the signal, and so would what they start.
        "import pandas, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from wml_deployer import Deployer, SoftwareCredentials;"
        f"key = SoftwareCredentials(url={info.url!r}, username={info.username!r}, apikey={info.apikey!r},"
        f" ca_bundle={str(info.ca_bundle)!r}, space_id={info.space_id!r});"
        f"deployer = Deployer(key, {str(path)!r}); rows = pandas.read_pickle('rows.pkl').head({rows});"
        "deployer.score(rows.head(1)); print('asks', flush=True); deployer.score(rows, batch_rows=100)"
    )
    server.fault("POST", "/predictions", stall=30, skip=1, times=None)
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "asks" == process.stdout.readline().strip()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=15)
    finally:
        process.kill()
        server.clear_faults()

    assert "KeyboardInterrupt" in said


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
    for name, value in credential_variables(server.info).items():
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
    credentials: SoftwareCredentials | CloudCredentials, metadata_path: Path, model: Any, features: pd.DataFrame
) -> None:
    """Kept columns are not sent and stand before the scores; a credentials file is found again by its path."""
    path = metadata_path.with_name("credentials.yaml")
    path.touch(mode=0o600)
    key = credentials.apikey.get_secret_value() if credentials.apikey else ""
    path.write_text(
        (f"username: {credentials.username}\n" if credentials.kind == "software" else "")
        + f"url: {credentials.url}\napikey: {key}\n"
        f"ca_bundle: {credentials.ca_bundle}\nspace_id: {credentials.space_id}\n"
    )
    rows = features.head(4).assign(patient=pd.Series(["a", "b", "c", "d"]))
    with Deployer.from_files(path, metadata_path) as deployer:
        deployer.deploy(model)
        scored = next(deployer.scorer(rows.head(1), keep=["patient"]).map_in_pandas(iter([rows])))

    assert (["a", "b", "c", "d"], model.predict(features.head(4)).tolist()) == (
        scored["patient"].tolist(),
        scored["prediction"].tolist(),
    )


@pytest.mark.parametrize(
    ("keep", "told"), [(["patient", "visit"], "'visit' are not among"), ("prediction", "'prediction' are called as")]
)
def test_columns_that_cannot_be_kept_are_named(
    project: Deployer, features: pd.DataFrame, keep: str | list[str], told: str
) -> None:
    """One is not there, or has the name of a score."""
    like = features.head(2).assign(**{"patient" if isinstance(keep, list) else keep: 0})
    with pytest.raises(SchemaError, match=told):
        project.scorer(like, keep=keep)


def test_a_partition_without_a_column_to_keep_says_so(
    project: Deployer, server: LocalServer, features: pd.DataFrame
) -> None:
    """It is told before anything is sent."""
    scorer = project.scorer(features.head(2).assign(patient=0), keep="patient")
    server.clear_requests()
    with pytest.raises(SchemaError, match="'patient' are not among"):
        scorer(features)

    assert [] == server.requests
