"""The scorer on a real cluster of Dask: four workers, each a process."""

from __future__ import annotations

import os
import pickle
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pandas.testing import assert_frame_equal

from wml_deployer.errors import BadRequestError
from wml_deployer.monitoring import PayloadLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from wml_deployer.scorer import Scorer
    from wml_deployer.testing import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PARTITIONS = 10


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Four workers of two threads."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - an extra

    with (
        LocalCluster(n_workers=4, threads_per_worker=2, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def frame(cluster: Any, rows: pd.DataFrame) -> Any:
    """The rows in partitions."""
    from dask.dataframe import from_pandas  # noqa: PLC0415 - an extra

    return from_pandas(rows, npartitions=PARTITIONS)


def predictions(server: LocalServer) -> list[int]:
    """By which connection each request for predictions came."""
    return [request.connection for request in server.requests if request.path.endswith("/predictions")]


def test_every_row_is_scored_once(frame: Any, scorer: Scorer, expected: pd.DataFrame) -> None:
    """In order, on its own label and beside its key, with the number that one call answers."""
    scored = frame.map_partitions(scorer, meta=scorer.meta).compute()

    assert_frame_equal(expected, scored, check_exact=True)


def test_partitions_are_what_the_meta_says(frame: Any, scorer: Scorer) -> None:
    """Dask plans with names and types that then come; a partition may be empty."""
    emptied = frame[frame["width"] < 1_000].map_partitions(scorer, meta=scorer.meta)

    assert (scorer.meta.dtypes.tolist(), 1_000) == (emptied.dtypes.tolist(), len(emptied.compute()))


def test_a_worker_asks_by_one_connection(frame: Any, scorer: Scorer, server: LocalServer) -> None:
    """Two threads a worker, one request in flight: four workers are never more than four for the service."""
    frame.map_partitions(scorer, meta=scorer.meta).compute()
    asked = predictions(server)

    assert (PARTITIONS, True) == (len(asked), len(set(asked)) <= 4)


def test_hooks_travel_to_the_workers(frame: Any, scorer: Scorer, rows: pd.DataFrame, tmp_path: Path) -> None:
    """A payload log has each row once, whichever worker scored it."""
    log = PayloadLog(tmp_path / "log")
    frame.map_partitions(replace(scorer, hooks=(log,)), meta=scorer.meta).compute()

    assert sorted(map(str, rows.index)) == sorted(map(str, log.read()["wml_index"]))


def test_a_busy_service_is_waited_for(frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame) -> None:
    """More refusals than the transport puts up with cost time, and nothing else."""
    server.fault("POST", "/predictions", status=503, times=40)

    assert_frame_equal(expected, frame.map_partitions(scorer, meta=scorer.meta).compute(), check_exact=True)


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_a_lost_answer_is_asked_for_again(
    frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame, moment: Any
) -> None:
    """Whether the service had worked on it or not, its rows are there once."""
    server.fault("POST", "/predictions", drop=moment, times=3)

    assert_frame_equal(expected, frame.map_partitions(scorer, meta=scorer.meta).compute(), check_exact=True)


def test_a_killed_worker_costs_nothing(frame: Any, scorer: Scorer, expected: pd.DataFrame, tmp_path: Path) -> None:
    """Another worker scores its partitions."""
    scored = frame.map_partitions(dying, scorer, str(tmp_path / "killed"), meta=scorer.meta).compute()

    assert (tmp_path / "killed").exists()
    assert_frame_equal(expected, scored, check_exact=True)


def dying(partition: pd.DataFrame, scorer: Scorer, mark: str) -> pd.DataFrame:
    """Score, and the first time die before anybody hears of it."""
    scored = scorer(partition)
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return scored
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_failed_partition_is_tried_again_alone(
    frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame
) -> None:
    """Dask's own ``retries`` scores the one partition that failed; the others are not asked for twice."""
    server.fault("POST", "/predictions", status=400, skip=4, times=1)
    scored = frame.map_partitions(scorer, meta=scorer.meta).compute(retries=1)

    assert PARTITIONS + 1 == len(predictions(server))
    assert_frame_equal(expected, scored, check_exact=True)


def test_a_refused_partition_says_why(frame: Any, scorer: Scorer, server: LocalServer) -> None:
    """The error of the worker is that of the caller."""
    server.fault("POST", "/predictions", status=400, times=None)

    with pytest.raises(BadRequestError, match="A test asked for this"):
        frame.map_partitions(scorer, meta=scorer.meta).compute()


def test_no_secret_travels(frame: Any, scorer: Scorer, server: LocalServer) -> None:
    """The graph that goes to the workers does not hold the key."""
    graph = pickle.dumps(dict(frame.map_partitions(scorer, meta=scorer.meta).__dask_graph__()))

    assert (True, False) == (scorer.deployment_id.encode() in graph, server.info.apikey.encode() in graph)
