"""What a scorer is before it connects anywhere."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pandas as pd
import pytest

from tests.unit.scoring.switching_service import DEPLOYMENT, SwitchingService
from tests.unit.transport.test_transport import reply
from wml_deployer import scorer as scorer_module
from wml_deployer._scoring.batches import FIRST_ROWS, score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.serving import Endpoint
from wml_deployer.credentials._sources import CredentialsLocation
from wml_deployer.errors import ConflictError, RateLimitError
from wml_deployer.schema import Schema
from wml_deployer.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.conftest import ScriptedServer

META = pd.DataFrame(
    {
        "back`tick": pd.Series(dtype="object"),
        "waited": pd.Series(dtype="timedelta64[ns]"),
        "prediction": pd.Series(dtype="int64"),
    }
)


@pytest.fixture
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SwitchingService:
    """Let workers find a service with one regressor."""
    service = SwitchingService()
    service.url = f"https://{request.node.name}"
    service.store("1", ())
    service.switch("1")
    monkeypatch.setattr(scorer_module, "worker_endpoint", lambda *_: Endpoint(service, DEPLOYMENT))
    return service


def scorer_of(meta: pd.DataFrame) -> Scorer:
    return Scorer(CredentialsLocation(), "3f2c", Schema(), meta)


def test_column_names_are_quoted_for_spark() -> None:
    """A backtick in a name is doubled, as Spark's DDL has it."""
    assert "`back``tick` string, `waited` interval day to second, `prediction` bigint" == scorer_of(META).spark_schema


def test_an_empty_partition_keeps_its_kind_of_index() -> None:
    """Joined with the others, it changes no label's type."""
    empty = pd.DataFrame({"x": np.empty(0)}, index=pd.DatetimeIndex([]))

    assert empty.index.dtype == scorer_of(META)(empty).index.dtype


def test_no_rows_ask_for_nothing() -> None:
    """Most models refuse rows that are not there."""

    def ask(_: bytes) -> bytes:
        raise AssertionError

    scores = score_rows(pd.DataFrame({"x": []}), ask, Schema(classes=("bad", "good")), Batching())

    assert ["prediction", "probability_bad", "probability_good"] == scores.columns.tolist()


@pytest.mark.usefixtures("service")
def test_the_next_batch_is_read_while_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine prepares its batches while the service works; the order stays."""
    second = threading.Event()

    def ask(body: bytes) -> bytes:
        assert second.wait(10)
        (row,) = orjson.loads(body)["input_data"][0]["values"]
        return orjson.dumps({"predictions": [{"fields": ["prediction"], "values": [row]}]})

    def batches() -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"x": [1.5]})
        yield pd.DataFrame({"x": []})
        second.set()
        yield pd.DataFrame({"x": [2.5]})

    monkeypatch.setattr(scorer_module, "worker_send", lambda *_: ask)
    scorer = scorer_of(pd.DataFrame({"prediction": pd.Series(dtype="float64")}))

    assert [[1.5], [2.5]] == [scores["prediction"].tolist() for scores in scorer.map_in_pandas(batches())]


@pytest.mark.usefixtures("service")
def test_a_partition_begins_with_what_the_last_one_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cautious first requests are sent once a process, not once a partition."""
    sizes: list[int] = []

    def ask(body: bytes) -> bytes:
        sizes.append(len(orjson.loads(body)["input_data"][0]["values"]))
        return orjson.dumps({"predictions": [{"fields": ["prediction"], "values": [[1.5]] * sizes[-1]}]})

    monkeypatch.setattr(scorer_module, "worker_send", lambda *_: ask)
    meta = pd.DataFrame({"prediction": pd.Series(dtype="float64")})
    scorer = Scorer(CredentialsLocation(), "of these partitions alone", Schema(), meta)
    partition = pd.DataFrame({"x": np.arange(float(FIRST_ROWS + 1))})
    for _ in range(2):
        scorer(partition)

    assert [FIRST_ROWS, 1, FIRST_ROWS + 1] == sizes


def test_a_busy_service_is_asked_five_times(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one layer of retries, and the service says how long it waits."""
    monkeypatch.setattr(scorer_module, "PAUSES_SECONDS", (60.0,) * 4)
    path = tmp_path / "credentials.yaml"
    path.touch(mode=0o600)
    path.write_text(f"url: {scripted.url}\nkind: software\ntoken: t\nspace_id: s\nca_bundle: {scripted.ca}\n")
    scripted.behaviours = [reply("429 Too Many Requests", headers="retry-after-ms: 10\r\n")]

    with pytest.raises(RateLimitError) as caught:
        scorer_module.worker_send(CredentialsLocation(path), "3f2c", Batching(in_flight=1))(b"{}")

    assert (5, 0.01) == (len(scripted.requests), caught.value.retry_after)


def test_a_worker_opens_without_ibms_clients() -> None:
    """What travels imports neither of them, nor scikit-learn: a worker is there to send and to receive."""
    program = (
        "import pickle, sys; pickle.loads(sys.stdin.buffer.read());"
        "print(sorted({'ibm_watson_machine_learning', 'ibm_watsonx_ai', 'sklearn'} & set(sys.modules)))"
    )
    pickled = pickle.dumps(scorer_of(META))

    assert b"[]" == subprocess.check_output([sys.executable, "-c", program], input=pickled).strip()


@pytest.fixture
def outdated(service: SwitchingService, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    """A scorer that was made before the deployment switched to other classes."""
    service.store("2", ("buy", "leave"))
    service.switch("2")
    monkeypatch.setattr(scorer_module, "worker_send", lambda *_: lambda body: service.score(DEPLOYMENT, body))
    meta = pd.DataFrame({"prediction": ["buy"], "probability_buy": [1.0], "probability_stay": [0.0]})
    return scorer_of(meta.iloc[:0])


def test_a_scorer_answers_with_the_columns_of_what_serves(outdated: Scorer) -> None:
    """Whatever served when it was made."""
    scores = outdated(pd.DataFrame({"x": [1.0]}))

    assert ["prediction", "probability_buy", "probability_leave"] == scores.columns.tolist()


def test_spark_is_not_handed_other_columns_than_it_was_told(outdated: Scorer) -> None:
    """Its schema is fixed before the first row; the message says what to do."""
    with pytest.raises(ConflictError, match="probability_leave"):
        list(outdated.map_in_pandas(iter([pd.DataFrame({"x": [1.0]})])))
