"""Rows and scores in Parquet files: whole, bounded, and never in the way of a score."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pyarrow  # noqa: F401, ICN001 - without it this file is skipped
import pytest

from wml_deployer.errors import ClientNotInstalledError, ConfigurationError
from wml_deployer.monitoring import PayloadLog, ScoringEvent
from wml_deployer.monitoring import _payload_log as payload_log

if TYPE_CHECKING:
    from pathlib import Path


def event(frame: pd.DataFrame, scores: pd.DataFrame | None = None, version: str = "v1", **other: Any) -> ScoringEvent:
    """A request of some rows, which were scored."""
    values = orjson.loads(frame.to_json(orient="values"))
    answer = pd.DataFrame({"prediction": ["yes"] * len(frame)}) if scores is None else scores
    return ScoringEvent(
        "3f2c",
        "churn",
        "https://service",
        version,
        "9d0e",
        "1",
        rows=len(frame),
        started=1_790_000_000.0,
        seconds=0.25,
        request_bytes=other.pop("request_bytes", 100),
        _body=orjson.dumps({"input_data": [{"fields": list(frame), "values": values}]}),
        _scores=answer,
        _index=frame.index,
        **other,
    )


AGES = pd.DataFrame({"age": [31, 52], "city": ["Lisboa", None]}, index=[7, 9])


@pytest.fixture
def log(tmp_path: Path) -> PayloadLog:
    """Make a log in a folder of its own."""
    return PayloadLog(tmp_path / "log")


def test_rows_scores_and_facts_are_in_one_file(log: PayloadLog) -> None:
    """Pandas reads it at once."""
    log(event(AGES))
    log.flush()

    read = pd.read_parquet(log.folder)

    facts = ["time", "version", "deployment", "request", "seconds", "index"]
    assert [*AGES, "prediction", *(f"wml_{name}" for name in facts)] == list(read)
    assert [31, 52] == read["age"].tolist()
    assert ["yes", "yes"] == read["prediction"].tolist()
    assert ([7, 9], ["v1", "v1"]) == (read["wml_index"].tolist(), read["wml_version"].tolist())
    assert pd.Timestamp(1_790_000_000, unit="s", tz="UTC") == read["wml_time"][0]


def test_requests_are_joined_in_one_file(log: PayloadLog) -> None:
    """Each flush adds to it."""
    for _ in range(3):
        log(event(AGES))
        log.flush()

    assert (1, 6) == (len(list(log.folder.iterdir())), len(log.read()))


def test_types_are_widened_where_a_request_has_a_gap(log: PayloadLog) -> None:
    """A column of nothing, then one of whole numbers, then one of others."""
    for values in ([None], [2], [2.5]):
        log(event(pd.DataFrame({"age": values})))
        log.flush()

    assert 1 == len(list(log.folder.iterdir()))
    assert [2.0, 2.5] == log.read()["age"].dropna().tolist()


def test_other_columns_begin_another_file(log: PayloadLog) -> None:
    """Versions may take other fields; a reader of all sees both."""
    log(event(AGES))
    log(event(pd.DataFrame({"income": [1.5]}), version="v2"))
    log.flush()

    assert 2 == len(list(log.folder.iterdir()))
    assert ["v1", "v1", "v2"] == log.read()["wml_version"].tolist()


def test_rows_are_read_back_without_scores(log: PayloadLog) -> None:
    """Only those that have the fields, the newest first to be kept."""
    log(event(AGES))
    log(event(pd.DataFrame({"income": [1.5]})))
    log(event(AGES.assign(age=AGES["age"] - 12)))

    assert [52, 19, 40] == log.rows(["age"], most=3)["age"].tolist()
    assert ["age", "city"] == list(log.rows())


def test_field_that_is_called_as_a_score_keeps_its_values(log: PayloadLog) -> None:
    """Under a longer name; it is read back under its own."""
    log(event(pd.DataFrame({"prediction": [0.5], "wml_time": ["noon"]})))

    read = log.read()

    assert ([0.5], ["yes"], ["noon"]) == (
        read["input_prediction"].tolist(),
        read["prediction"].tolist(),
        read["input_wml_time"].tolist(),
    )
    assert ["prediction", "wml_time"] == list(log.rows())


def test_values_of_several_types_become_text(log: PayloadLog) -> None:
    """Nothing is lost that JSON carried."""
    log(event(pd.DataFrame({"x": [1, "a", [2]]})))

    assert ["1", "a", "[2]"] == log.read()["x"].tolist()


def test_failed_requests_are_not_logged(log: PayloadLog) -> None:
    """They have no scores."""
    log(event(AGES, outcome="failed"))

    assert (0, 0) == (len(log.read()), log.dropped)


def test_oldest_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files together stay within their size, and what is not of the log stays."""
    monkeypatch.setattr(payload_log, "FILE_BYTES", 1)
    log = PayloadLog(tmp_path, max_bytes=1_000_000)
    (tmp_path / "mine.parquet").write_bytes(b"mine")
    noise = pd.DataFrame({"x": [os.urandom(100_000).hex()]})
    for number in range(10):
        log(event(noise.assign(number=number)))
        log.flush()

    sizes = [path.stat().st_size for path in tmp_path.glob("payload-*")]
    assert sum(sizes) <= 1_000_000
    assert 9 == log.rows()["number"].iloc[-1]
    assert (tmp_path / "mine.parquet").exists()


