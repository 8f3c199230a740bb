"""A deployment's worker processes: they answer as the model does, and what a model does to its process stays there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.server.runtimes.conftest import Loop, Served, body_of, packed
from wml_deployer.server.runtimes import LoadError, PredictionError, WorkerLimits, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

FIELDS = [f"feature_{index}" for index in range(6)]


def frame_of(rows: int, seed: int) -> pd.DataFrame:
    """Random rows, laid out by column as pandas reads files."""
    values = np.random.default_rng(seed).normal(size=(rows, len(FIELDS)))
    frame: pd.DataFrame = pd.DataFrame({name: values[:, index] for index, name in enumerate(FIELDS)})
    return frame


@pytest.fixture(scope="module")
def pipeline() -> Any:
    """A fitted scaler and classifier."""
    frame = frame_of(200, seed=0)
    return make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky")).fit(
        frame, frame["feature_0"] > 0
    )


@pytest.fixture(scope="module")
def served_pipeline(
    pipeline: Any, serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The pipeline, deployed."""
    folder = tmp_path_factory.mktemp("pipeline")
    with serving(packed(pipeline, folder), folder) as served:
        yield served


@pytest.fixture(scope="module")
def served_misbehaving(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A model that does as it is told, for at most a second."""
    folder = tmp_path_factory.mktemp("misbehaving")
    artifact = packed(misbehaving.Misbehaving(), folder)
    with serving(artifact, folder, limits=WorkerLimits(predict_seconds=1)) as served:
        yield served


def refused(served: Served, values: list[Any]) -> PredictionError:
    """The error that a request gets."""
    with pytest.raises(PredictionError) as caught:
        served.predict(values)
    return caught.value


@pytest.mark.parametrize("rows", [1, 3, 250])
def test_answers_are_the_models_own(rows: int, pipeline: Any, served_pipeline: Served) -> None:
    """Labels and probabilities are those of predict and predict_proba, bit for bit."""
    frame = frame_of(rows, seed=rows)
    expected = [
        list(row) for row in zip(pipeline.predict(frame).tolist(), pipeline.predict_proba(frame).tolist(), strict=True)
    ]

    answer = served_pipeline.predict(frame.to_numpy().tolist(), FIELDS)

    assert {"predictions": [{"fields": ["prediction", "probability"], "values": expected}]} == answer


def test_bare_nan_is_refused(served_pipeline: Served) -> None:
    """NaN is not JSON."""
    with pytest.raises(PredictionError, match="not valid JSON") as caught:
        served_pipeline.send(b'{"input_data": [{"values": [[NaN, 1, 1, 1, 1, 1]]}]}')

    assert (400, "invalid_request_entity") == (caught.value.status, caught.value.code)


def test_wrong_number_of_features_is_refused_in_the_runtimes_words(served_pipeline: Served) -> None:
    """The message is the ValueError of scikit-learn."""
    error = refused(served_pipeline, [[1.0, 1.0]])

    message = "X has 2 features, but StandardScaler is expecting 6 features as input."
    assert (400, "invalid_input_argument", message) == (error.status, error.code, error.message)


@pytest.mark.parametrize(
    ("action", "code", "words"),
    [
        ("exit", "model_prediction_failed", "SystemExit: 3"),
        ("leave", "model_crashed", "exited with status 3"),
        ("segfault", "model_crashed", "was killed by SIGSEGV"),
        ("hang", "model_timeout", "did not answer within 1 seconds"),
        ("eat", "model_out_of_memory", "ran out of memory"),
        ("leave_a_child", "model_crashed", "exited with status 0"),
        ("raise_key_error", "model_prediction_failed", "KeyError: 'column'"),
        ("raise_half_a_character", "invalid_input_argument", "caf\u00e9 ?"),
        ("raise_what_has_no_text", "model_prediction_failed", "_NoTextError: its message cannot be shown"),
        ("raise_a_novel", "model_prediction_failed", "RuntimeError: word word"),
        ("announce_a_giant_answer", "model_crashed", "wrote to the socket"),
        ("send_nonsense", "model_crashed", "wrote to the socket"),
    ],
)
def test_bad_action_fails_its_own_request_alone(action: str, code: str, words: str, served_misbehaving: Served) -> None:
    """The request is refused with what happened, and the next one is answered."""
    error = refused(served_misbehaving, [[action]])
    after = served_misbehaving.predict([[1.5]])

    assert (400, code) == (error.status, error.code)
    assert words in error.message
    assert [[1.5]] == after["predictions"][0]["values"]


@pytest.mark.parametrize("action", ["print", "change_directory"])
def test_harmless_action_is_answered(action: str, served_misbehaving: Served) -> None:
    """What a model prints or changes in its process does not reach the answer."""
    assert [[action]] == served_misbehaving.predict([[action]])["predictions"][0]["values"]


def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(served_misbehaving: Served) -> None:
    """A model that answers one request twice is ended before it is asked the next time."""
    assert {} == served_misbehaving.predict([["answer_twice"]])
    time.sleep(0.5)
    assert [[1.5]] == served_misbehaving.predict([[1.5]])["predictions"][0]["values"]


def test_a_model_runs_in_a_folder_of_its_own(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """What it writes without saying where is gone with the deployment, and nobody else's."""
    with serving(packed(misbehaving.Reporting(), tmp_path), tmp_path) as served:
        folder = Path(served.predict([["working directory"]])["predictions"][0]["values"][0][0])
        (pool,) = tmp_path.glob("pool-*")

        assert pool in folder.parents


def test_given_up_request_does_not_answer_the_next(served_misbehaving: Served) -> None:
    """A caller that goes away leaves no answer behind for the next one."""

    async def give_up_and_ask() -> bytes:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(served_misbehaving.pool.predict(body_of([["doze"]])), timeout=0.05)
        return await served_misbehaving.pool.predict(body_of([[2.5]]))

    answer = json.loads(served_misbehaving.loop.run(give_up_and_ask()))

    assert [[2.5]] == answer["predictions"][0]["values"]


def test_hanging_request_holds_up_no_other(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """With two workers, a request is answered while another one hangs."""
    artifact = packed(misbehaving.Misbehaving(), tmp_path)

    async def hang_and_ask(pool: WorkerPool) -> bytes:
        hanging = asyncio.ensure_future(pool.predict(body_of([["hang"]])))
        await asyncio.sleep(0.1)
        answer = await pool.predict(body_of([[3.5]]))
        assert not hanging.done()
        hanging.cancel()
        return answer

    with serving(artifact, tmp_path, workers=2) as served:
        answer = json.loads(served.loop.run(hang_and_ask(served.pool)))

    assert [[3.5]] == answer["predictions"][0]["values"]


def test_pool_grows_to_its_limit_and_no_further(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Requests that come together are answered by as many processes as the pool may have."""

    async def ask_together(pool: WorkerPool, times: int) -> set[int]:
        answers = await asyncio.gather(*(pool.predict(body_of([["pid"]])) for _ in range(times)))
        return {json.loads(answer)["predictions"][0]["values"][0][0] for answer in answers}

    with serving(packed(misbehaving.Reporting(), tmp_path), tmp_path, workers=2) as served:
        served.loop.run(ask_together(served.pool, 8))
        deadline = time.monotonic() + 20
        pids = set[int]()
        while len(pids) < 2 and time.monotonic() < deadline:
            pids |= served.loop.run(ask_together(served.pool, 8))

    assert 2 == len(pids)


def test_idle_workers_end_and_come_back(misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path) -> None:
    """A worker that nobody asks is ended; the next request is answered by a new one."""
    artifact = packed(misbehaving.Reporting(), tmp_path)
    with serving(artifact, tmp_path, limits=WorkerLimits(idle_seconds=0.2)) as served:
        first = served.predict([["pid"]])["predictions"][0]["values"][0][0]
        wait_until_gone(first)
        second = served.predict([["pid"]])["predictions"][0]["values"][0][0]

    assert first != second


def test_stop_refuses_whoever_still_waits(misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path) -> None:
    """A request at the model, one in the queue and one that comes later are all told that the deployment is gone."""
    artifact = packed(misbehaving.Misbehaving(), tmp_path)

    async def stop_meanwhile(pool: WorkerPool) -> list[Any]:
        asked = [asyncio.ensure_future(pool.predict(body_of([["hang"]]))) for _ in range(2)]
        await asyncio.sleep(0.1)
        await pool.stop()
        return await asyncio.gather(*asked, pool.predict(body_of([[1.0]])), return_exceptions=True)

    with serving(artifact, tmp_path) as served:
        errors = served.loop.run(stop_meanwhile(served.pool))

    assert ["deployment_stopped"] * 3 == [error.code for error in errors]


def test_crashes_leave_nothing_behind(misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path) -> None:
    """What a worker that crashed had unpacked is removed."""
    artifact = packed(misbehaving.Misbehaving(), tmp_path)
    with serving(artifact, tmp_path) as served:
        for _ in range(2):
            refused(served, [["leave"]])
        served.predict([[1.5]])
        (pool,) = (path for path in tmp_path.iterdir() if path.is_dir())

        assert 1 == len(list(pool.iterdir()))


def test_stop_leaves_no_process_and_no_file(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """After stop the worker is gone, and so is what it unpacked."""
    artifact = packed(misbehaving.Reporting(), tmp_path)
    with serving(artifact, tmp_path) as served:
        pid = served.predict([["pid"]])["predictions"][0]["values"][0][0]

    wait_until_gone(pid)
    assert [artifact] == list(tmp_path.iterdir())


def test_secrets_of_the_service_stay_with_it(
    misbehaving: ModuleType, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model does not see the environment variables that the service was started with."""
    monkeypatch.setenv("WML_APIKEY", "secret")
    artifact = packed(misbehaving.Reporting(), tmp_path)
    pool = loop.run(WorkerPool.start(artifact, model_type="scikit-learn_1.3", specification="", directory=tmp_path))
    try:
        answer = Served(pool, loop).predict([["WML_APIKEY"]])
    finally:
        loop.run(pool.stop())

    assert [[None]] == answer["predictions"][0]["values"]


def test_models_are_not_reported_to_a_runtimes_maker(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """ONNX Runtime is told to be silent, whatever surrounds the service."""
    with serving(packed(misbehaving.Reporting(), tmp_path), tmp_path) as served:
        answer = served.predict([["ORT_DISABLE_TELEMETRY"]])

    assert [["1"]] == answer["predictions"][0]["values"]


def test_model_that_exits_while_loading_fails_the_start(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """The load error says how the process ended."""
    artifact = packed(misbehaving.ExitsWhenLoaded(), tmp_path)

    with pytest.raises(LoadError, match="exited with status 7"), serving(artifact, tmp_path):
        pass


def test_model_that_does_not_finish_loading_fails_the_start(
    misbehaving: ModuleType, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """The load error says how long the service waited."""
    artifact = packed(misbehaving.SleepsWhenLoaded(), tmp_path)
    limits = WorkerLimits(load_seconds=1.5)

    with pytest.raises(LoadError, match=r"within 1\.5 seconds"), serving(artifact, tmp_path, limits=limits):
        pass


def test_estimator_without_predict_fails_the_start(serving: Callable[..., Any], tmp_path: Path) -> None:
    """What cannot predict cannot be deployed online."""
    with (
        pytest.raises(LoadError, match="DBSCAN has no method 'predict'"),
        serving(packed(DBSCAN(), tmp_path), tmp_path),
    ):
        pass


def test_unknown_model_type_fails_the_start(serving: Callable[..., Any], tmp_path: Path) -> None:
    """The error names the type and how a runtime is added."""
    artifact = packed(LogisticRegression(), tmp_path)

    with (
        pytest.raises(LoadError, match=r"'unheard-of_1\.0'.*wml_deployer\.runtimes") as caught,
        serving(artifact, tmp_path, model_type="unheard-of_1.0"),
    ):
        pass

    assert "model_type_not_served" == caught.value.code


def test_worker_ends_with_the_service(misbehaving: ModuleType, tmp_path: Path) -> None:
    """A service that is killed leaves no worker behind, even one whose model hangs."""
    artifact = packed(misbehaving.Misbehaving(), tmp_path)
    code = f"""
import asyncio, os, signal
from pathlib import Path
from wml_deployer.server.runtimes import WorkerPool

async def main():
    folder = Path({str(tmp_path)!r})
    pool = await WorkerPool.start(
        Path({str(artifact)!r}), model_type="scikit-learn_1.3", specification="", directory=folder
    )
    asyncio.ensure_future(pool.predict(b'{{"input_data": [{{"values": [["hang"]]}}]}}'))
    await asyncio.sleep(0.1)
    (worker,) = pool._workers
    print(worker._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)

    wait_until_gone(int(killed.stdout))


def test_service_side_imports_no_framework() -> None:
    """The process that speaks HTTP loads neither numpy nor pandas nor scikit-learn, nor what runs user code."""
    names = ("numpy", "pandas", "sklearn", "wml_deployer.server.runtimes.worker")
    code = f"import sys, wml_deployer.server.runtimes; print(*(name for name in {names} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert "" == loaded.stdout.strip()


def wait_until_gone(pid: int, seconds: float = 10) -> None:
    """Wait for a process to end; fails where it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there after {seconds} seconds")
