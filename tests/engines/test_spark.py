"""The scorer on real PySpark: two tasks at a time, each in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pandas.testing import assert_frame_equal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from wml_deployer.scorer import Scorer
    from wml_deployer.testing import LocalServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # PySpark uses what its own dependencies call old
]

PARTITIONS = 6
BATCH = 100


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """Two tasks at a time; a failed one is tried again."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH),
    }
    builder = SparkSession.builder.master("local[2, 4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = builder.config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def frame(spark: Any, rows: pd.DataFrame) -> Any:
    """The rows in partitions."""
    return spark.createDataFrame(rows).repartition(PARTITIONS)


def scored(frame: Any, scorer: Scorer, way: Callable[..., Any] | None = None) -> pd.DataFrame:
    """Score on the cluster; the rows in the order of their keys."""
    result: pd.DataFrame = frame.mapInPandas(way or scorer.map_in_pandas, scorer.spark_schema).toPandas()
    return ordered(result)


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Spark keeps no index: rows are told by their keys."""
    return frame.sort_values("key", ignore_index=True)


def test_every_row_is_scored_once(frame: Any, scorer: Scorer, expected: pd.DataFrame) -> None:
    """Beside its key, with the number that one call answers."""
    assert_frame_equal(ordered(expected), scored(frame, scorer), check_exact=True)


def test_an_empty_partition_is_no_fault(frame: Any, scorer: Scorer) -> None:
    """A partition whose rows were filtered out asks for nothing."""
    assert 1 == len(scored(frame.where("width = 7"), scorer))


def test_a_busy_service_is_waited_for(frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame) -> None:
    """More refusals than the transport puts up with cost time, and nothing else."""
    server.fault("POST", "/predictions", status=503, times=12)

    assert_frame_equal(ordered(expected), scored(frame, scorer), check_exact=True)


def test_a_lost_answer_is_asked_for_again(
    frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame
) -> None:
    """The service had worked on it; its rows are there once."""
    server.fault("POST", "/predictions", drop="after", times=3)

    assert_frame_equal(ordered(expected), scored(frame, scorer), check_exact=True)


def test_a_killed_worker_costs_nothing(frame: Any, scorer: Scorer, expected: pd.DataFrame, tmp_path: Path) -> None:
    """Its partition is scored again, and what it had answered before it died is not there twice."""
    mark = str(tmp_path / "killed")

    def dying(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for number, scores in enumerate(scorer.map_in_pandas(frames)):
            if number == 2 and not Path(mark).exists():
                Path(mark).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield scores

    found = scored(frame, scorer, dying)

    assert Path(mark).exists()
    assert_frame_equal(ordered(expected), found, check_exact=True)


def test_a_failed_partition_is_tried_again(
    frame: Any, scorer: Scorer, server: LocalServer, expected: pd.DataFrame
) -> None:
    """A refusal fails the task, which Spark runs again."""
    server.fault("POST", "/predictions", status=400, skip=4, times=1)

    assert_frame_equal(ordered(expected), scored(frame, scorer), check_exact=True)


def test_a_refused_partition_says_why(frame: Any, scorer: Scorer, server: LocalServer) -> None:
    """The worker's error stands in that of the engine."""
    from pyspark.errors import PythonException  # noqa: PLC0415 - an extra

    server.fault("POST", "/predictions", status=400, times=None)

    with pytest.raises(PythonException, match="A test asked for this"):
        scored(frame, scorer)


def test_two_tasks_ask_by_two_connections(frame: Any, scorer: Scorer, server: LocalServer) -> None:
    """A batch of Spark is a request, one at a time from each task."""
    scored(frame, scorer)
    asked = [request.connection for request in server.requests if request.path.endswith("/predictions")]

    assert (True, True) == (len(asked) >= 2_000 // BATCH, len(set(asked)) <= 2)
