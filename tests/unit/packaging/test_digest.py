"""One model has one digest, however it is saved, loaded and used, and no other model shares it."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier

from tests.estimators import KINDS, fit, predict
from wml_deployer.errors import PackagingError
from wml_deployer.packaging._digest import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOME = (
    "Birch",
    "ColumnTransformer forest",
    "GridSearchCV",
    "HistGradientBoostingClassifier",
    "KNeighborsClassifier kd_tree",
    "TfidfVectorizer",
    "XGBClassifier",
)
"""The kinds of the default run; the long runs have them all."""

MASKED: Any = np.ma.MaskedArray
X = np.random.default_rng(0).normal(size=(60, 4))
PADDED = np.dtype([("flag", "i1"), ("value", "f8")], align=True)
"""Seven bytes of each row belong to no field."""
NESTED = np.dtype([("inner", PADDED, (2,)), ("flag", "i1")], align=True)


class Holder(DummyRegressor):  # type: ignore[misc]  # scikit-learn is untyped
    """An estimator to hang things on."""


class Raising:
    """Its own code raises when it is pickled."""

    def __reduce__(self) -> Any:
        """Raise what nobody expects."""
        raise ZeroDivisionError("no state today")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Models this small warn of many things."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def fitted(kind: str) -> Any:
    """One fit of a kind, which has predicted nothing yet."""
    return fit(kind)


def holding(thing: Any) -> str:
    """The digest of an estimator with something on it."""
    model = Holder()
    model.thing = thing
    return digest(model)


def through_pickle(protocol: int) -> Callable[[Any, str, Path], Any]:
    return lambda model, _, __: pickle.loads(pickle.dumps(model, protocol))


def through_joblib(**options: Any) -> Callable[[Any, str, Path], Any]:
    def save_and_load(model: Any, _: str, folder: Path) -> Any:
        joblib.dump(model, folder / "model.joblib", **options)
        return joblib.load(folder / "model.joblib")

    return save_and_load


def through_memory_map(model: Any, _: str, folder: Path) -> Any:
    joblib.dump(model, folder / "mapped.joblib")
    return joblib.load(folder / "mapped.joblib", mmap_mode="r")


def after_predict(model: Any, kind: str, _: Path) -> Any:
    used = copy.deepcopy(model)
    predict(kind, used)
    return used


def after_predict_with_more_threads(model: Any, kind: str, _: Path) -> Any:
    used = copy.deepcopy(model)
    if "n_jobs" in getattr(used, "get_params", dict)():
        used.set_params(n_jobs=2)
    predict(kind, used)
    return used


def loaded_used_and_saved_again(model: Any, kind: str, folder: Path) -> Any:
    used = through_joblib(protocol=2)(model, kind, folder)
    predict(kind, used)
    return pickle.loads(pickle.dumps(used, 4))


WAYS: dict[str, Callable[[Any, str, Path], Any]] = {
    "pickle 0": through_pickle(0),
    "pickle 2": through_pickle(2),
    "pickle 5": through_pickle(5),
    "joblib": through_joblib(),
    "joblib zlib": through_joblib(compress=3),
    "joblib xz": through_joblib(compress=("xz", 1), protocol=2),
    "memory map": through_memory_map,
    "copy": lambda model, _, __: copy.copy(model),
    "deep copy": lambda model, _, __: copy.deepcopy(model),
    "predict": after_predict,
    "n_jobs": after_predict_with_more_threads,
    "used and saved again": loaded_used_and_saved_again,
}
"""Ways to save, load and use a model within this process; two more are other processes."""


def check_ways(kind: str, folder: Path) -> None:
    """Compare the digests of one model after each way."""
    model = fitted(kind)
    expected = digest(model)

    assert dict.fromkeys(WAYS, expected) == {way: digest(go(model, kind, folder)) for way, go in WAYS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOME)
def test_no_way_to_save_load_or_use_changes_the_digest(kind: str, tmp_path: Path) -> None:
    """Pickle and joblib, compressed, mapped or copied, before and after predict."""
    check_ways(kind, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", sorted({*KINDS} - {*SOME}))
def test_no_way_to_save_load_or_use_changes_any_digest(kind: str, tmp_path: Path) -> None:
    """The same for all other kinds."""
    check_ways(kind, tmp_path)


IN_ANOTHER_PROCESS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import joblib
from pathlib import Path
from tests.estimators import predict
from wml_deployer.packaging._digest import digest
found = {}
for path in Path(sys.argv[1]).iterdir():
    model = joblib.load(path)
    before = digest(model)
    predict(path.stem, model)
    found[path.stem] = [before, digest(model)]
print(json.dumps(found))
"""


