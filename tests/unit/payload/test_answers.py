"""Scoring answers beyond the recorded ones: labels, indexes, odd shapes, and what is no answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest

from wml_deployer import payload
from wml_deployer.errors import InvalidResponseError
from wml_deployer.payload import decode, encode, to_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    Reading = Callable[..., pd.DataFrame]

TUTORIAL = """
    [1, [0.06057910314628456, 0.9394208968537154]],
    [1, [0.23434887273340754, 0.7656511272665925]],
    [1, [0.08054183674380211, 0.9194581632561979]],
    [1, [0.07877206037184215, 0.9212279396281579]],
    [0, [0.5719774367794239, 0.42802256322057614]],
    [1, [0.017282880299552716, 0.9827171197004473]],
    [1, [0.01714869904990468, 0.9828513009500953]],
    [1, [0.23952044576217457, 0.7604795542378254]],
    [1, [0.03055527110545664, 0.9694447288945434]],
    [1, [0.2879899631347379, 0.7120100368652621]],
    [0, [0.9639766912352016, 0.03602330876479841]],
    [1, [0.049694416576558154, 0.9503055834234418]],
"""
PAIR = ["prediction", "probability"]

pytestmark = pytest.mark.usefixtures("fast_reading_of_short_answers")


def answered(values: Any, fields: Any = None, **block: Any) -> dict[str, Any]:
    named = {} if fields is None else {"fields": fields}
    return {"predictions": [{**block, **named, "values": values}]}


def paired(values: bytes) -> bytes:
    return b'{"predictions":[{"fields":["prediction","probability"],"values":%b}]}' % values


def from_bytes(answer: Any, **options: Any) -> pd.DataFrame:
    frame: pd.DataFrame = decode(json.dumps(answer, separators=(",", ":")).encode(), **options)
    return frame


def from_loose_bytes(answer: Any, **options: Any) -> pd.DataFrame:
    """With spaces, as other servers may write it."""
    frame: pd.DataFrame = decode(json.dumps(answer, indent=1).encode(), **options)
    return frame


@pytest.fixture(params=[to_frame, from_bytes, from_loose_bytes])
def read(request: pytest.FixtureRequest) -> Reading:
    """Each way to read an answer: from its document, or from its bytes."""
    reading: Reading = request.param
    return reading


def table(frame: pd.DataFrame) -> list[list[Any]]:
    return list(frame.astype(object).to_numpy().tolist())


def test_tutorial_s_rows_become_a_frame(read: Reading) -> None:
    """The rows that the tutorial prints, bare as they stand there, are predictions and probabilities."""
    rows = json.loads(f"[{TUTORIAL.strip().rstrip(',')}]")

    frame = read(rows)

    assert ["prediction", "probability_0", "probability_1"] == list(frame.columns)
    assert repr([[label, *chances] for label, chances in rows]) == repr(table(frame))
    assert ["int64", "float64", "float64"] == [str(dtype) for dtype in frame.dtypes]


def test_tutorial_s_answer_becomes_a_frame(read: Reading) -> None:
    """The whole answer that these rows came in gives the same frame."""
    rows = json.loads(f"[{TUTORIAL.strip().rstrip(',')}]")

    pd.testing.assert_frame_equal(to_frame(rows), read(answered(rows, PAIR)))


def test_tutorial_s_payload_is_what_is_sent() -> None:
    """For a frame of floats the tutorial's own lines make the same document."""
    frame = pd.DataFrame({"a": [0.1, 2.5], "b": [1e-7, 1e300]})
    payload = {
        "input_data": [{"fields": frame.columns.to_numpy().tolist(), "values": frame.to_numpy().tolist()}],
    }

    assert payload == json.loads(encode(frame))


def test_probabilities_are_named_by_class(read: Reading) -> None:
    """The service answers no labels; those of the model name the columns."""
    frame = read(answered([["good", [0.25, 0.75]]], PAIR), classes=["bad", "good"])

    assert ["prediction", "probability_bad", "probability_good"] == list(frame.columns)


