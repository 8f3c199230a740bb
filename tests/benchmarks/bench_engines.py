"""A million rows on the workers of Dask and Spark, beside one process with as many connections."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.benchmarks.conftest import FIELDS, credentials_for, floats
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.source import Source
from wml_deployer.scoring import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from tests.benchmarks.bars import Bars
    from tests.benchmarks.canned import Canned
    from tests.benchmarks.conftest import Authority
    from wml_deployer.schema import Schema

MILLION, PARTITIONS = 1_000_000, 20
ROUNDS = 3
BAR = 0.8
DASK = "1,000,000 rows on 4 Dask workers, throughput of score"
SPARK = "1,000,000 rows on Spark local[2], throughput of score"
SAME_CORES = "here engine, workers, client and service share the same cores, so their times add up."


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, str]:
    """A million rows with a key, and the folder of Parquet files that hold them."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("rows")
    frame = floats(MILLION).assign(key=np.arange(MILLION))
    for number in range(PARTITIONS):
        first = number * MILLION // PARTITIONS
        frame.iloc[first : first + MILLION // PARTITIONS].to_parquet(folder / f"{number:02}.parquet", index=False)
    return frame, str(folder)


@pytest.fixture
def scorer(
    canned: Callable[[], Canned], authority: Authority, schema: Schema, rows: tuple[pd.DataFrame, str], tmp_path: Path
) -> Callable[[int], Scorer]:
    """Make scorers on a canned service, whose credentials the workers find in a file."""
    given = credentials_for(canned(), authority.ca_bundle)
    file = tmp_path / "credentials.yaml"
    file.touch(mode=0o600)
    file.write_text(
        f"url: {given.url}\nusername: any\napikey: any\nca_bundle: {given.ca_bundle}\nspace_id: any\n", encoding="utf-8"
    )
    meta = rows[0][["key"]].head(0).assign(prediction=np.empty(0, "int64"), probability_0=0.0, probability_1=0.0)
    return lambda in_flight: Scorer(Source(file), "any", schema, meta, ("key",), Batching(in_flight=in_flight))


def seconds(work: Callable[[], Any]) -> float:
    """The median of some rounds, after one that warms up; each scores every row once."""
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        scored = work()
        times.append(time.perf_counter() - start)
        assert np.array_equal(np.sort(scored["key"].to_numpy()), np.arange(MILLION))
    return sorted(times[1:])[ROUNDS // 2]


def asking_nothing() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """What the engine itself takes: rows in, as many scores out, and nothing in between."""

    def unscored(frame: pd.DataFrame) -> pd.DataFrame:  # not of this module, which workers cannot import
        return frame[["key"]].assign(prediction=0, probability_0=0.0, probability_1=0.0)

    return unscored


def lines(found: dict[str, float]) -> Iterator[str]:
    """Seconds of each way, and how they compare with one process that asks over as many connections."""
    for way, taken in found.items():
        yield f"{way:<36}{taken:>7.2f} s{found['one process'] / taken:>8.2f} of one process's throughput"


def test_dask(bars: Bars, rows: tuple[pd.DataFrame, str], scorer: Callable[[int], Scorer]) -> None:
    """Four workers of one thread, beside four requests in flight."""
    dask = pytest.importorskip("dask.dataframe")
    from distributed import Client, LocalCluster, wait  # noqa: PLC0415 - an extra

    frame, folder = rows
    alone = seconds(lambda: scorer(4)(frame))
    with LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        held = dask.read_parquet(folder).persist()
        wait(held)
        each = scorer(1)
        spread = seconds(lambda: held.map_partitions(each, meta=each.meta).compute())
        idle = seconds(lambda: held.map_partitions(asking_nothing(), meta=each.meta).compute())
    bars.note(
        "A million rows on Dask, client, service and workers on the same cores",
        list(lines({"four workers": spread, "four workers that ask for nothing": idle, "one process": alone})),
    )

    reached = bars.at_least(DASK, BAR, alone / spread)
    bars.because(DASK, f"Dask by itself, asking for nothing, reaches {alone / idle:.2f} ×; {SAME_CORES}")
    assert reached


def test_spark(bars: Bars, rows: tuple[pd.DataFrame, str], scorer: Callable[[int], Scorer]) -> None:
    """Two tasks at a time, beside two requests in flight."""
    sql = pytest.importorskip("pyspark.sql")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "3g",
        "spark.pyspark.python": sys.executable,
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    frame, folder = rows
    alone = seconds(lambda: scorer(2)(frame))
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    try:
        # As many partitions as files: the three that Spark makes of them would leave one of two tasks idle.
        held = session.read.parquet(folder).select("key", *FIELDS).repartition(PARTITIONS).cache()
        assert MILLION == held.count()
        each = scorer(1)
        spread = seconds(lambda: held.mapInPandas(each.map_in_pandas, each.spark_schema).toPandas())
        unscored = asking_nothing()
        idle = seconds(lambda: held.mapInPandas(lambda frames: map(unscored, frames), each.spark_schema).toPandas())
    finally:
        session.stop()
    bars.note(
        "A million rows on Spark, client, service and workers on the same cores",
        list(lines({"local[2]": spread, "mapInPandas that asks for nothing": idle, "one process": alone})),
    )

    reached = bars.at_least(SPARK, BAR, alone / spread)
    bars.because(
        SPARK, f"Spark by itself, with a mapInPandas that asks for nothing, reaches {alone / idle:.2f} ×; {SAME_CORES}"
    )
    assert reached
