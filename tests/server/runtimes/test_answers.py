"""Answers are strict JSON, and every number in it is the model's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.worker import answers
from wml_deployer.server.runtimes.worker.answers import encode, to_values


@settings(deadline=None, max_examples=100)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_precision_is_told_as_the_double_that_it_is(value: float) -> None:
    """Array element and scalar of float32 both survive as the exact double."""
    single = np.float32(value)

    assert [[value], value] == orjson.loads(encode([to_values(np.array([single])), single]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.5]), [1.5]),
        (float("nan"), None),
        (np.float64("inf"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (Decimal("1.5"), 1.5),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (pd.Timestamp("2024-05-01"), "2024-05-01T00:00:00"),
        ({1: 0.5}, {"1": 0.5}),
        (frozenset({1}), [1]),
    ],
)
def test_values_of_python_and_numpy_have_a_json_form(value: Any, expected: Any) -> None:
    """What models return is written; what JSON lacks is null."""
    assert expected == orjson.loads(encode(value))


@pytest.mark.parametrize("value", [b"bytes", object(), 1 + 2j])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    """The error names the type."""
    with pytest.raises(PredictionError, match=type(value).__name__) as caught:
        encode(value)

    assert (400, "invalid_model_output") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (csr_matrix(np.eye(2, dtype=int)), [[1, 0], [0, 1]]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (np.array(["2024-05-01"], dtype="datetime64[D]"), ["2024-05-01"]),
        (np.array([0.5], dtype=np.longdouble), [0.5]),
        (np.float64(2.5), [2.5]),
        ([1, 2], [1, 2]),
    ],
)
def test_whatever_a_model_returns_becomes_lists(array: Any, expected: list[Any]) -> None:
    """Sparse matrices, series, times and scalars, too."""
    assert expected == to_values(array)


def test_an_answer_beyond_the_largest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do: the service makes room for no more."""
    monkeypatch.setattr(answers, "LARGEST_ANSWER", 100)

    with pytest.raises(PredictionError, match="Score fewer rows") as caught:
        encode({"predictions": [{"values": [[0.5]] * 100}]})

    assert 413 == caught.value.status


def test_an_answer_with_half_a_character_is_refused() -> None:
    """No JSON can hold it."""
    with pytest.raises(PredictionError, match="cannot be written as JSON"):
        encode({"predictions": ["\ud800"]})
