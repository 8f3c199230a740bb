"""JSON rows become the arrays and frames that a user would have called the model with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.worker.inputs import to_array, to_frame

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def frame_of(values: list[Any], dtypes: dict[str, str] | None = None) -> pd.DataFrame:
    """A frame with the columns a, b, ..."""
    return to_frame(values, pd.Index(list("abcdef"[: len(values[0])])), dtypes or {})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1, 2], [3, 4]], "i"),
        ([[1, 2.5], [3, 4]], "f"),
        ([[1, None], [3, 4]], "f"),
        ([[1, "2"], [3, "4"]], "O"),
        ([["1.5"], ["2.5"]], "O"),
        ([[True, False]], "b"),
        (["some text", "more text"], "O"),
    ],
)
def test_array_is_of_the_kind_of_its_values(values: list[Any], kind: str) -> None:
    """Numbers stay numbers, text that looks like a number stays text."""
    assert kind == to_array(values).dtype.kind


@pytest.mark.parametrize("values", [[[1.5, 2.0]], [[1.5, 2.0], [3, 4.0]]])
def test_array_of_floats_is_the_model_s_to_change(values: list[Any]) -> None:
    """A pipeline may scale in place."""
    array = to_array(values)
    array += 1

    assert [[value + 1 for value in row] for row in values] == array.tolist()


def test_null_among_numbers_is_nan() -> None:
    """A missing number is missing in the array, too."""
    assert np.isnan(to_array([[1.0, None]])[0, 1])


def test_ragged_rows_are_refused() -> None:
    """Rows of different lengths are no table."""
    with pytest.raises(PredictionError, match="same length") as caught:
        to_array([[1.0, 2.0], [1.0]])

    assert 400 == caught.value.status


@pytest.mark.parametrize("values", [[[1.0, 2.0], [1.0]], [[1.0], [1.0, 2.0]], [["a", 2.0], ["b", 1.0, 3.0]]])
def test_rows_that_do_not_fit_the_names_are_refused(values: list[Any]) -> None:
    """A frame has as many columns as names."""
    with pytest.raises(PredictionError, match="does not match the columns: it has"):
        to_frame(values, pd.Index(["a", "b"]), {})


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(FINITE, min_size=2, max_size=2), min_size=1, max_size=20))
def test_array_of_numbers_is_that_of_numpy(values: list[list[float]]) -> None:
    """The short way for numbers gives the array that numpy makes of the lists, to the last bit."""
    assert np.array(values).tobytes() == to_array(values).tobytes()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(FINITE, min_size=3, max_size=3), min_size=1, max_size=20))
def test_frame_of_numbers_is_that_of_pandas(values: list[list[float]]) -> None:
    """The short way for numbers gives the frame that pandas makes of the lists."""
    assert_frame_equal(pd.DataFrame(values, columns=list("abc")), frame_of(values))


@pytest.mark.parametrize(
    "values",
    [[[1.5, 2], [2.5, 3]], [[1.5, None]], [[1.5, "x"]], [[2, 1.5], [3, 4]], [[1.5], [None]], [[True], [False]]],
)
def test_frame_of_mixed_values_is_that_of_pandas(values: list[Any]) -> None:
    """Each column gets the type that pandas gives it."""
    assert_frame_equal(pd.DataFrame(values, columns=list("ab")[: len(values[0])]), frame_of(values))


def test_frame_is_laid_out_by_column() -> None:
    """The last bit of a dot product depends on the layout, and pandas reads files by column."""
    assert frame_of([[1.0, 2.0], [3.0, 4.0]]).to_numpy().flags.f_contiguous


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [("float64", 3, 3.0), ("float64", None, float("nan")), ("category", "x", "x"), ("int64", 3, 3)],
)
def test_declared_type_is_applied(dtype: str, value: Any, expected: Any) -> None:
    """A column declared as float or category is one, though JSON knows neither."""
    expected_frame = pd.DataFrame({"a": pd.Series([expected], dtype=dtype)})

    assert_frame_equal(expected_frame, frame_of([[value]], {"a": dtype}))


def test_declared_time_is_read() -> None:
    """ISO texts become times where the schema says so."""
    frame = frame_of([["2024-05-01T12:00:00"]], {"a": "datetime64[ns]"})

    assert pd.Timestamp("2024-05-01 12:00") == frame["a"].iloc[0]


def test_value_that_is_not_of_the_declared_type_is_refused() -> None:
    """The column is named."""
    with pytest.raises(PredictionError, match="column 'a' cannot be read as float64"):
        frame_of([["many"]], {"a": "float64"})


def test_no_rows_make_an_empty_frame() -> None:
    """An empty table keeps its columns."""
    assert ["a", "b"] == list(to_frame([], pd.Index(["a", "b"]), {}).columns)
