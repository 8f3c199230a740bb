"""What a scorer is before it connects anywhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd

from wml_deployer._scoring.batches import score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.source import Source
from wml_deployer.schema import Schema
from wml_deployer.scoring import Scorer

META = pd.DataFrame(
    {
        "back`tick": pd.Series(dtype="object"),
        "waited": pd.Series(dtype="timedelta64[ns]"),
        "prediction": pd.Series(dtype="int64"),
    }
)


def scorer_of(meta: pd.DataFrame) -> Scorer:
    return Scorer(Source(), "3f2c", Schema(), meta)


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


def test_a_worker_opens_without_ibms_clients() -> None:
    """What travels imports neither of them, nor scikit-learn: a worker is there to send and to receive."""
    program = (
        "import pickle, sys; pickle.loads(sys.stdin.buffer.read());"
        "print(sorted({'ibm_watson_machine_learning', 'ibm_watsonx_ai', 'sklearn'} & set(sys.modules)))"
    )
    pickled = pickle.dumps(scorer_of(META))

    assert b"[]" == subprocess.check_output([sys.executable, "-c", program], input=pickled).strip()
