"""The rehearsal: what changes on the way to the model is named by column, and what does not matter is not reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from wml_deployer._verification.rehearsal import rehearse
from wml_deployer._verification.rows import read_rows
from wml_deployer.frameworks import profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._verification.sample import Rehearsal
    from wml_deployer.reports import Finding


class Measure(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model that answers a number which a function reads off each frame."""

    def __init__(self, function: Callable[[pd.DataFrame], Any] | None = None) -> None:
        self.function = function

    def fit(self, X: pd.DataFrame, _: Any = None) -> Measure:
        """Learn nothing but the names."""
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Apply the function."""
        assert self.function is not None
        return np.asarray(self.function(X), dtype=float)


def rehearsed(model: Any, rows: Any) -> Rehearsal:
    """The rehearsal that store has."""
    read = read_rows(rows, profile(model).schema)
    return rehearse(model, read, profile(model, read.frame if read.named else None).schema)


def measured(rows: pd.DataFrame, function: Callable[[pd.DataFrame], Any]) -> tuple[Finding, ...]:
    """What the rehearsal finds of a model that measures a frame."""
    return rehearsed(Measure(function).fit(rows), rows).findings


def column(values: Any, dtype: Any = None) -> pd.DataFrame:
    """A frame of one column, ``a``."""
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


WHEN = pd.date_range("2026-01-31 22:00", periods=6, freq="h")
TEXT = column(["x", "y", "x", "z", "y", "x"])


def is_nan(frame: pd.DataFrame) -> Any:
    """One where a cell is NaN, and zero where it is None."""
    return [float(isinstance(cell, float)) for cell in frame["a"]]


CASES: dict[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], Any], str, str]] = {
    "a gap in text": (column(["x", np.nan, "y"]), is_nan, "arrives as None, where the model was given NaN", "fillna"),
    "a gap that the sample does not have": (TEXT, is_nan, "a gap in text arrives as None", "fillna"),
    "categories": (
        column(list("xyxzyx"), "category"),
        lambda frame: frame["a"].cat.codes,
        "categories are declared anew",
        "OneHotEncoder",
    ),
    "large integers": (
        column([2**53 + 1, 2**53 + 3, 5]),
        lambda frame: [int(cell) % 8 if pd.notna(cell) else 0 for cell in frame["a"]],
        "integers beyond 2**53 are rounded",
        "astype(str)",
    ),
    "a time zone": (
        column(pd.date_range("2026-03-28", periods=3, freq="D", tz="Europe/Lisbon")),
        lambda frame: frame["a"].dt.hour,
        "its time zone changes: datetime64[",
        "tz_convert(None)",
    ),
    "another unit of time": (
        column(WHEN.as_unit("s")),
        lambda frame: frame["a"].astype("int64"),
        "datetime64[s] arrives as datetime64[ns]",
        "datetime64[ns]",
    ),
    "durations": (
        column(pd.to_timedelta([1, 2, 3], unit="h")),
        lambda frame: [cell.total_seconds() if hasattr(cell, "total_seconds") else 0 for cell in frame["a"]],
        "durations arrive as text",
        "total_seconds",
    ),
    "nullable integers": (
        column([1, 2, 3], "Int64"),
        lambda frame: [float(frame["a"].dtype.name == "Int64")] * len(frame),
        "its dtype Int64 arrives as int64",
        "astype('int64')",
    ),
    "narrow numbers": (
        column([100, 50, 3], "int8"),
        lambda frame: frame["a"].to_numpy() * np.int8(2),
        "its dtype int8 arrives as int64",
        "astype('int64')",
    ),
    "objects": (
        column([pd.Timestamp("2026-01-31").date()] * 3),
        lambda frame: [float(isinstance(cell, str)) for cell in frame["a"]],
        "values of the type date arrive as str",
        "text, numbers or dates",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_changes_on_the_way_is_named_by_column_and_reason(case: str) -> None:
    """An error, with what to change in the data or the pipeline."""
    rows, function, problem, next_step = CASES[case]
    [finding] = measured(rows, function)

    assert ("error", "column 'a'", True, True) == (
        finding.severity,
        finding.subject,
        problem in finding.problem,
        next_step in finding.next_step,
    )


def test_arrow_types_arrive_as_plain_ones() -> None:
    """They are named like nullable ones."""
    pytest.importorskip("pyarrow")
    rows = column([1.0, 2.0], "double[pyarrow]")
    [finding] = measured(rows, lambda frame: [float("pyarrow" in str(frame["a"].dtype))] * len(frame))

    assert "its dtype double[pyarrow] arrives as float64" in finding.problem


def test_only_the_guilty_column_is_named() -> None:
    """Others change on the way as well, and change no answer."""
    rows = pd.DataFrame({"a": ["x", np.nan, "y"], "b": ["p", "q", np.nan]})

    assert ["column 'a'"] == [finding.subject for finding in measured(rows, is_nan)]


def test_every_guilty_column_is_named_at_once() -> None:
    """A gap in one, which the sample does not have, and a category of another."""
    rows = pd.DataFrame({"a": ["x", "y", "x", "z"], "b": pd.Categorical(list("pqpr")), "c": ["k", "l", "k", "l"]})
    found = measured(rows, lambda frame: frame["b"].cat.codes * 10 + np.array(is_nan(frame)))

    assert ["column 'b'", "column 'a'"] == [finding.subject for finding in found]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([2**64 - 1, 1, 5], dtype="uint64"),
        pd.Series([2**64 - 1, None, 5], dtype="UInt64"),
        pd.Series([1, 2, 3], dtype="float16"),
        pd.Series(pd.arrays.SparseArray([0.0, 1.0, 0.0])),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series([[1], [2, 3], []]),
        pd.Series([np.array([1, 2]), np.array([3]), np.array([])]),
        pd.Series([{"a": 1}, {}, {"b": 2}]),
        pd.Series(pd.Categorical(pd.date_range("2026", periods=3))),
        pd.Series(["a", 1, 2.5], dtype=object),
        pd.Series([None] * 3, dtype=object),
        pd.Series(["a", pd.NA, "b"], dtype=object),
    ],
    ids=lambda values: f"{values.dtype} {values[0]!s:.9}",
)
def test_columns_of_any_dtype_are_rehearsed(values: pd.Series[Any]) -> None:
    """A model that does not care for a column passes, whatever is in it."""
    rows = pd.DataFrame({"a": values, "b": [1.0, 2.0, 3.0]})

    assert () == rehearsed(Measure(lambda frame: frame["b"].to_numpy()).fit(rows), rows).findings


def test_an_example_shows_both_answers() -> None:
    """The first value that differs."""
    [finding] = measured(column(["x", np.nan, "y"]), is_nan)

    assert finding.problem.endswith("for all rows the service would answer prediction 0, the model here 1")


@pytest.mark.parametrize(
    "rows",
    [
        column(list("xyxzyx"), "category"),
        TEXT,
        column([1.5, 2.5, np.nan]),
        column([1, 2, 3], "Int64"),
        column([1.5, 2.5, 3.5], "float32"),
        column([True, False, True]),
        column([2**53 + 1, 7, 9]),
    ],
    ids=lambda rows: str(rows["a"].dtype),
)
def test_a_change_that_changes_no_answer_is_not_reported(rows: pd.DataFrame) -> None:
    """One-hot encoding does not care for codes, widths or kinds of missing values that it ignores."""
    encoder = OneHotEncoder(categories=[sorted(set(rows["a"].dropna()))], handle_unknown="ignore")
    model = make_pipeline(encoder, Ridge()).fit(rows.dropna(), np.arange(len(rows.dropna())))

    assert () == rehearsed(model, rows).findings


def test_a_gap_that_would_be_refused_is_a_warning() -> None:
    """Nobody gets a wrong answer."""
    [finding] = measured(
        TEXT, lambda frame: [len(cell) if cell is None or pd.notna(cell) else 0 for cell in frame["a"]]
    )

    assert ("warning", "column 'a'", True) == (
        finding.severity,
        finding.subject,
        "the service would refuse a gap in it: TypeError" in finding.problem,
    )


def test_a_gap_that_the_model_refuses_is_no_fault() -> None:
    """The sample has none, and score would be refused as well."""
    assert () == measured(TEXT, lambda frame: [len(cell) for cell in frame["a"]])


def test_harmless_gaps_are_part_of_the_sample() -> None:
    """The verification sends them, too."""
    rows = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "b": [1, 2, 3, 4]})
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(rows, rows["b"])
    sample = rehearsed(model, rows).sample
    assert sample is not None

    assert "rows with gaps" == sample.parts[-1].name


def test_an_imputer_that_is_told_of_none_passes() -> None:
    """What the next step of the error says works."""
    rows = column(["x", np.nan, "y", "x", "x", "y"])
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    bare = make_pipeline(make_column_transformer((encode, ["a"])), Ridge())
    mended = make_pipeline(FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": np.nan}), bare)
    found = [bool(rehearsed(model.fit(rows, np.arange(6.0)), rows).findings) for model in (bare, mended)]

    assert [True, False] == found


@pytest.mark.parametrize(
    "model",
    [
        Measure(lambda frame: frame["b"] - frame["b"].mean()),
        DummyClassifier(strategy="uniform"),
    ],
    ids=["statistics of a request", "chance"],
)
def test_answers_that_depend_on_more_than_their_row_are_found(model: Any) -> None:
    """Rows together and rows alone are answered differently by the model itself."""
    rows = pd.DataFrame({"b": np.arange(40.0)})

    assert ["rows"] == [finding.subject for finding in rehearsed(model.fit(rows, rows["b"] > 3), rows).findings]


def test_infinite_answers_are_refused() -> None:
    """They would be delivered as NaN."""
    [finding] = measured(column([0.0, 1.0]), lambda frame: np.divide(1, frame["a"]))

    assert "prediction is infinite in 1 of 2 rows, first in row 0" in finding.problem


def test_as_many_answers_as_rows_are_needed() -> None:
    """A model that was fitted on something else answers otherwise."""
    [finding] = measured(column([0.0, 1.0]), lambda _: [1])

    assert finding.problem.startswith("The model answers 1 values to 2 rows")


def test_two_kinds_of_gap_that_the_model_tells_apart_are_a_warning() -> None:
    """JSON has one, so rows with the other one would be answered otherwise."""
    rows = column(["x", None, "y"])
    (finding,) = measured(rows, is_nan)

    assert ("warning", "column 'a'") == (finding.severity, finding.subject)
    assert "for nan in it, " in finding.problem


def test_labels_that_are_no_classes_are_refused() -> None:
    """Each score would be refused later, for nobody could tell which probability is whose."""
    model = DummyClassifier().fit(TEXT, [0, 1] * 3)
    model.predict = lambda rows: np.array(["yes"] * len(rows))
    (finding,) = rehearsed(model, TEXT).findings

    assert ("error", True) == (finding.severity, "do not go with the model's classes_: 0, 1" in finding.problem)


def test_what_predict_raises_is_the_cause() -> None:
    """A finding, never a bare exception."""
    found = rehearsed(Measure(lambda frame: frame["nothing"]).fit(column([1.0])), column([1.0]))

    assert (None, "KeyError", ["The model's predict raised KeyError: 'nothing'"]) == (
        found.sample,
        type(found.cause).__name__,
        [finding.problem for finding in found.findings],
    )


def test_the_callers_rows_are_not_changed() -> None:
    """A model may change what it is given."""
    rows = column([1.0, 2.0, 3.0])

    def spoil(frame: pd.DataFrame) -> Any:
        frame["a"] = frame["a"] * 2
        return frame["a"]

    measured(rows, spoil)

    assert [1.0, 2.0, 3.0] == rows["a"].tolist()


def test_a_model_that_ends_the_process_ends_only_its_rehearsal() -> None:
    """``sys.exit`` in a model's code is an error like any other."""

    def leave(_: Any) -> Any:
        raise SystemExit(3)

    (finding,) = measured(column([1.0, 2.0]), leave)

    assert "The model's predict raised SystemExit: 3" == finding.problem
