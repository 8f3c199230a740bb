"""A sample's file: text stays text, numbers are exact, and the fitted model knows more than guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from wml_deployer._verification.sample_file import read_sample_file
from wml_deployer.errors import ClientNotInstalledError, PayloadError
from wml_deployer.frameworks._schema import column_types
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pd.DataFrame({"zip": ["123", "456", "123"], "plan": ["a", "b", "a"], "age": [1.0, 2.0, 3.0]})


def read(folder: Path, text: str, model: Any = None, **dtypes: str) -> pd.DataFrame:
    """The typed rows of a CSV."""
    path = folder / "sample.csv"
    path.write_text(text, encoding="utf-8")
    return read_sample_file(path, dtypes).typed(model)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2"], pd.Series([1, 2])),
        (["-1", "0"], pd.Series([-1, 0])),
        (["1", ""], pd.Series([1.0, np.nan])),
        (["1", "NA"], pd.Series([1.0, np.nan])),
        (["0.1", "1e-7"], pd.Series([0.1, 1e-7])),
        (["1.5", "nan"], pd.Series([1.5, np.nan])),
        (["00123", "12345"], pd.Series(["00123", "12345"], dtype=object)),
        (["007.5", "1.5"], pd.Series(["007.5", "1.5"], dtype=object)),
        (["NA", "DE"], pd.Series(["NA", "DE"], dtype=object)),
        (["a", ""], pd.Series(["a", np.nan], dtype=object)),
        (["True", "False"], pd.Series([True, False])),
        (["true", ""], pd.Series(["true", np.nan], dtype=object)),
        (["2026-01-31", "2026-02-01"], pd.Series(["2026-01-31", "2026-02-01"], dtype=object)),
        (["9007199254740993", "1"], pd.Series([9007199254740993, 1])),
        (["9007199254740993", ""], pd.Series(["9007199254740993", np.nan], dtype=object)),
        (["9223372036854775808", "1"], pd.Series(["9223372036854775808", "1"], dtype=object)),
        (["0.1234567890123456789", "1"], pd.Series([0.1234567890123456789, 1.0])),
    ],
)
def test_only_what_reads_the_same_afterwards_is_a_number(
    cells: list[str], expected: pd.Series[Any], tmp_path: Path
) -> None:
    """Leading zeros, large integers and words are text."""
    frame = read(tmp_path, "\n".join(["b,a", *(f"x,{cell}" for cell in cells)]))

    pd.testing.assert_series_equal(expected.rename("a"), frame["a"])


@pytest.mark.parametrize(
    ("dtype", "cells", "expected"),
    [
        ("object", ["1", "2"], pd.Series(["1", "2"], dtype=object)),
        ("category", ["1", "2"], pd.Series(["1", "2"], dtype="category")),
        ("float64", ["1", "2"], pd.Series([1.0, 2.0])),
        ("float32", ["0.5", ""], pd.Series([0.5, np.nan], dtype="float32")),
        ("Int64", ["1", ""], pd.Series([1, None], dtype="Int64")),
        ("int64", ["00123", "1"], pd.Series([123, 1])),
        ("datetime64[ns]", ["2026-01-31", ""], pd.Series([pd.Timestamp("2026-01-31"), pd.NaT])),
        ("bool", ["true", "FALSE"], pd.Series([True, False])),
        ("timedelta64[ns]", ["1 days", "2 days"], pd.Series(pd.to_timedelta([1, 2], unit="D"))),
    ],
)
def test_a_type_that_is_said_decides(dtype: str, cells: list[str], expected: pd.Series[Any], tmp_path: Path) -> None:
    """Whatever the cells look like."""
    frame = read(tmp_path, "\n".join(["b,a", *(f"x,{cell}" for cell in cells)]), a=dtype)

    pd.testing.assert_series_equal(expected.rename("a").astype(pd.api.types.pandas_dtype(dtype)), frame["a"])


ENCODE = OneHotEncoder(handle_unknown="ignore")
MODELS = {
    "encoder": make_pipeline(ENCODE, DummyClassifier()),
    "names": make_pipeline(make_column_transformer((ENCODE, ["zip", "plan"])), DummyClassifier()),
    "positions": make_pipeline(make_column_transformer((ENCODE, [0, 1])), DummyClassifier()),
    "slice of names": make_pipeline(make_column_transformer((ENCODE, slice("zip", "plan"))), DummyClassifier()),
    "slice": make_pipeline(make_column_transformer((ENCODE, slice(0, 2))), DummyClassifier()),
    "mask": make_pipeline(make_column_transformer((ENCODE, [True, True, False])), DummyClassifier()),
    "function": make_pipeline(
        make_column_transformer((ENCODE, lambda rows: list(rows.columns[:2]))), DummyClassifier()
    ),
    "imputer first": make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), ["plan", "zip"]),
            (StandardScaler(), ["age"]),
        ),
        DummyClassifier(),
    ),
    "text": make_pipeline(
        ColumnTransformer([("zip", TfidfVectorizer(), "zip"), ("plan", ENCODE, ["plan"])], remainder="passthrough"),
        DummyClassifier(),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_knows_which_columns_were_text(name: str) -> None:
    """By what its encoders and vectorizers have seen, wherever in the pipeline they are."""
    model = MODELS[name].fit(ROWS, [0, 1, 0])
    found = {column: dtype for column, dtype in column_types(model).items() if column != "age"}

    assert {"zip": "object", "plan": "object"} == found


def test_a_booster_knows_which_columns_were_categories() -> None:
    """XGBoost records them."""
    xgboost = pytest.importorskip("xgboost")
    rows = ROWS.assign(zip=ROWS["zip"].astype("category")).drop(columns="plan")
    model = xgboost.XGBRegressor(enable_categorical=True, n_estimators=1).fit(rows, [0.0, 1.0, 0.0])

    assert {"zip": "category"} == column_types(model)


def test_text_that_looks_like_numbers_is_text_to_a_model_of_text(tmp_path: Path) -> None:
    """A guess would make them integers, and the schema with them."""
    frame = read(tmp_path, "zip,plan,age\n123,a,1\n456,b,2\n", MODELS["names"].fit(ROWS, [0, 1, 0]))

    assert ["123", "456"] == frame["zip"].tolist()


def test_what_is_said_goes_before_what_the_model_knows(tmp_path: Path) -> None:
    """The caller decides."""
    model = MODELS["names"].fit(ROWS, [0, 1, 0])

    assert "int64" == str(read(tmp_path, "zip,plan,age\n123,a,1\n", model, zip="int64")["zip"].dtype)


def test_every_cell_that_does_not_fit_is_refused_by_column_and_row(tmp_path: Path) -> None:
    """All columns at once."""
    with pytest.raises(PayloadError) as caught:
        read(tmp_path, "a,b\n1,1\nx,\n", a="int64", b="int64")

    assert [
        ("column 'a'", "row 1 has 'x', which is not int64"),
        ("column 'b'", "row 1 has a gap, which int64 does not admit"),
    ] == [(fault.where, fault.problem) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("dtypes", "message"),
    [({"weigth": "int64"}, "did you mean 'weight'?"), ({"weight": "number"}, "--dtype weight=number")],
    ids=["column", "type"],
)
def test_wrong_types_are_refused(dtypes: dict[str, str], message: str, tmp_path: Path) -> None:
    """A column that is not there, a type that pandas does not know."""
    with pytest.raises(PayloadError) as caught:
        read(tmp_path, "a,weight\n1,1\n", **dtypes)

    assert message in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """In the words of the system."""
    with pytest.raises(PayloadError, match=r"nowhere.csv cannot be read: .*No such file"):
        read_sample_file(tmp_path / "nowhere.csv", {})


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Nothing is inferred; a type that is said is cast to."""
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": ["00123", None], "b": pd.Series([1, 2], dtype="int8")})
    frame.to_parquet(tmp_path / "sample.parquet")
    found = read_sample_file(tmp_path / "sample.parquet", {"b": "float32"}).typed(None)

    assert (["00123", None], "float32") == (found["a"].tolist(), str(found["b"].dtype))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or to give a CSV."""

    def without(*_: object) -> None:
        raise ImportError("no engine")

    monkeypatch.setattr(pd, "read_parquet", without)
    with pytest.raises(ClientNotInstalledError, match="pip install pyarrow"):
        read_sample_file(tmp_path / "sample.parquet", {})


def fitting(folder: Path, text: str, **fields: str) -> pd.DataFrame:
    """Read a CSV for a stored model with these fields."""
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return read_sample_file(path, {}).fitting([Field(name, dtype) for name, dtype in fields.items()])


@pytest.mark.parametrize(
    ("dtype", "cells", "expected"),
    [
        ("object", ["00123", "1"], pd.Series(["00123", "1"], dtype=object)),
        ("int64", ["00123", "1"], pd.Series([123, 1], dtype="Int64")),
        ("int64", ["1", ""], pd.Series([1, None], dtype="Int64")),
        ("int64", ["1.0", "2.0"], pd.Series([1.0, 2.0])),
        ("int64", ["1", "many"], pd.Series(["1", "many"], dtype=object)),
        ("float64", ["1", "NA"], pd.Series([1.0, np.nan])),
        ("bool", ["True", ""], pd.Series([True, None], dtype="boolean")),
        ("category", ["1", "2"], pd.Series(["1", "2"], dtype="category")),
        ("of another program", ["1", "2"], pd.Series([1, 2])),
    ],
)
def test_a_stored_field_decides(dtype: str, cells: list[str], expected: pd.Series[Any], tmp_path: Path) -> None:
    """A number of another kind than the field's is one all the same, and what is none stays text, to be refused."""
    frame = fitting(tmp_path, "\n".join(["b,a", *(f"x,{cell}" for cell in cells)]), a=dtype)

    pd.testing.assert_series_equal(expected.rename("a"), frame["a"])


def test_a_date_that_is_none_is_refused_for_a_stored_field(tmp_path: Path) -> None:
    """By its column."""
    with pytest.raises(PayloadError, match="column 'a'"):
        fitting(tmp_path, "a\nsoon\n", a="datetime64[ns]")
