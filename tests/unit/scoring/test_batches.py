"""Scores of batches and chunks: failures, nulls, and rows that are not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from wml_deployer._scoring.batches import FIRST_ROWS, AdaptiveBatchSizer, score_chunks, score_rows
from wml_deployer._scoring.options import Batching
from wml_deployer.errors import (
    AuthenticationError,
    InvalidResponseError,
    PayloadTooLargeError,
    ServerError,
    WMLDeployerError,
)
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[list[Any]], list[Any]]

BIG = 2**53 + 1
TEXT_WITH_NULLS = "str" if pd.__version__ >= "3" else "string"


class Service:
    """Answers each row by a function of its first value; some requests fail."""

    def __init__(self, answer: Callable[[Any], Any], failures: dict[Any, WMLDeployerError] | None = None) -> None:
        """Fail requests that begin with these values."""
        self.answer = answer
        self.failures = failures or {}
        self.sizes: list[int] = []

    def __call__(self, body: bytes) -> bytes:
        """Answer a request."""
        rows = [row[0] for row in json.loads(body)["input_data"][0]["values"]]
        self.sizes.append(len(rows))
        if rows[0] in self.failures:
            raise self.failures[rows[0]]
        values = [[self.answer(row)] for row in rows]
        return json.dumps({"predictions": [{"fields": ["prediction"], "values": values}]}).encode()


def frame(*numbers: int, index: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"id": pd.array(numbers, dtype="int64")}, index=index)


def nulls(rows: int) -> Batching:
    return Batching(rows=rows, on_error="null", in_flight=1)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_half_that_fails_fails_the_call(in_flight: int) -> None:
    """A request that is too large is sent in halves; what is wrong with one of them is not lost."""
    service = Service(float, {3: ServerError("500")})

    def ask(body: bytes) -> bytes:
        if len(json.loads(body)["input_data"][0]["values"]) > 3:
            raise PayloadTooLargeError("413")
        return service(body)

    with pytest.raises(ServerError, match="rows 3 to 5"):
        score_rows(frame(*range(6)), ask, Schema(), Batching(in_flight=in_flight))


@pytest.mark.parametrize("rows", [6, FIRST_ROWS + 6])
def test_a_call_of_one_request_fails_as_one_of_many(rows: int) -> None:
    """By default nothing comes back where something failed."""
    with pytest.raises(ServerError):
        score_rows(frame(*range(rows)), Service(float, {0: ServerError("500")}), Schema(), Batching())


def test_nulls_leave_integers_exact() -> None:
    """Rows that were not scored are null beside integers that a double does not hold."""
    scores = score_rows(frame(0, 1, 2, 3), Service(lambda row: BIG + row, {2: ServerError("500")}), Schema(), nulls(2))

    assert ("Int64", [BIG, BIG + 1, pd.NA, pd.NA]) == (str(scores["prediction"].dtype), scores["prediction"].tolist())


@pytest.mark.parametrize(
    ("answer", "dtype"),
    [
        (int, "Int64"),
        (lambda row: 2**64 - 1 - row, "UInt64"),
        (lambda row: row > 1, "boolean"),
        (str, TEXT_WITH_NULLS),
        (float, "float64"),
        (lambda row: [row, "a"] if row < 0 else {"a": row}, "object"),
    ],
)
def test_nulls_keep_the_kind_of_a_column(answer: Callable[[Any], Any], dtype: str) -> None:
    """In the table and in a chunk of which nothing was scored."""
    service = Service(answer, {2: ServerError("500"), 4: ServerError("500")})

    whole = score_rows(frame(0, 1, 2, 3), service, Schema(), nulls(2))
    chunks = list(score_chunks(iter([frame(0, 1), frame(4, 5)]), service, Schema(), nulls(2)))

    assert {dtype} == {str(whole.dtypes.iloc[0]), str(chunks[1].dtypes.iloc[0])}
    assert ([False, False, True, True], True) == (whole.iloc[:, 0].isna().tolist(), chunks[1].iloc[:, 0].isna().all())


def test_a_chunk_that_fails_whole_keeps_any_index() -> None:
    """Of levels, too."""

    def chunk(first: int) -> pd.DataFrame:
        return frame(first, first + 1, index=pd.MultiIndex.from_tuples([(first, "x"), (first, "y")], names=["n", "l"]))

    chunks = [chunk(first) for first in (0, 2, 4)]
    scores = list(score_chunks(iter(chunks), Service(float, {2: ServerError("500")}), Schema(), nulls(2)))

    assert [True] * 3 == [found.index.identical(given.index) for found, given in zip(scores, chunks, strict=True)]
    assert [0.0, 1.0, 4.0, 5.0] == pd.concat(scores)["prediction"].dropna().tolist()


def test_the_first_chunk_that_fails_whole_is_an_error() -> None:
    """Nobody knows what scores look like yet."""
    with pytest.raises(ServerError):
        list(score_chunks(iter([frame(0)]), Service(float, {0: ServerError("500")}), Schema(), nulls(2)))


def test_what_every_batch_would_meet_ends_the_call() -> None:
    """A refused key is not a batch that fails."""
    with pytest.raises(AuthenticationError):
        score_rows(frame(0, 1), Service(float, {1: AuthenticationError("401")}), Schema(), nulls(1))


@pytest.mark.parametrize(
    ("classes", "answer"),
    [((), [0.5]), ((0, 1), [1, [0.5, 0.5]]), (("a", "b"), ["a", [0.5, 0.5]]), ((False, True), [True, [0.5, 0.5]])],
)
def test_no_rows_have_the_dtypes_of_some(classes: Any, answer: list[Any]) -> None:
    """Joined with other scores, those of no rows change nothing."""
    fields = ["prediction", "probability"][: len(answer)]

    def ask(_: bytes) -> bytes:
        return json.dumps({"predictions": [{"fields": fields, "values": [answer]}]}).encode()

    some, none = (score_rows(rows, ask, Schema(classes=classes), Batching()) for rows in (frame(1), frame()))

    assert some.dtypes.to_dict() == none.dtypes.to_dict()
    pd.testing.assert_frame_equal(some, pd.concat([none, some]))


def test_an_empty_chunk_looks_like_the_chunks_before() -> None:
    """What the model answers is known then, whatever its classes say."""
    scores = list(score_chunks(iter([frame(1), frame()]), Service(str), Schema(classes=(0, 1)), Batching()))

    assert scores[0].dtypes.to_dict() == scores[1].dtypes.to_dict()


def test_integers_beside_floats_of_another_batch_stay_exact() -> None:
    """As in one answer; pandas alone would make doubles of them."""
    scores = score_rows(frame(0, 1), Service(lambda row: BIG if row else 0.5), Schema(), Batching(rows=1))

    assert [0.5, BIG] == scores["prediction"].tolist()


def test_integers_of_both_signs_in_two_batches_stay_exact() -> None:
    """The largest need unsigned integers, and the smallest signed ones."""
    scores = score_rows(frame(0, 1), Service(lambda row: 2**64 - 1 if row else -1), Schema(), Batching(rows=1))

    assert [-1, 2**64 - 1] == scores["prediction"].tolist()


@pytest.mark.parametrize("answer", [lambda row: "a" if row else 1, lambda row: {"x": 1} if row else 1.5])
def test_batches_that_do_not_fit_together_are_an_error(answer: Callable[[Any], Any]) -> None:
    """Of other kinds, or with other columns: such answers come from different models."""
    service = Service(answer)

    def ask(body: bytes) -> bytes:
        document = json.loads(service(body))
        (block,) = document["predictions"]
        if isinstance(block["values"][0][0], dict):
            block["fields"] = ["another"]
        return json.dumps(document).encode()

    with pytest.raises(InvalidResponseError, match=r"mixes|different columns"):
        score_rows(frame(0, 1), ask, Schema(), Batching(rows=1))


def test_requests_stay_small_after_one_that_was_too_large() -> None:
    """What the service refused once is not sent again, though small requests are answered quickly."""
    service, sizer = Service(float), AdaptiveBatchSizer()

    def ask(body: bytes) -> bytes:
        if len(json.loads(body)["input_data"][0]["values"]) > FIRST_ROWS // 2:
            service.sizes.append(-1)
            raise PayloadTooLargeError("413")
        return service(body)

    rows = pd.DataFrame({"id": np.arange(5 * FIRST_ROWS)})
    scores = score_rows(rows, ask, Schema(), Batching(in_flight=1), sizer)

    # One more request is written before the first is answered.
    assert (True, FIRST_ROWS // 2) == (service.sizes.count(-1) <= 2, sizer.rows)
    assert list(range(5 * FIRST_ROWS)) == scores["prediction"].tolist()