@pytest.mark.parametrize("classes", [[], ["bad"], ["bad", "good", "ugly"]])
def test_probabilities_of_other_classes_are_numbered(read: Reading, classes: list[str]) -> None:
    """Labels that are too few or too many are not put on the wrong columns."""
    frame = read(answered([[1, [0.25, 0.75]]], PAIR), classes=classes)

    assert ["prediction", "probability_0", "probability_1"] == list(frame.columns)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([1, 0], "int64"),
        ([-1, 2**62], "int64"),
        ([2**64 - 1, 0], "uint64"),
        ([1.0, 0.5], "float64"),
        ([1, 0.5], "float64"),
        ([True, False], "bool"),
        (["a", "b"], "object"),
        ([1.5, 123456789012345678901], "object"),
        ([1.5, -(2**63) - 1], "object"),
        (["a", None], "string"),
        ([None, None], "object"),
        ([1, None], "Int64"),
        ([2**53 + 1, None], "Int64"),
        ([2**64 - 1, None], "UInt64"),
        ([2**64, None], "object"),
        ([-(2**63) - 1, 5], "object"),
        ([True, None], "boolean"),
        ([0.5, None], "float64"),
        ([1, 0.5, None], "float64"),
        ([2**53 + 1, 0.5], "object"),
        (['a "quoted" \\ label', "ção"], "object"),
        (["]],[", "[1,[0.5,0.5]]"], "object"),
        (["", " "], "object"),
        ([1e5, 1e-9], "float64"),
    ],
)
@pytest.mark.parametrize("probabilities", [True, False])
def test_prediction_is_of_its_own_kind(read: Reading, labels: list[Any], dtype: str, probabilities: bool) -> None:
    """Labels come back as what they are, with and without probabilities beside them."""
    values = [[label, [0.25, 0.75]] if probabilities else [label] for label in labels]

    frame = read(answered(values, PAIR if probabilities else PAIR[:1]))

    found = [None if pd.isna(label) else label for label in frame["prediction"].tolist()]
    expected = [label if label is None or dtype != "float64" else float(label) for label in labels]
    if dtype in {"object", "string"} and {str} == set(map(type, labels)) - {type(None)} and pd.__version__ >= "3":
        dtype = "str"  # has nulls
    assert (repr(expected), dtype) == (repr(found), str(frame["prediction"].dtype))


@pytest.mark.parametrize("rows", [1, 2, 255, 256, 257, 5_000])
@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"], [0.0, 1.0, 2.5]])
def test_answers_of_any_length_are_exact(rows: int, labels: list[Any]) -> None:
    """However the bytes are cut on the way, each number arrives in its place, bit for bit."""
    random = np.random.default_rng(rows)
    chances = random.dirichlet([1.0, 2.0, 3.0], rows)
    chosen = [labels[place] for place in random.integers(0, 3, rows)]
    body = orjson.dumps(answered(list(map(list, zip(chosen, chances.tolist(), strict=True))), PAIR))

    frame = decode(body)

    assert chosen == frame["prediction"].tolist()
    assert chances.tobytes() == frame.iloc[:, 1:].to_numpy().tobytes()


@pytest.mark.parametrize("rows", [1, 256, 257, 5_000])
def test_regressions_of_any_length_are_exact(rows: int) -> None:
    """So do the numbers of a regressor."""
    numbers = np.random.default_rng(rows).normal(size=rows) * 10.0 ** np.arange(rows).clip(0, 300)

    frame = decode(orjson.dumps(answered([[number] for number in numbers.tolist()], ["prediction"])))

    assert numbers.tobytes() == frame["prediction"].to_numpy().tobytes()


def test_frame_can_be_changed(read: Reading) -> None:
    """What comes back is the caller's own, not a view of the answer's bytes."""
    frame = read(answered([[1, [0.25, 0.75]], [0, [0.5, 0.5]]], PAIR))

    frame.loc[0, "probability_1"] = 1.0
    frame["prediction"] = frame["prediction"] + 1

    assert [[2, 0.25, 1.0], [1, 0.5, 0.5]] == table(frame)


