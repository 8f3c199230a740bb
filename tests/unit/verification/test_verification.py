"""The verification of a deployment: what agrees, what differs, and what that shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from wml_deployer._verification.rehearsal import rehearse
from wml_deployer._verification.rows import MAX_ROWS, read_rows
from wml_deployer._verification.runtimes import NativeRuntime
from wml_deployer._verification.runtimes import answer as native_answer
from wml_deployer._verification.verify import disagreement, verify
from wml_deployer.errors import BadRequestError, RolloutError, TransportError
from wml_deployer.frameworks import profile
from wml_deployer.payload import decode
from wml_deployer.specifications import Specification

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._verification.sample import Sample

RANDOM = np.random.default_rng(7)
FRAME = pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=["c", "a", "b"])
LABELS = np.where(FRAME["c"] > 0.5, "high", np.where(FRAME["a"] > 0, "low", "middle"))


def sampled(model: Any, rows: Any) -> Sample:
    """A sample as store takes it."""
    read = read_rows(rows, profile(model).schema)
    rehearsal = rehearse(model, read, profile(model, read.frame if read.named else None).schema)
    assert rehearsal.sample is not None
    return rehearsal.sample


class Endpoint:
    """A deployment space whose only deployment answers by a function of the request's body."""

    def __init__(self, score: Callable[[bytes], bytes], packages: dict[str, str] | None = None) -> None:
        self.requests: list[bytes] = []
        self._score = score
        self._specification = Specification("f47a", "runtime-25.1-py3.12", packages=packages or {})

    def score(self, deployment_id: str, payload: bytes) -> bytes:
        """Answer a request."""
        assert deployment_id == "d1"
        self.requests.append(payload)
        return self._score(payload)

    def specifications(self) -> tuple[Specification, ...]:
        """List the one runtime."""
        return (self._specification,)

    def specification(self, specification: Specification) -> Specification:
        """Return a specification with its packages."""
        return specification


def served(model: Any, sample: Sample) -> Callable[[bytes], bytes]:
    """Score with a model as its runtime does."""
    runtime = NativeRuntime(model, sample.schema)
    return lambda body: native_answer(model, runtime.read(body))


def answer(values: list[list[Any]]) -> bytes:
    """The body of an answer of predictions and, where there are any, probabilities."""
    fields = ["prediction", "probability"][: len(values[0])]
    return orjson.dumps({"predictions": [{"fields": fields, "values": values}]})


def expected_of(sample: Sample) -> list[list[Any]]:
    """The local model's answers to all rows."""
    values: list[list[Any]] = orjson.loads(sample.parts[0].expected)["predictions"][0]["values"]
    return values


def agrees(sample: Sample, values: list[list[Any]]) -> bool:
    """Whether these answers to all rows pass."""
    return difference(sample, values) is None


def difference(sample: Sample, values: list[list[Any]]) -> RolloutError | None:
    """What differs if an endpoint answers all rows so."""
    part, classes = sample.parts[0], sample.schema.classes
    return disagreement(decode(answer(values), classes=classes), decode(part.expected, classes=classes), part)


@pytest.fixture
def smooth() -> Any:
    """Fit a model whose probabilities are not round numbers."""
    return GaussianNB().fit(FRAME, LABELS)


def test_the_same_model_passes(smooth: Any) -> None:
    """Every part of the sample is answered as here."""
    sample = sampled(smooth, FRAME)

    assert "passed" == verify(Endpoint(served(smooth, sample)), "d1", sample)  # type: ignore[arg-type]


def test_without_a_sample_the_verification_is_skipped() -> None:
    """Nothing is sent."""
    endpoint = Endpoint(lambda _: pytest.fail("a request was sent"))

    assert "skipped" == verify(endpoint, "d1", None)  # type: ignore[arg-type]


def test_all_rows_halves_and_rows_alone_are_sent(smooth: Any) -> None:
    """How many rows travel in each request."""
    sample = sampled(smooth, FRAME)
    endpoint = Endpoint(served(smooth, sample))
    verify(endpoint, "d1", sample)  # type: ignore[arg-type]

    rows = [len(orjson.loads(body)["input_data"][0]["values"]) for body in endpoint.requests]
    assert [60, 30, 30, 1, 1, 1, 1, 1] == rows