def test_more_than_can_be_written_is_counted(log: PayloadLog, caplog: pytest.LogCaptureFixture) -> None:
    """Memory is bounded; the logger says so once."""
    log._writing.acquire()
    try:
        for _ in range(4):
            log(event(AGES, request_bytes=payload_log.PENDING_BYTES // 2))
    finally:
        log._writing.release()

    assert (4, 4) == (log.dropped, len(log.read()))
    assert 1 == len([record for record in caplog.records if "not in the payload log" in record.getMessage()])


def test_folder_that_cannot_be_written_costs_nothing_and_is_tried_again(
    log: PayloadLog, caplog: pytest.LogCaptureFixture
) -> None:
    """An unwritable disk is logged; when it is mended, the rows are there."""
    log.folder.rmdir()
    log.folder.write_text("a file in its place")
    log._is_synchronous = True
    log(event(AGES))

    assert "cannot be written" in caplog.text
    with pytest.raises(ConfigurationError, match="cannot be written"):
        log.flush()
    log.folder.unlink()
    log.folder.mkdir()
    assert 2 == len(log.read())


def test_rows_are_written_at_the_end_of_the_process(tmp_path: Path) -> None:
    """A script need not close the log."""
    code = """
import sys
from tests.unit.monitoring.test_payload_log import AGES, PayloadLog, event
PayloadLog.keep = log = PayloadLog(sys.argv[1])
log(event(AGES))
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

    assert 2 == len(PayloadLog(tmp_path).read())


def test_log_on_a_worker_writes_at_once(log: PayloadLog) -> None:
    """Pools kill their workers."""
    pickle.loads(pickle.dumps(log))(event(AGES))

    assert 2 == len(pd.read_parquet(log.folder))


def test_forked_child_does_not_write_what_is_pending_in_its_parent(log: PayloadLog) -> None:
    """Each row is logged once."""
    log(event(AGES))
    child = os.fork()
    if not child:
        log(event(AGES.head(1), version="child"))
        os._exit(0)
    os.waitpid(child, 0)

    assert ["child", "v1", "v1"] == sorted(log.read()["wml_version"])


def test_files_are_for_their_owner_alone(log: PayloadLog) -> None:
    """Rows are often about people."""
    log(event(AGES))
    log.flush()

    assert [0o700, 0o600] == [path.stat().st_mode & 0o777 for path in (log.folder, *log.folder.iterdir())]


def test_damaged_file_is_named(log: PayloadLog) -> None:
    """A copy that was cut off, for instance."""
    (log.folder / "payload-1.parquet").write_bytes(b"PAR1")

    with pytest.raises(ConfigurationError, match=r"payload-1\.parquet cannot be read"):
        log.read()


@pytest.mark.parametrize("size", [0, 999_999, 2.5e9, "1 GB", True])
def test_size_that_no_log_can_have_is_refused(size: Any, tmp_path: Path) -> None:
    """Before a request."""
    with pytest.raises(ConfigurationError, match="at most"):
        PayloadLog(tmp_path, max_bytes=size)


def test_missing_pyarrow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    with pytest.raises(ClientNotInstalledError, match=r"\[parquet\]"):
        PayloadLog(tmp_path)
