"""The rehearsal's runtime beside that of the embedded service: two implementations of the same rules.

They share no code, so random requests are given to both. What the model is called with, and what is made of its answer,
must be the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wml_deployer._verification.runtimes import NativeRuntime, answer
from wml_deployer.schema import Field, Schema
from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import PredictionError
from wml_deployer.server.runtimes.worker.answers import encode
from wml_deployer.server.runtimes.worker.payload import decode
from wml_deployer.server.runtimes.worker.registry import Request
from wml_deployer.server.runtimes.worker.scikit_learn import serve

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning", "ignore::FutureWarning")

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(pd.Timestamp("1970-01-01").to_pydatetime(), pd.Timestamp("2200-01-01").to_pydatetime())
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "floats": FLOATS,
    "whole floats": st.integers(-100, 100).map(float),
    "integers": st.integers(-100, 100),
    "large integers": st.integers(-(2**63), 2**64 - 1),
    "booleans": st.booleans(),
    "booleans and integers": st.one_of(st.booleans(), st.integers(-100, 100)),
    "text": st.sampled_from(["a", "b", "", "1", "é"]),
    "dates": MOMENTS.map(lambda moment: moment.isoformat(timespec="seconds")),
    "dates with fractions": MOMENTS.map(lambda moment: moment.isoformat(timespec="microseconds")),
    "zoned dates": MOMENTS.map(lambda moment: f"{moment.isoformat(timespec='seconds')}+00:00"),
    "durations": st.sampled_from(["P1DT2H0M0S", "P0DT0H0M1S"]),
    "numbers": st.one_of(FLOATS, st.integers(-100, 100)),
    "all kinds": st.one_of(FLOATS, st.integers(-100, 100), st.text(max_size=3)),
    "nothing": st.none(),
}
DTYPES = [
    *("float64", "float32", "int64", "bool", "object", "category", "string", "Int64", "Float64", "boolean"),
    *("datetime64[ns]", "datetime64[s]", "datetime64[ns, UTC]", "timedelta64[ns]", "timestamp[us][pyarrow]", ""),
]


class Recorder:
    """A model that keeps what it is called with."""

    def __init__(self, *, named: bool) -> None:
        self.given: Any = None
        if named:
            self.feature_names_in_ = np.array(["a"], dtype=object)

    def predict(self, given: Any) -> Any:
        """Keep the rows."""
        self.given = given
        return np.zeros(len(given))


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Schema, bool]:
    """A request's body, the stored schema, and whether the model was fitted on names."""
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=5))
    columns = [st.one_of(st.none(), CELLS[kind]) if draw(st.booleans()) else CELLS[kind] for kind in kinds]
    rows = draw(st.lists(st.tuples(*columns).map(list), min_size=1, max_size=6))
    if draw(st.integers(0, 19)) == 0:
        rows[-1] = rows[-1][1:]
    names = [f"column {place}" for place in range(len(kinds))]
    block: dict[str, Any] = {"values": rows}
    fields = tuple(Field(name, draw(st.sampled_from(DTYPES))) for name in names)
    if not draw(st.booleans()):
        fields = ()
    with_names = draw(st.booleans())
    if fields or with_names:
        block["fields"] = names
    named = draw(st.booleans())
    return orjson.dumps({"input_data": [block]}), Schema(fields, named=named), draw(st.booleans())


def served(model: Any, schema: Schema) -> Any:
    """The embedded service's function that answers a decoded request."""
    kind = "DataFrame" if schema.named else "ndarray"
    fields = {field.name: field.dtype or "object" for field in schema.fields}
    request = Request(Path(), "scikit-learn_1.6", "runtime", Bounds(1, 1), kind if fields else None, fields)
    return serve(model, request)


def described(rows: Any) -> Any:
    """Everything of a frame or an array that a model may see: names, dtypes, and values with their types."""
    if isinstance(rows, Exception):
        return "refused"
    if isinstance(rows, pd.DataFrame):
        return [(name, str(rows[name].dtype), values(rows[name].tolist())) for name in rows]
    return str(rows.dtype), values(rows.ravel().tolist()), rows.shape


def values(cells: list[Any]) -> list[tuple[str, str]]:
    """Values by type and text: None, NaN and NaT are three things."""
    return [(type(cell).__name__, repr(cell)) for cell in cells]


def both(body: bytes, schema: Schema, *, named: bool) -> tuple[Any, Any]:
    """What the rehearsal calls a model with, and what the embedded service does."""
    model = Recorder(named=named)
    try:
        rehearsed = NativeRuntime(model, schema).read(body)
    except ValueError as error:
        rehearsed = error
    try:
        served(model, schema)(decode(body))
    except PredictionError as error:
        model.given = error
    except ValueError as error:  # the worker's loop makes a refusal of it
        model.given = error
    return rehearsed, model.given


def agree(request: tuple[bytes, Schema, bool]) -> None:
    """Hold the two against each other."""
    body, schema, named = request
    rehearsed, served = both(body, schema, named=named)

    assert described(served) == described(rehearsed)


@settings(deadline=None, max_examples=150)
@given(requests())
def test_a_model_is_called_with_the_same_rows(request: tuple[bytes, Schema, bool]) -> None:
    """Frames and arrays are equal in names, dtypes, values and missing values, and the same rows are refused."""
    agree(request)


@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
@settings(deadline=None, max_examples=20_000)
@given(requests())
def test_a_model_is_called_with_the_same_rows_in_the_long_run(request: tuple[bytes, Schema, bool]) -> None:
    """The same, for as long as it takes to see rare values together."""
    agree(request)


class Oracle:
    """A model whose answers are given."""

    def __init__(self, predictions: Any, probabilities: Any) -> None:
        self._predictions = predictions
        if probabilities is not None:
            self.predict_proba = lambda _: probabilities

    def predict(self, _: Any) -> Any:
        """Answer."""
        return self._predictions


OUTPUTS = [
    np.array([1, 2]),
    np.array([1.5, np.nan]),
    np.array([1.5, 2.5], dtype=np.float32),
    np.array([1.5, 2.5], dtype=np.longdouble),
    np.array(["a", "b"]),
    np.array(["a", None], dtype=object),
    np.array([True, False]),
    np.array([[1, 2], [3, 4]]),
    np.array([np.int64(1), "b"], dtype=object),
    np.array(["2026-01-31", "NaT"], dtype="datetime64[D]"),
    np.array([1, 2], dtype="timedelta64[s]"),
    [1, 2],
    pd.Series(["a", "b"]),
]
PROBABILITIES = [
    None,
    np.array([[0.25, 0.75], [1.0, 0.0]]),
    np.array([[0.1, 0.9], [0.3, 0.7]], dtype=np.float32),
    [np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])],
]


@pytest.mark.parametrize("probabilities", PROBABILITIES, ids=["none", "doubles", "floats", "two outputs"])
@pytest.mark.parametrize("predictions", OUTPUTS, ids=lambda output: str(getattr(output, "dtype", "list")))
def test_an_answer_is_written_as_the_service_writes_it(predictions: Any, probabilities: Any) -> None:
    """Byte for byte."""
    model, body = Oracle(predictions, probabilities), b'{"input_data":[{"values":[[1.0],[2.0]]}]}'

    assert encode(served(model, Schema())(decode(body))) == answer(model, NativeRuntime(model, Schema()).read(body))