@pytest.mark.parametrize(("shift", "expected"), [(1e-8, True), (5e-7, True), (1e-4, False)])
def test_probabilities_agree_within_the_tolerance(smooth: Any, shift: float, expected: bool) -> None:
    """A millionth is rounding, more is not."""
    sample = sampled(smooth, FRAME)

    assert expected == agrees(sample, [[label, [p[0] + shift, *p[1:]]] for label, p in expected_of(sample)])


def test_large_numbers_agree_relative_to_their_size() -> None:
    """A regression of millions is not held to a millionth."""
    sample = sampled(LinearRegression().fit(FRAME, FRAME["a"] * 1e9), FRAME)

    assert agrees(sample, [[value * (1 + 1e-8)] for [value] in expected_of(sample)])


def test_classes_in_another_order_do_not_pass(smooth: Any) -> None:
    """The right probabilities under the wrong names."""
    sample = sampled(smooth, FRAME)

    assert not agrees(sample, [[label, [p[1], p[0], p[2]]] for label, p in expected_of(sample)])


def test_labels_of_another_type_do_not_pass() -> None:
    """1 and "1" are not the same label."""
    sample = sampled(SVC().fit(FRAME, (FRAME["a"] > 0).astype(int)), FRAME)

    assert not agrees(sample, [[str(label)] for [label] in expected_of(sample)])


def test_several_outputs_are_compared_value_by_value() -> None:
    """Each row has a list of labels and a list of probabilities an output."""
    targets = np.column_stack([LABELS == "high", FRAME["b"] > 0]).astype(int)
    sample = sampled(RandomForestClassifier(5, random_state=0).fit(FRAME, targets), FRAME)
    turned = [[labels, probabilities[::-1]] for labels, probabilities in expected_of(sample)]

    assert (True, False) == (agrees(sample, expected_of(sample)), agrees(sample, turned))


def test_another_number_of_classes_is_told_by_the_columns(smooth: Any) -> None:
    """Columns are compared before rows."""
    sample = sampled(smooth, FRAME)
    error = difference(sample, [[label, p[:2]] for label, p in expected_of(sample)])

    assert error is not None
    assert "with 60 rows of ['prediction', 'probability_0', 'probability_1'], the local model" in error.message


def test_the_table_shows_the_rows_that_differ_and_no_others(smooth: Any) -> None:
    """Two of sixty rows differ: both stand there, with their places."""
    sample = sampled(smooth, FRAME)
    rows = expected_of(sample)
    for place in (3, 41):
        rows[place] = ["nobody", rows[place][1]]
    error = difference(sample, rows)
    assert error is not None
    lines = error.message.splitlines()

    assert (True, ["3", "41"]) == (
        lines[0].startswith("2 of 60"),
        [line.split()[0] for line in lines if "nobody" in line],
    )


def failure(endpoint: Endpoint, sample: Sample) -> RolloutError:
    """The error of a verification that fails."""
    with pytest.raises(RolloutError) as caught:
        verify(endpoint, "d1", sample)  # type: ignore[arg-type]
    return caught.value


def test_another_model_is_told_by_all_rows(smooth: Any) -> None:
    """Neither the model nor its rehearsal answered so."""
    sample = sampled(smooth, FRAME)
    other = GaussianNB().fit(FRAME, np.roll(LABELS, 7))

    assert (
        "Another model serves than the one that was rehearsed"
        in failure(Endpoint(served(other, sample)), sample).message
    )


def test_libraries_that_differ_are_named(smooth: Any) -> None:
    """Python's release is not among them: nothing of the answer depends on it."""
    fitted = {"python": "3.11.2", "scikit-learn": "1.6.1", "numpy": "2.1.0"}
    plain = sampled(smooth, FRAME)
    sample = type(plain)(plain.parts, plain.schema, fitted, "runtime-25.1-py3.12")
    other = served(GaussianNB().fit(FRAME, np.roll(LABELS, 7)), sample)
    endpoint = Endpoint(other, {"python": "3.12", "scikit-learn": "1.6.1", "numpy": "1.26.4"})

    assert failure(endpoint, sample).message.endswith(
        "or other libraries run it: numpy 2.1.0 here, 1.26.4 in runtime-25.1-py3.12."
    )