def test_header_of_a_frame_is_its_own(read: Reading) -> None:
    """Naming the columns of one frame does not name those of the next."""
    answer = answered([[1, [0.25, 0.75]]], PAIR)
    read(answer).columns.name = "mine"

    assert read(answer).columns.name is None


@pytest.mark.parametrize("values", [[[1, [0.2, 0.8]]] * 2, [["a", [0.2, 0.8]]] * 2, [[True, [0.2, 0.8]]] * 2])
def test_index_of_the_input_comes_back(read: Reading, values: list[Any]) -> None:
    """Scores stand on the labels of the rows that were sent."""
    index = pd.Index(["ana", "rui"], name="who")

    frame = read(answered(values, PAIR), index=index)

    pd.testing.assert_index_equal(index, frame.index)


@pytest.mark.parametrize("values", [[[1, [0.2, 0.8]]], [["a", [0.2, 0.8]]] * 3, []])
def test_other_number_of_rows_is_an_error(read: Reading, values: list[Any]) -> None:
    """An answer with a row too few or too many cannot be laid beside the input."""
    with pytest.raises(InvalidResponseError, match=f"holds {len(values)} rows, but 2 were sent"):
        read(answered(values, PAIR), index=pd.RangeIndex(2))


SHAPES: dict[str, tuple[Any, list[str], list[list[Any]]]] = {
    "several outputs of a regressor": (
        answered([[[1.5, 2.5]], [[3.5, 4.5]]], ["prediction"]),
        ["prediction_0", "prediction_1"],
        [[1.5, 2.5], [3.5, 4.5]],
    ),
    "several labels of a classifier": (
        answered([[["a", 1]], [["b", 2]]], ["prediction"]),
        ["prediction_0", "prediction_1"],
        [["a", 1], ["b", 2]],
    ),
    "an image for each row": (answered([[[[1, 2], [3, 4]]]], ["prediction"]), ["prediction"], [[[[1, 2], [3, 4]]]]),
    "a block for each block of the request": (
        {
            "predictions": [
                {"fields": ["prediction"], "values": [[1]]},
                {"fields": ["prediction"], "values": [[2], [3]]},
            ]
        },
        ["prediction"],
        [[1], [2], [3]],
    ),
    "blocks without ids": (
        {"predictions": [{"values": [7, 2]}, {"values": [[0.5, 0.5], [1.0, 0.0]]}]},
        ["output_0", "output_1_0", "output_1_1"],
        [[7, 0.5, 0.5], [2, 1.0, 0.0]],
    ),
    "blocks with different fields": (
        {"predictions": [{"fields": ["a"], "values": [[1]]}, {"fields": ["b"], "values": [[2]]}]},
        ["a", "b"],
        [[1, 2]],
    ),
    "one field whose values stand alone": (answered(["x", "y"], ["answer"]), ["answer"], [["x"], ["y"]]),
    "one text for all": (answered("a summary"), ["prediction"], [["a summary"]]),
    "one object for all": (answered({"a": 1}), ["probability_a"], [[1]]),
    "missing probabilities": (
        answered([[1, [None, 0.5]]], PAIR),
        ["prediction", "probability_0", "probability_1"],
        [[1, float("nan"), 0.5]],
    ),
    "whole probabilities": (
        answered([[1, [0, 1]], [0, [1, 0]]], PAIR),
        ["prediction", "probability_0", "probability_1"],
        [[1, 0.0, 1.0], [0, 1.0, 0.0]],
    ),
    "probabilities in another field order": (
        answered([[[0.5, 0.5], 1]], PAIR[::-1]),
        ["probability_0", "probability_1", "prediction"],
        [[0.5, 0.5, 1]],
    ),
    "a single probability": (
        answered([[1, [0.5]], [0, [0.25]]], PAIR),
        ["prediction", "probability_0"],
        [[1, 0.5], [0, 0.25]],
    ),
    "words and sparse vectors": (
        answered([[["a"], [3, [0], [1.0]]], [["b", "c"], [3, [1, 2], [1.0, 2.0]]]], ["words", "features"]),
        ["words", "features"],
        [[["a"], [3, [0], [1.0]]], [["b", "c"], [3, [1, 2], [1.0, 2.0]]]],
    ),
    "two vectors of a length": (
        answered([[[1], [2]], [[3], [4]]], ["words", "features"]),
        ["words", "features"],
        [[[1], [2]], [[3], [4]]],
    ),
    "no rows": (answered([], PAIR), ["prediction"], []),
    "no rows of no fields": (answered([]), ["prediction"], []),
    "more than the predictions": (
        {**answered([[1, [0.5, 0.5]]], PAIR, id="x"), "system": {"warnings": []}},
        ["prediction", "probability_0", "probability_1"],
        [[1, 0.5, 0.5]],
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_is_read_as(read: Reading, name: str) -> None:
    """Shapes that were not recorded, but follow from the recorded ones."""
    answer, columns, rows = SHAPES[name]

    frame = read(answer)

    assert (columns, repr(rows)) == (list(frame.columns), repr(table(frame)))


def test_no_rows_have_the_columns_of_the_classes(read: Reading) -> None:
    """The frame of no rows fits the frames of other batches."""
    frame = read(answered([], PAIR), classes=["bad", "good"])

    assert ["prediction", "probability_bad", "probability_good"] == list(frame.columns)


NO_ANSWERS: dict[str, Any] = {
    "an error body": {"trace": "1", "errors": [{"code": "x", "message": "y"}]},
    "a list of nothing": [],
    "no blocks": {"predictions": []},
    "blocks that are no mappings": {"predictions": [3]},
    "a block without values": {"predictions": [{"fields": ["a"]}]},
    "a number": 3,
    "a text": "ok",
    "nothing": None,
    "a row too short": answered([[1, [0.5, 0.5]], [1]], PAIR),
    "a row too long": answered([[1, [0.5, 0.5]], [1, [0.5, 0.5], 2]], PAIR),
    "a row that is no row": answered([[1, [0.5, 0.5]], 1], PAIR),
    "probabilities too few": answered([[1, [0.5, 0.5]], [0, [1.0]]], PAIR),
    "probabilities too many": answered([[1, [0.5, 0.5]], [0, [0.5, 0.25, 0.25]]], PAIR),
    "ragged rows that make up for each other": answered([[1, [0.5]], [0, [0.5, 0.25, 0.25]]], PAIR),
    "a number for a list": answered([[1, [0.5, 0.5]], [0, 0.5]], PAIR),
    "probabilities of text": answered([[1, ["0.5", "0.5"]]], PAIR),
    "probabilities partly of text": answered([[1, [0.5, "0.5"]], [1, [0.5, 0.5]]], PAIR),
    "text labels partly among the probabilities": answered([["a", [0.5, 0.5]], [0.5, ["b", 0.5]]], PAIR),
    "probabilities of booleans": answered([[1, [True, False]]], PAIR),
    "labels of two kinds": answered([["a", [0.5, 0.5]], [1, [0.5, 0.5]]], PAIR),
    "labels and booleans": answered([[True, [0.5, 0.5]], [1, [0.5, 0.5]]], PAIR),
    "regressions of two kinds": answered([["a"], [1.5]], ["prediction"]),
    "outputs of different lengths": answered([[[1.5, 2.5]], [[3.5]]], ["prediction"]),
    "rows of different lengths": answered([[1, 2], [3]]),
    "rows of different kinds": answered([[1, 2], 3]),
    "mappings with different keys": answered([{"0": 0.5}, {"1": 0.5}]),
    "fields that are no list": answered([[1]], "prediction"),
    "fields that are no text": answered([[1]], [3]),
    "blocks of different lengths": {"predictions": [{"id": "a", "values": [1]}, {"id": "b", "values": [1, 2]}]},
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_an_error(read: Reading, name: str) -> None:
    """Ragged and mistyped answers are errors, never shifted numbers."""
    with pytest.raises(InvalidResponseError) as caught:
        read(NO_ANSWERS[name])

    assert caught.value.next_step


BROKEN = {
    "nothing": b"",
    "a page": b"<html><body>Bad gateway</body></html>",
    "cut off": orjson.dumps(answered([[1, [0.5, 0.5]]] * 3, PAIR))[:-20],
    "cut off behind a row": orjson.dumps(answered([[1, [0.5, 0.5]]] * 3, PAIR))[:-5],
    "a number cut in two": b'{"predictions":[{"fields":["prediction"],"values":[[1.5],[2 .5]]}]}',
    "a number of two points": b'{"predictions":[{"fields":["prediction"],"values":[[1.5],[2.5.5]]}]}',
    "a missing value": paired(b"[[1,[,0.5]]]"),
    "a number behind the probabilities": paired(b"[[1,[0.5,0.5]2]]"),
    "a number behind the row": paired(b"[[1,[0.5,0.5]]2]"),
    "a number before the probabilities": paired(b"[[1,2[0.5,0.5]]]"),
    "a label before its bracket": paired(b"[[1,[0.5,0.5]],1[,[0.5,0.5]]]"),
    "the first label before its bracket": paired(b"[1[,[0.5,0.5]]]"),
    "a text before its bracket": paired(b'[["a",[0.5,0.5]],"b"[,[0.5,0.5]]]'),
    "the first probability before its bracket": paired(b"[[1,0.5[,0.5]]]"),
    "the last probability behind its bracket": paired(b"[[1,[0.5,]0.5]]"),
    "the last probability behind its row": paired(b"[[1,[0.5,]]0.5,[1,[0.5,0.5]]]"),
    "the only probability before its bracket": paired(b"[[1,0.5[]]]"),
    "the only probability behind its bracket": paired(b"[[1,[]0.5]]"),
    "a regression before its bracket": b'{"predictions":[{"fields":["prediction"],"values":[[1.5],2.5[]]}]}',
    "a regression behind its bracket": b'{"predictions":[{"fields":["prediction"],"values":[[]1.5,[2.5]]}]}',
    "no UTF-8": paired(b'[["\xff",[0.5,0.5]]]'),
    "NaN, and cut off": b'{"predictions":[{"fields":["prediction"],"values":[[NaN],[',
    "a line break": paired(b'[["a\nb",[0.5,0.5]]]'),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bytes_are_an_error(name: str) -> None:
    """What is not JSON is an error that shows how it begins."""
    with pytest.raises(InvalidResponseError, match="is not JSON"):
        decode(BROKEN[name])


@pytest.mark.parametrize("labels", [[0, 1], ["a", "b"], [0.5, 2.0], None])
def test_usual_answers_are_read_the_fast_way(labels: list[Any] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser that makes a list of every row is not asked for them."""
    monkeypatch.setattr(payload, "_parsed", lambda _: pytest.fail("the slow way"))
    rows = [[labels[row % 2], [0.5, 0.25]] if labels else [row + 0.5] for row in range(5_000)]

    frame = decode(json.dumps(answered(rows, PAIR if labels else PAIR[:1]), separators=(",", ":")).encode())

    assert 5_000 == len(frame)


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 5_000])
def test_number_beyond_doubles_is_an_error(number: str) -> None:
    """It is not infinite."""
    body = paired(f"[[0.5,[{number},0.5]]]".encode())

    with pytest.raises(InvalidResponseError):
        decode(body)


def test_nan_and_infinities_are_read_as_python_writes_them() -> None:
    """A service in Python may answer NaN, which JSON does not know."""
    body = json.dumps(answered([[float("nan")], [float("inf")], [-float("inf")]], ["prediction"])).encode()

    assert "[nan, inf, -inf]" == repr(decode(body)["prediction"].tolist())


def test_values_of_another_list_are_not_taken_for_the_answer_s() -> None:
    """Only the values of the one block of predictions are read as such."""
    body = b'{"predictions":[{"fields":["prediction"],"more":{"values":[[1.5]]},"values": [[2.5]],"o":[{"a":[]}]}]}'

    assert [2.5] == decode(body)["prediction"].tolist()
