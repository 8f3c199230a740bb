"""The proof: what agrees, what differs, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from wml_deployer._rollout.proof import disagreement
from wml_deployer._rollout.sampling import MOST_ROWS, take_sample
from wml_deployer.frameworks import profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._rollout.sample import Sample
    from wml_deployer.errors import RolloutError

RANDOM = np.random.default_rng(7)
FRAME = pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=["c", "a", "b"])
LABELS = np.where(FRAME["c"] > 0.5, "high", np.where(FRAME["a"] > 0, "low", "middle"))


def sampled(model: Any, rows: Any) -> Sample:
    """A sample as store takes it."""
    return take_sample(model, rows, profile(model, rows if isinstance(rows, pd.DataFrame) else None).schema)


def endpoint(model: Any, columns: Callable[[pd.DataFrame], Any] = lambda frame: frame) -> Callable[[bytes], bytes]:
    """An endpoint that a model answers, after its columns went through something."""

    def score(payload: bytes) -> bytes:
        block = orjson.loads(payload)["input_data"][0]
        rows = columns(pd.DataFrame(block["values"], columns=block.get("fields")))
        values = zip(model.predict(rows).tolist(), model.predict_proba(rows).tolist(), strict=True)
        return answer(["prediction", "probability"], [list(row) for row in values])

    return score


def answer(fields: list[str], values: list[list[Any]]) -> bytes:
    """An answer's bytes."""
    return orjson.dumps({"predictions": [{"fields": fields, "values": values}]})


def expected_of(sample: Sample) -> list[list[Any]]:
    """The local model's rows."""
    values: list[list[Any]] = orjson.loads(sample.expected)["predictions"][0]["values"]
    return values


def failure(score: Callable[[bytes], bytes], sample: Sample) -> RolloutError:
    """The disagreement that there must be."""
    found = disagreement(score, sample)
    assert found is not None
    return found


@pytest.fixture
def tree() -> Any:
    """A model whose every column counts."""
    return DecisionTreeClassifier(random_state=0).fit(FRAME, LABELS)


@pytest.fixture
def smooth() -> Any:
    """A model whose probabilities are no round numbers."""
    return GaussianNB().fit(FRAME, LABELS)


def test_the_same_model_agrees(smooth: Any) -> None:
    """There is no disagreement with oneself."""
    assert disagreement(endpoint(smooth), sampled(smooth, FRAME)) is None


@pytest.mark.parametrize(("shift", "agrees"), [(1e-8, True), (5e-7, True), (1e-4, False)])
def test_probabilities_agree_within_the_tolerance(smooth: Any, shift: float, agrees: bool) -> None:
    """A millionth is rounding, more is not."""
    sample = sampled(smooth, FRAME)
    moved = [[label, [p[0] + shift, *p[1:]]] for label, p in expected_of(sample)]

    assert agrees == (disagreement(lambda _: answer(["prediction", "probability"], moved), sample) is None)


def test_large_numbers_agree_relative_to_their_size() -> None:
    """A regression of millions is not held to a millionth."""
    model = LinearRegression().fit(FRAME, FRAME["a"] * 1e9)
    sample = sampled(model, FRAME)
    moved = [[value * (1 + 1e-8)] for [value] in expected_of(sample)]

    assert disagreement(lambda _: answer(["prediction"], moved), sample) is None


def test_classes_in_another_order_are_found(smooth: Any) -> None:
    """The right probabilities under the wrong names."""
    sample = sampled(smooth, FRAME)
    turned = [[label, [p[1], p[0], p[2]]] for label, p in expected_of(sample)]
    error = failure(lambda _: answer(["prediction", "probability"], turned), sample)

    assert "the order of the classes: the deployment answers probability_high as probability_low" in error.message


@pytest.mark.parametrize("order", [["a", "b", "c"], ["b", "a", "c"], ["a", "c", "b"]])
def test_columns_in_another_order_are_found(tree: Any, order: list[str]) -> None:
    """Sorted, reversed, swapped: the endpoint is asked again, and answers rightly."""
    wrong = endpoint(tree, lambda frame: frame[order].set_axis(["c", "a", "b"], axis=1))

    assert "Likely cause: the order of the columns" in failure(wrong, sampled(tree, FRAME)).message


def test_columns_without_names_are_found_by_place() -> None:
    """An array's columns are told by number."""
    model = DecisionTreeClassifier(random_state=0).fit(FRAME.to_numpy(), LABELS)
    wrong = endpoint(model, lambda frame: frame.to_numpy()[:, [1, 0, 2]])

    assert "with column 0, column 1 in another order" in failure(wrong, sampled(model, FRAME.to_numpy())).message


def test_single_precision_is_found(smooth: Any) -> None:
    """All labels equal, all numbers nearly so."""
    sample = sampled(smooth, FRAME)
    rounded = [[label, np.round(p, 5).tolist()] for label, p in expected_of(sample)]
    error = failure(lambda _: answer(["prediction", "probability"], rounded), sample)

    assert "Likely cause: the dtype: answers differ by" in error.message


def test_labels_of_another_type_are_found() -> None:
    """1 and "1" are not the same label."""
    model = SVC().fit(FRAME, (FRAME["a"] > 0).astype(int))
    sample = sampled(model, FRAME)
    texts = [[str(label)] for [label] in expected_of(sample)]

    assert "the dtype of the labels: int64 here" in failure(lambda _: answer(["prediction"], texts), sample).message


