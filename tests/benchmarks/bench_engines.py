"""A million rows on the workers of Dask and Spark, beside one process with as many connections.

Once on the embedded service, with a model to compute; and once on a canned one, which answers at once: there nothing
but the work of engine, workers and client is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import uuid4

import numpy as np
import pytest

from tests.benchmarks.conftest import FIELDS, credentials_for, floats
from wml_deployer._scoring.options import Batching
from wml_deployer.credentials._sources import CredentialsLocation
from wml_deployer.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from tests.benchmarks.bars import Bars
    from tests.benchmarks.canned import Canned
    from tests.benchmarks.conftest import Authority, Deployed
    from wml_deployer import SoftwareCredentials
    from wml_deployer.schema import Schema

MILLION = 1_000_000
PART_ROWS = 50_000
SPARK_PARTITIONS = 2  # as many as tasks at a time: with each that starts, Python reads Spark's archive anew, 0.2 s
ROUNDS, CALLS = 2, 2
JVM_CALLS = 3
"""Calls of each of Spark's ways before any is measured: so long the JVM compiles what they run, on the same cores."""
BAR = 0.8
SERVICES = {"embedded service": "of_embedded", "canned service": "of_canned"}
"""The services, and the fixtures that tell of them."""
OF_MEMORY = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
ALONE, FOUR, LOCAL = "one process", "four workers", "local[2]"
IDLE_DASK, KEEPING = "four workers that ask for nothing", "four workers that keep their memory"
IDLE_SPARK = "mapInPandas that asks for nothing"
SAME_CORES = "engine, workers, client and service share the same cores, so their times add up."


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A million rows with a key."""
    frame: pd.DataFrame = floats(MILLION).assign(key=np.arange(MILLION))
    return frame


@pytest.fixture(params=list(SERVICES))
def service(request: pytest.FixtureRequest) -> str:
    """Which service answers."""
    name: str = request.param
    return name


@pytest.fixture
def scorer(
    service: str, request: pytest.FixtureRequest, schema: Schema, rows: pd.DataFrame, tmp_path: Path
) -> Callable[[int], Scorer]:
    """Make scorers on a service, whose credentials the workers find in a file."""
    deployment, given = request.getfixturevalue(SERVICES[service])
    file = tmp_path / "credentials.yaml"
    file.touch(mode=0o600)
    file.write_text(
        f"url: {given.url}\nusername: {given.username}\napikey: {given.apikey.get_secret_value()}\n"
        f"ca_bundle: {given.ca_bundle}\nspace_id: {given.space_id}\n",
        encoding="utf-8",
    )
    meta = rows[["key"]].head(0).assign(prediction=np.empty(0, "int64"), probability_0=0.0, probability_1=0.0)
    return lambda in_flight: Scorer(
        CredentialsLocation(file), deployment, schema, meta, ("key",), Batching(in_flight=in_flight)
    )


@pytest.fixture
def of_embedded(deployed: Deployed) -> tuple[str, SoftwareCredentials]:
    """The deployment of a model, and what is needed to log in."""
    return deployed.deployment_id, deployed.credentials


@pytest.fixture
def of_canned(canned: Callable[[], Canned], authority: Authority) -> tuple[str, SoftwareCredentials]:
    """Any deployment, and any login but the certificate."""
    return "any", credentials_for(canned(), authority.ca_bundle)


def taken(work: Callable[[], Any]) -> list[float]:
    """Seconds of some calls after one that warms up; each scores every row once."""
    work()
    return [seconds_of(work) for _ in range(CALLS)]


def seconds_of(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    scored = work()
    seconds = time.perf_counter() - start
    assert np.array_equal(np.sort(scored["key"].to_numpy()), np.arange(MILLION))
    return seconds


def medians_of(rounds: list[dict[str, list[float]]]) -> dict[str, float]:
    """The median of each way, over rounds in which all of them had their turn."""
    return {way: statistics.median(chain.from_iterable(found[way] for found in rounds)) for way in rounds[0]}


def asking_nothing() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """What the engine itself takes: rows in, as many scores out, and nothing in between."""

    def unscored(frame: pd.DataFrame) -> pd.DataFrame:  # not of this module, which workers cannot import
        return frame[["key"]].assign(prediction=0, probability_0=0.0, probability_1=0.0)

    return unscored


def lines(found: dict[str, float]) -> Iterator[str]:
    """Seconds of each way, and how they compare with one process that asks over as many connections."""
    for way, each in found.items():
        yield f"{way:<36}{each:>7.2f} s{found[ALONE] / each:>8.2f} of one process's throughput"


def test_dask(bars: Bars, rows: pd.DataFrame, scorer: Callable[[int], Scorer], service: str) -> None:
    """Four workers of one thread, beside four requests in flight."""
    pytest.importorskip("dask.dataframe")
    parts = [rows.iloc[start : start + PART_ROWS] for start in range(0, MILLION, PART_ROWS)]

    def one_round() -> dict[str, list[float]]:
        # No cluster is there meanwhile: its threads in this process would slow it down.
        found = {ALONE: taken(lambda: scorer(4)(rows))}
        with on_dask(parts, scorer(1)) as (spread, idle):
            found |= {FOUR: taken(spread), IDLE_DASK: taken(idle)}
        with on_dask(parts, scorer(1), keeping_bytes=50_000_000) as (keeping, _):
            return found | {KEEPING: taken(keeping)}

    found = medians_of([one_round() for _ in range(ROUNDS)])
    bars.note(f"A million rows on Dask, {service}", list(lines(found)))

    job = "1,000,000 rows on 4 Dask workers{}, {}, throughput of score"
    as_dask_starts_them, as_the_guide_does = job.format("", service), job.format(" that keep memory", service)
    reached = [
        bars.at_least(as_dask_starts_them, BAR, found[ALONE] / found[FOUR]),
        bars.at_least(as_the_guide_does, BAR, found[ALONE] / found[KEEPING]),
    ]
    bars.because(
        as_dask_starts_them,
        "Dask has its workers give back at once the memory that they free, and each request takes it anew; the guide "
        "to many rows has them keep it.",
    )
    bars.because(as_the_guide_does, SAME_CORES)
    assert all(reached)


@contextmanager
def on_dask(
    parts: list[pd.DataFrame], scorer: Scorer, keeping_bytes: int | None = None
) -> Iterator[tuple[Callable[[], Any], Callable[[], Any]]]:
    """Score on a cluster of four workers, or let it only carry rows and scores."""
    from dask import config, dataframe  # noqa: PLC0415 - an extra
    from distributed import Client, LocalCluster  # noqa: PLC0415

    keeping = {} if keeping_bytes is None else dict.fromkeys(OF_MEMORY, str(keeping_bytes))
    with (
        patch.dict(os.environ, keeping),  # Dask leaves there what it sets for its workers: here it ends with them
        config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        with client.as_current():
            # As many parts for each worker, and none of them moves: who had one more would be waited for.
            held = dataframe.from_delayed(client.scatter(parts), meta=parts[0].iloc[:0], verify_meta=False)

        def mapped(way: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
            with client.as_current():
                # A name of its own, for what Dask still holds under the same one it does not do again.
                return held.map_partitions(way, meta=scorer.meta, token=uuid4().hex).compute()

        yield partial(mapped, scorer), partial(mapped, asking_nothing())


def test_spark(
    bars: Bars,
    rows: pd.DataFrame,
    scorer: Callable[[int], Scorer],
    service: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two tasks at a time, beside two requests in flight."""
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    sql = pytest.importorskip("pyspark.sql")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "3g",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    try:
        held = (
            session.read.parquet(str(tmp_path / "rows.parquet"))
            .select("key", *FIELDS)
            .repartition(SPARK_PARTITIONS)
            .cache()
        )
        assert MILLION == held.count()
        each, unscored = scorer(1), asking_nothing()
        ways: dict[str, Callable[[], Any]] = {
            ALONE: lambda: scorer(2)(rows),
            LOCAL: lambda: held.mapInPandas(each.map_in_pandas, each.spark_schema).toPandas(),
            IDLE_SPARK: lambda: held.mapInPandas(lambda frames: map(unscored, frames), each.spark_schema).toPandas(),
        }
        for way in (LOCAL, IDLE_SPARK) * JVM_CALLS:
            ways[way]()
        found = medians_of([{name: taken(way) for name, way in ways.items()} for _ in range(ROUNDS)])
    finally:
        session.stop()
    bars.note(f"A million rows on Spark, {service}", list(lines(found)))

    job = f"1,000,000 rows on Spark local[2], {service}, throughput of score"
    reached = bars.at_least(job, BAR, found[ALONE] / found[LOCAL])
    bars.because(
        job,
        f"Spark by itself, with a mapInPandas that asks for nothing, reaches {found[ALONE] / found[IDLE_SPARK]:.2f} ×; "
        f"{SAME_CORES}",
    )
    assert reached