def check_processes(kinds: tuple[str, ...], folder: Path, *seeds: str) -> None:
    """Compare the digests of models here with those in processes of other hash seeds, before and after predict."""
    for kind in kinds:
        joblib.dump(fitted(kind), folder / f"{kind}.joblib")
    expected = {kind: [digest(fitted(kind))] * 2 for kind in kinds}
    for seed in seeds:
        ran = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, folder],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=400,
        )
        assert expected == json.loads(ran.stdout)


@pytest.mark.slow
def test_the_digest_does_not_depend_on_the_process(tmp_path: Path) -> None:
    """Another process with another hash seed loads the same model."""
    check_processes(SOME, tmp_path, "1")


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_no_digest_depends_on_the_process(tmp_path: Path) -> None:
    """The same for all kinds."""
    check_processes(KINDS, tmp_path, "1", "2")


def nudge(value: Any, seen: set[int]) -> bool:
    """Change the first coefficient that is found by the least possible; returns whether there is one."""
    if id(value) in seen:
        return False
    seen.add(id(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size and value.flags.writeable:
        value.flat[0] = np.nextafter(value.flat[0], value.dtype.type(np.inf))
        return True
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return any(nudge(each, seen) for each in value.ravel().tolist())
    if isinstance(value, list | tuple | dict):
        return any(nudge(each, seen) for each in (value.values() if isinstance(value, dict) else value))
    if type(value).__name__ == "Tree":
        return nudge(value.threshold, seen)
    return any(nudge(each, seen) for name, each in getattr(value, "__dict__", {}).items() if name != "cv_results_")


WITHOUT_COEFFICIENTS = {"Booster", "Booster gblinear", "LGBMClassifier"} | {
    kind for kind in KINDS if kind.startswith("XGB")
}
"""Kinds whose numbers are out of Python's reach."""


def check_nudged(kind: str) -> None:
    """Compare the digest of a model with that of a copy whose first coefficient differs in its last bit."""
    other = copy.deepcopy(fitted(kind))

    assert nudge(other, set())
    assert digest(fitted(kind)) != digest(other)


@pytest.mark.parametrize("kind", sorted({*SOME} - WITHOUT_COEFFICIENTS))
def test_the_last_bit_of_a_coefficient_changes_the_digest(kind: str) -> None:
    """The next float is another model."""
    check_nudged(kind)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", sorted({*KINDS} - {*SOME} - WITHOUT_COEFFICIENTS))
def test_the_last_bit_of_any_coefficient_changes_the_digest(kind: str) -> None:
    """The same for all other kinds."""
    check_nudged(kind)


def test_one_leaf_of_a_booster_changes_the_digest() -> None:
    """XGBoost's trees count, and what it was told of threads does not."""
    one, other, threads = (
        XGBClassifier(n_estimators=2, learning_rate=rate, n_jobs=jobs).fit(X, X[:, 0] > 0)
        for rate, jobs in ((0.3, 1), (np.float32(0.3) * (1 + 2**-22), 1), (0.3, 2))
    )
    other.learning_rate = threads.learning_rate = one.learning_rate

    assert digest(one) == digest(threads)
    assert digest(one) != digest(other)


@pytest.mark.exhaustive
def test_no_two_kinds_are_alike() -> None:
    """Every kind has a digest of its own."""
    assert len(KINDS) == len({digest(fitted(kind)) for kind in KINDS})


def strided(values: Any) -> Any:
    """The same values with gaps between them in memory."""
    wide = np.zeros((*values.shape, 2), values.dtype)
    wide[..., 0] = values
    return wide[..., 0]


def padded(content: bytes, dtype: np.dtype[Any]) -> Any:
    """An array with something in the bytes that belong to no field."""
    array: Any = np.frombuffer(content * dtype.itemsize, dtype=dtype).copy()
    if dtype is NESTED:
        array["inner"]["flag"], array["inner"]["value"] = 1, 2.5
        array["flag"] = 3
    else:
        array["flag"], array["value"] = 1, 2.5
    return array


def masked(under: object, fill: object = None) -> Any:
    array: Any = MASKED(np.array(["a", under], dtype=object), mask=[False, True])
    if fill is not None:
        array.fill_value = fill
    return array


def sorted_matrix(*, asked: bool) -> Any:
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    if asked:
        assert matrix.has_sorted_indices
        assert matrix.has_canonical_format
    return matrix


def drawn(times: int) -> Any:
    random = np.random.default_rng(0)
    random.normal(size=times)
    return random


def in_blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame, stored by column."""
    return pd.concat([frame[[name]] for name in frame.columns], axis=1)


FRAME = pd.DataFrame(
    {
        "a": [1.0, 2.0],
        "b": [3.0, np.nan],
        "c": ["x", "y"],
        "day": pd.to_datetime(["2024-01-01", "2025-01-01"]).tz_localize("UTC"),
        "kind": pd.Categorical(["u", "v"]),
        "count": pd.array([1, None], dtype="Int64"),
    }
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("".join(chr(97 + n) for n in range(6)), "abcdef", id="strings that are not one object"),
        pytest.param(["ab", "ab"], ["".join(iter("ab")), "ab"], id="strings that are one object"),
        pytest.param({"b", "a", "c"}, {"c", "b", "a"}, id="sets"),
        pytest.param(np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), id="memory order"),
        pytest.param(X, strided(X), id="strides"),
        pytest.param(np.arange(3.0), np.arange(3.0).astype(">f8"), id="byte order"),
        pytest.param(padded(b"\0", PADDED), padded(b"?", PADDED), id="padding"),
        pytest.param(padded(b"\0", NESTED), padded(b"?", NESTED), id="padding of nested fields"),
        pytest.param(np.array([0.1], np.longdouble), strided(np.array([0.1], np.longdouble)), id="long double"),
        pytest.param(masked("left over"), masked(None), id="what is under a mask"),
        pytest.param(masked(None), masked(None, "?"), id="the default fill value"),
        pytest.param(sorted_matrix(asked=False), sorted_matrix(asked=True), id="what a sparse matrix found out"),
        pytest.param(drawn(0), drawn(5), id="draws of a generator"),
        pytest.param([X, X], [X, X.copy()], id="arrays that are one object"),
        pytest.param(FRAME, in_blocks(FRAME), id="blocks of a frame"),
    ],
)
def test_what_is_no_content_does_not_count(one: Any, other: Any) -> None:
    """How a value lies in memory says nothing of what a model answers."""
    assert holding(one) == holding(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(1, 1.0, id="integer and float"),
        pytest.param(1, True, id="integer and boolean"),
        pytest.param("1", 1, id="text and integer"),
        pytest.param(b"1", "1", id="bytes and text"),
        pytest.param(b"1", bytearray(b"1"), id="bytes and bytearray"),
        pytest.param(0.0, -0.0, id="sign of zero"),
        pytest.param(10**5000, 10**5000 + 1, id="long integers"),
        pytest.param([1, 2], (1, 2), id="list and tuple"),
        pytest.param([1, [2]], [1, 2], id="nesting"),
        pytest.param([[1], 2], [[1, 2]], id="where a list ends"),
        pytest.param(["a", "b"], ["a\nb"], id="line breaks"),
        pytest.param({1, 2}, frozenset({1, 2}), id="set and frozenset"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="order of a dict"),
        pytest.param({"a": [1]}, {"a": 1}, id="values of a dict"),
        pytest.param(np.zeros(2, "f4"), np.zeros(2, "f8"), id="dtype"),
        pytest.param(np.zeros((2, 3)), np.zeros((3, 2)), id="shape"),
        pytest.param(np.zeros((0, 3)), np.zeros((3, 0)), id="shape without values"),
        pytest.param(np.float64(1), 1.0, id="scalar and float"),
        pytest.param(np.array(1.0), np.float64(1), id="array and scalar"),
        pytest.param(np.array(["a"]), np.array(["a"], dtype=object), id="text and objects"),
        pytest.param(np.zeros(2).view(np.recarray), np.zeros(2), id="kind of array"),
        pytest.param(np.array([(1, 2)], "i1,i1"), np.array([(1, 2)], [("x", "i1"), ("y", "i1")]), id="field names"),
        pytest.param(masked("x"), masked("x", "none"), id="fill value"),
        pytest.param(MASKED([1, 2], [0, 1]), MASKED([1, 2], [0, 0]), id="mask"),
        pytest.param(np.float32, np.float64, id="classes"),
        pytest.param(np.log1p, np.expm1, id="functions"),
        pytest.param(FRAME, FRAME[[*reversed(FRAME.columns)]], id="columns of a frame"),
        pytest.param(FRAME, FRAME.assign(kind=FRAME["kind"].cat.add_categories("w")), id="categories"),
        pytest.param(FRAME, FRAME.set_axis([1, 0], axis=0), id="index of a frame"),
    ],
)
def test_what_is_content_counts(one: Any, other: Any) -> None:
    """Values that a model could answer differently with are never taken for one another."""
    assert holding(one) != holding(other)


def test_values_in_long_lists_count() -> None:
    """Long lists are written in batches, and each place counts in each of them."""
    values: list[Any] = [*range(10_000)]
    digests = {holding(values)}
    for place in (0, 4095, 4096, 9999):
        digests.add(holding([*values[:place], -1, *values[place + 1 :]]))
        digests.add(holding([*values[:place], np.int64(place), *values[place + 1 :]]))

    assert 9 == len(digests)


def test_large_arrays_count_to_their_end() -> None:
    """Arrays are read in blocks, and the last value of the last one counts, in either memory order."""
    values = np.zeros((1_000, 301))
    other = values.copy()
    other[-1, -1] = np.nextafter(0, 1)

    assert holding(values) == holding(np.asfortranarray(values)) == holding(strided(values))
    assert 2 == len({holding(values), holding(other)})


def test_an_object_that_holds_itself_has_a_digest() -> None:
    """A circle ends, and where it leads back to counts."""
    one: list[Any] = [1, []]
    one[1].append(one)
    other: list[Any] = [1, []]
    other[1].append(other[1])

    assert holding(one) == holding(copy.deepcopy(one))
    assert holding(one) != holding(other)


def test_towers_of_shared_parts_take_no_time() -> None:
    """What is there once is hashed once, however many ways lead to it."""
    tower: list[Any] = []
    for _ in range(100):
        tower = [tower, tower]

    assert 64 == len(holding(tower))


def test_the_estimator_is_not_changed() -> None:
    """A digest leaves nothing behind on the object."""
    model = fitted("GridSearchCV")
    before = pickle.dumps(model)
    digest(model)

    assert before == pickle.dumps(model)


def test_other_attributes_of_the_same_values_are_another_model() -> None:
    """The name of an attribute counts, and its order does not."""
    one, other, swapped = Holder(), Holder(), Holder()
    one.a, one.b = 1, 2
    other.b, other.a = 2, 1
    swapped.a, swapped.b = 2, 1

    assert digest(one) == digest(other)
    assert digest(one) != digest(swapped)


def test_threads_are_no_content() -> None:
    """How many cores a model uses is a matter of the machine."""
    assert digest(LogisticRegression(n_jobs=1)) == digest(LogisticRegression(n_jobs=2))


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        pytest.param(lambda: lambda x: x, "thing", "function", id="lambda"),
        pytest.param(threading.Lock, "thing", "a lock", id="lock"),
        pytest.param(lambda: {"inner": [0, threading.Lock()]}, "thing['inner'][1]", "a lock", id="nested"),
        pytest.param(lambda: (letter for letter in "ab"), "thing", "generator", id="generator"),
    ],
)
def test_what_cannot_be_pickled_is_named(value: Any, where: str, what: str) -> None:
    """The error says by which attribute to find the culprit, and what it is."""
    model = Holder()
    model.thing = value()

    with pytest.raises(PackagingError) as caught:
        digest(model)

    assert f"Holder cannot be pickled: {where} is {what}" in caught.value.message


def test_an_open_file_is_named(tmp_path: Path) -> None:
    """A log that was left open in a model is found."""
    model = Holder()
    with (tmp_path / "log.txt").open("w") as model.log, pytest.raises(PackagingError, match=r"log is a TextIOWrapper"):
        digest(model)


def test_a_lambda_is_found_in_a_pipeline() -> None:
    """The path leads through the steps of a pipeline."""
    pipeline = make_pipeline(FunctionTransformer(lambda frame: frame), DummyRegressor()).fit(X, X[:, 0])

    with pytest.raises(PackagingError, match=r"steps\[0\]\[1\]\.func is function .*<lambda>") as caught:
        digest(pipeline)

    assert "top level of an importable module" in (caught.value.next_step or "")


def test_what_users_code_raises_is_the_cause() -> None:
    """The error names the object, and what its own code raised is behind it."""
    model = Holder()
    model.parts = {"first": Raising()}

    with pytest.raises(PackagingError, match=r"parts\['first'\] is a Raising\. ZeroDivisionError: no state") as caught:
        digest(model)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