def test_answers_that_change_are_found(tree: Any) -> None:
    """Asked again, it answers rightly."""
    right, asked = endpoint(tree), []

    def unsteady(payload: bytes) -> bytes:
        asked.append(payload)
        values = [["high", [1.0, 0.0, 0.0]]] * len(FRAME)
        return answer(["prediction", "probability"], values) if len(asked) == 1 else right(payload)

    assert "Likely cause: the answers change" in failure(unsteady, sampled(tree, FRAME)).message


def test_another_number_of_classes_is_another_model(smooth: Any) -> None:
    """Columns are compared before rows."""
    two = [[label, p[:2]] for label, p in expected_of(sampled(smooth, FRAME))]
    error = failure(lambda _: answer(["prediction", "probability"], two), sampled(smooth, FRAME))

    assert "another model serves" in error.message


def test_what_nothing_explains_names_no_cause(smooth: Any) -> None:
    """A model that is simply another one is not explained away."""
    other = GaussianNB().fit(FRAME, np.roll(LABELS, 7))

    assert "Likely cause" not in failure(endpoint(other), sampled(smooth, FRAME)).message


def test_the_table_shows_the_rows_that_differ_and_no_others(tree: Any) -> None:
    """Two of sixty rows differ: both stand there, with their places."""
    sample = sampled(tree, FRAME)
    rows = expected_of(sample)
    for place in (3, 41):
        rows[place] = ["nobody", rows[place][1]]
    lines = failure(lambda _: answer(["prediction", "probability"], rows), sample).message.splitlines()

    assert (True, ["3", "41"]) == (
        lines[0].startswith("2 of 60"),
        [line.split()[0] for line in lines if "nobody" in line],
    )


def test_the_endpoint_is_asked_once_more_at_most(smooth: Any) -> None:
    """Looking for the cause does not keep an unproven version at the endpoint."""
    other, asked = endpoint(GaussianNB().fit(FRAME, np.roll(LABELS, 7))), []

    def counted(payload: bytes) -> bytes:
        asked.append(payload)
        return other(payload)

    failure(counted, sampled(smooth, FRAME))

    assert 2 == len(asked)


def test_categories_and_missing_values_are_sampled() -> None:
    """They go as text and null, and the local model gets them as it was fitted."""
    frame = pd.DataFrame({"kind": pd.Categorical(["x", "y", "x", "y"]), "size": [1.0, np.nan, 3.0, 4.0]})
    encoder = ColumnTransformer([("kind", OneHotEncoder(), ["kind"])])
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    values = orjson.loads(sampled(model, frame).payload)["input_data"][0]["values"]

    assert [["x", 1.0], ["y", None]] == values[:2]


@pytest.mark.parametrize("rows", [FRAME.to_numpy()[:4], FRAME.to_numpy()[:4].tolist(), FRAME.head(4)])
def test_a_model_without_names_takes_rows_of_any_kind(rows: Any) -> None:
    """Frames, arrays and lists give the same answers."""
    model = GaussianNB().fit(FRAME.to_numpy(), LABELS)

    assert model.predict(FRAME.to_numpy()[:4]).tolist() == [label for label, _ in expected_of(sampled(model, rows))]


@pytest.mark.parametrize("rows", [FRAME.to_numpy()[:4], FRAME.to_numpy()[:4].tolist(), FRAME[["a", "b", "c"]].head(4)])
def test_a_model_with_names_takes_rows_of_any_kind(smooth: Any, rows: Any) -> None:
    """Frames in any order; arrays and lists in the model's."""
    assert smooth.predict(FRAME.head(4)).tolist() == [label for label, _ in expected_of(sampled(smooth, rows))]


def test_several_outputs_are_compared_value_by_value() -> None:
    """Each row has a list of labels and a list of probabilities an output."""
    targets = np.column_stack([LABELS == "high", FRAME["b"] > 0]).astype(int)
    sample = sampled(RandomForestClassifier(5, random_state=0).fit(FRAME, targets), FRAME)
    turned = [[labels, probabilities[::-1]] for labels, probabilities in expected_of(sample)]
    both = [
        disagreement(lambda _, values=values: answer(["prediction", "probability"], values), sample) is None  # type: ignore[misc]  # bound now
        for values in (expected_of(sample), turned)
    ]

    assert [True, False] == both


@pytest.mark.parametrize(
    "model",
    [
        SVC(),
        VotingClassifier([("one", GaussianNB()), ("two", DecisionTreeClassifier())], voting="hard"),
    ],
)
def test_models_without_probabilities_are_sampled(model: Any) -> None:
    """Whatever has no probabilities just now answers its prediction alone."""
    sample = sampled(model.fit(FRAME, LABELS), FRAME)

    assert [1] * len(FRAME) == [len(row) for row in expected_of(sample)]


def test_several_numbers_a_row_are_sampled() -> None:
    """A regression of two outputs has a list for a prediction."""
    sample = sampled(KNeighborsRegressor(2).fit(FRAME, FRAME[["a", "b"]]), FRAME)

    assert 2 == len(expected_of(sample)[0][0])


@pytest.mark.parametrize(
    "kind", [lambda frame: frame, lambda frame: frame.to_numpy(), lambda frame: frame.to_numpy().tolist()]
)
def test_a_large_sample_is_thinned_evenly(smooth: Any, kind: Callable[[pd.DataFrame], Any]) -> None:
    """A thousand rows are enough, from the first to the last tenth."""
    many = pd.concat([FRAME] * 50, ignore_index=True)
    sample = sampled(smooth, kind(many))

    assert (MOST_ROWS, many.iloc[2997].tolist()) == (
        len(expected_of(sample)),
        orjson.loads(sample.payload)["input_data"][0]["values"][-1],
    )