def test_rows_that_fail_alone_are_values_that_change_on_the_way(smooth: Any) -> None:
    """All rows together were right, so the model is the right one."""
    sample = sampled(smooth, FRAME)
    right = served(smooth, sample)

    def score(body: bytes) -> bytes:
        values = orjson.loads(right(body))["predictions"][0]["values"]
        return answer([["nobody", p] for _, p in values] if len(values) == 1 else values)

    assert (
        "The deployment answers row 0 alone otherwise than the same rows among all rows"
        in failure(Endpoint(score), sample).message
    )


def test_another_model_that_is_right_by_chance_is_told_from_values_that_change() -> None:
    """It answers some rows as they should be, and each of them the same in every request."""
    sample = sampled(SVC().fit(FRAME, LABELS), FRAME)
    other = served(SVC().fit(FRAME, np.where(FRAME["b"] > 1, "high", LABELS)), sample)

    assert "Another model serves" in failure(Endpoint(other), sample).message


def test_a_sample_that_is_refused_fails(smooth: Any) -> None:
    """The service's words stand in the error."""
    sample = sampled(smooth, FRAME)

    def refuse(_: bytes) -> bytes:
        raise BadRequestError("X has 3 features", code="invalid_input_argument")

    error = failure(Endpoint(refuse), sample)
    assert ("The deployment cannot answer all rows of the sample: X has 3 features", "invalid_input_argument") == (
        error.message,
        error.code,
    )


@pytest.mark.parametrize("rows", [FRAME.to_numpy()[:4], FRAME.to_numpy()[:4].tolist(), FRAME.head(4)])
def test_a_model_without_names_takes_rows_of_any_kind(rows: Any) -> None:
    """Frames, arrays and lists give the same answers."""
    model = GaussianNB().fit(FRAME.to_numpy(), LABELS)

    assert model.predict(FRAME.to_numpy()[:4]).tolist() == [label for label, _ in expected_of(sampled(model, rows))]


ROWS = FRAME.head(4)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.to_numpy(),
        ROWS.to_numpy().tolist(),
        ROWS[["a", "b", "c"]],
        ROWS.to_dict("records"),
        [row for _, row in ROWS.iterrows()],
        ROWS.to_records(index=False),
        np.ma.MaskedArray(ROWS.to_numpy(), mask=False),  # type: ignore[no-untyped-call]
        {"input_data": [{"fields": ["c", "a", "b"], "values": ROWS.to_numpy().tolist()}]},
    ],
    ids=["array", "list", "other order", "mappings", "series", "structured", "masked", "document"],
)
def test_a_model_with_names_takes_rows_of_any_kind(smooth: Any, rows: Any) -> None:
    """Whatever score takes."""
    assert smooth.predict(ROWS).tolist() == [label for label, _ in expected_of(sampled(smooth, rows))]


@pytest.mark.parametrize("row", [ROWS.iloc[0], ROWS.iloc[0].to_dict(), ROWS.iloc[0].tolist(), ROWS.iloc[0].to_numpy()])
def test_a_single_row_is_a_sample(smooth: Any, row: Any) -> None:
    """A series, a mapping, a list, an array of one dimension."""
    assert smooth.predict(ROWS.head(1)).tolist() == [label for label, _ in expected_of(sampled(smooth, row))]


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

    assert (MAX_ROWS, many.iloc[2997].tolist()) == (
        len(expected_of(sample)),
        orjson.loads(sample.parts[0].payload)["input_data"][0]["values"][-1],
    )


def test_an_outage_while_it_is_explained_does_not_hide_a_disagreement(smooth: Any) -> None:
    """The first part failed; that the others cannot be sent changes nothing."""
    sample = sampled(smooth, FRAME)
    endpoint = Endpoint(served(GaussianNB().fit(FRAME, np.roll(LABELS, 7)), sample))

    def score(body: bytes) -> bytes:
        if len(endpoint.requests) > 1:
            raise TransportError("connection refused")
        return served(GaussianNB().fit(FRAME, np.roll(LABELS, 7)), sample)(body)

    endpoint._score = score
    assert "of 60 sample rows differ" in failure(endpoint, sample).message
