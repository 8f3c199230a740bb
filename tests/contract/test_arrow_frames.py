"""Models fitted on polars; frames of polars, pyarrow and DuckDB scored on the service, in their own libraries."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.credentials_file import credential_variables
from wml_deployer import Deployer, SoftwareCredentials
from wml_deployer.errors import ConfigurationError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.testing import LocalServer

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

COLUMNS = ["prediction", "probability_no", "probability_yes"]


@pytest.fixture(scope="module")
def rows() -> Any:
    """Sixty rows of numbers and labels, some of them missing."""
    chance = np.random.default_rng(0)
    gaps = chance.random(60) < 0.1
    return pl.DataFrame(
        {
            "visits": [
                None if gap else value for gap, value in zip(gaps, chance.integers(0, 9, 60).tolist(), strict=True)
            ],
            "income": chance.normal(50, 10, 60),
            "city": chance.choice(["Recife", "Olinda", "Natal"], 60),
            "plan": pl.Series(chance.choice(["basic", "gold"], 60).tolist(), dtype=pl.Enum(["basic", "gold"])),
        }
    )


@pytest.fixture(scope="module")
def fitted(rows: Any) -> Any:
    """Fit a pipeline on the frame of polars, from which scikit-learn takes the names."""
    steps = make_column_transformer(
        (SimpleImputer(), ["visits", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])
    )
    labels = np.where(rows["income"].to_numpy() > 50, "yes", "no")
    model = make_pipeline(steps, DecisionTreeClassifier(min_samples_leaf=4)).fit(rows, labels)
    assert model.feature_names_in_.tolist() == rows.columns
    return model


@pytest.fixture(scope="module")
def project(
    server: LocalServer, tmp_path_factory: pytest.TempPathFactory, fitted: Any, rows: Any
) -> Iterator[Deployer]:
    """Release the model with a sample of polars, once for all tests of this file."""
    path = tmp_path_factory.mktemp("arrow") / "metadata.yaml"
    path.write_text(f"project_name: {path.parent.name}\nproject_version: v0.1\n", encoding="utf-8")
    info = server.info
    credentials = SoftwareCredentials(
        url=info.url, username=info.username, apikey=info.apikey, ca_bundle=info.ca_bundle, space_id=info.space_id
    )
    with Deployer(credentials, path) as deployer:
        deployer.release(fitted, sample=rows.head(20))
        yield deployer


@pytest.fixture(scope="module")
def expected(fitted: Any, rows: Any) -> list[tuple[Any, ...]]:
    """What the model answers here, to the frame that it was fitted on."""
    chances = fitted.predict_proba(rows).tolist()
    return [(label, *chance) for label, chance in zip(fitted.predict(rows).tolist(), chances, strict=True)]


def test_sample_of_polars_verifies_a_model_fitted_on_polars(project: Deployer, fitted: Any, rows: Any) -> None:
    """Check finds nothing, the rollout was verified, and the same content is live already."""
    assert () == project.check(fitted, sample=rows).errors
    assert ["passed"] == project.history()["verification"].tolist()
    assert project.release(fitted, sample=rows.lazy()).version == "v0.1"
    assert 1 == len(project.history())


def test_scores_of_polars_are_polars(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """With the columns that pandas gets, in the order of the rows; a lazy frame is computed."""
    for given in (rows, rows.lazy()):
        scores = project.score(given)

        assert isinstance(scores, pl.DataFrame)
        assert scores.columns == COLUMNS
        assert scores.rows() == expected


def test_scores_are_those_of_the_frame_of_pandas(project: Deployer, rows: Any) -> None:
    """Value by value."""
    by_pandas = pd.DataFrame({name: pd.Series(rows[name].to_list()) for name in rows.columns})

    assert_frame_equal(
        pd.DataFrame(project.score(rows).to_dict(as_series=False)), pd.DataFrame(project.score(by_pandas))
    )


@pytest.mark.parametrize("kind", ["Table", "RecordBatch"])
def test_scores_of_pyarrow_are_of_the_same_kind(project: Deployer, rows: Any, expected: list[Any], kind: str) -> None:
    """A table for a table, a batch for a batch."""
    table = rows.to_arrow()
    scores = project.score(table if kind == "Table" else table.combine_chunks().to_batches()[0])

    assert type(scores).__name__ == kind
    assert scores.schema.names == COLUMNS
    assert [tuple(row.values()) for row in scores.to_pylist()] == expected


def test_stream_that_is_read_once_gets_a_table(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """Whoever hands it out; a table can be handed on to any library."""
    scores = project.score(Stream(rows.to_arrow()), batch_rows=7)

    assert isinstance(scores, pa.Table)
    assert [tuple(row.values()) for row in scores.to_pylist()] == expected


class Stream:
    """A query of a library that nobody has heard of, whose rows come once."""

    def __init__(self, table: Any) -> None:
        self._tables = [table]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._tables.pop().__arrow_c_stream__(requested_schema)


def test_relation_of_duckdb_gets_a_relation(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """On its own connection, where it can go on in SQL."""
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        arrow = rows.to_arrow()
        relation = connection.sql("SELECT * FROM arrow")
        scores = project.score(relation)

        assert isinstance(scores, duckdb.DuckDBPyRelation)
        assert scores.fetchall() == expected
        likely = connection.sql("SELECT count(*) FROM scores WHERE prediction = 'yes'").fetchall()
        assert likely == [(sum(label == "yes" for label, *_ in expected),)]
        assert arrow.num_rows == 60


def test_chunks_come_back_in_their_own_libraries(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """Each for itself, as they are consumed."""
    chunks = [rows[:20], rows[20:40].lazy(), rows[40:].to_arrow(), rows[:0]]
    first, second, third, none = project.score(iter(chunks))

    assert isinstance(second, pl.DataFrame)
    assert [*first.rows(), *second.rows(), *(tuple(row.values()) for row in third.to_pylist())] == expected
    assert (none.columns, len(none)) == (COLUMNS, 0)


def test_reader_of_record_batches_is_an_iterator(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """It is scored batch by batch, in bounded memory."""
    reader = rows.to_arrow().combine_chunks().to_reader(max_chunksize=25)
    scores = list(project.score(reader))

    assert [25, 25, 10] == [part.num_rows for part in scores]
    assert [tuple(row.values()) for part in scores for row in part.to_pylist()] == expected
    with pytest.raises(ConfigurationError, match="Expected rows, got an iterator"):
        asyncio.run(project.ascore(rows.to_arrow().to_reader()))


def test_no_rows_have_the_columns_and_types_of_scores(project: Deployer, server: LocalServer, rows: Any) -> None:
    """And nothing is asked for."""
    some = project.score(rows[:1])
    server.clear_requests()

    assert project.score(rows[:0]).schema == some.schema
    assert project.score(rows[:0].to_arrow()).schema.types == [pa.string(), pa.float64(), pa.float64()]
    assert [] == [request for request in server.requests if request.path.endswith("/predictions")]


def test_rows_without_scores_are_null(project: Deployer, server: LocalServer, rows: Any, expected: list[Any]) -> None:
    """Where a batch may fail."""
    server.fault("POST", "/predictions", status=400, skip=1, times=1)
    scores = project.score(rows, batch_rows=20, in_flight=1, on_error="null")

    assert scores.rows() == [*expected[:20], *[(None, None, None)] * 20, *expected[40:]]


def test_scorer_keeps_columns_of_the_same_library(
    project: Deployer, server: LocalServer, rows: Any, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key stays what it is, and stands before the scores."""
    for name, value in credential_variables(server.info).items():
        monkeypatch.setenv(name, value)
    keyed = rows.with_columns(key=pl.int_range(2**53, 2**53 + 60))
    scorer = pickle.loads(pickle.dumps(project.scorer(keyed.head(3), keep="key")))
    scores = scorer(keyed)

    assert scores.columns == ["key", *COLUMNS]
    assert scores["key"].to_list() == keyed["key"].to_list()
    assert scores.drop("key").rows() == expected
    assert scorer(keyed[:0]).schema == scores.schema
    assert scorer(keyed.to_arrow()).schema.names == scores.columns
    assert scorer(keyed.to_pandas()).columns.tolist() == scores.columns
    with pytest.raises(SchemaError, match="'key' are not among those of the frame"):
        scorer(rows)


def test_batch_job_gives_back_the_library(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """When it is waited for, and when its result is asked for later."""
    assert project.score_batch(rows).rows() == expected
    table: Any = project.submit_batch(rows.to_arrow()).result()
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


def test_event_loop_gets_the_library(project: Deployer, rows: Any, expected: list[Any]) -> None:
    """Awaited like any rows."""
    assert asyncio.run(project.ascore(rows)).rows() == expected


def test_candidate_is_compared_on_polars(project: Deployer, fitted: Any, rows: Any) -> None:
    """A stream is read once, for both."""
    other = clone(fitted).set_params(decisiontreeclassifier__max_depth=1).fit(rows, ["yes", "no"] * 30)
    try:
        project.candidate(other, sample=rows.head(5))
        assert 60 == project.compare(Stream(rows.to_arrow())).rows
    finally:
        project.discard()
