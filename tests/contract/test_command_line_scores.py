"""``score`` and ``compare`` on the command line: rows from files and standard input; scores as CSV, Parquet, JSON."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from tests.credentials_file import write_credentials
from wml_deployer._command_line import main, rows

if TYPE_CHECKING:
    from pathlib import Path

    from wml_deployer.testing import LocalServer

# A postal code that looks like a number, integers and dates: what a CSV does not tell apart.
ROWS = pd.DataFrame(
    {
        "zip": ["00123", "00456", "70001", "00123"] * 15,
        "age": range(20, 80),
        "income": np.linspace(0.1, 7.3, 60),
        "is_new": [True, False, False] * 20,
    }
)
LABELS = ["stays" if age < 45 else "leaves" for age in ROWS["age"]]
MODEL = make_pipeline(
    make_column_transformer((OrdinalEncoder(), ["zip"]), remainder="passthrough"),
    RandomForestClassifier(n_estimators=5, random_state=0),
).fit(ROWS, LABELS)
EXPECTED = pd.DataFrame(
    {
        "prediction": MODEL.predict(ROWS),
        "probability_leaves": MODEL.predict_proba(ROWS)[:, 0],
        "probability_stays": MODEL.predict_proba(ROWS)[:, 1],
    }
)


class Shell:
    """A deployed project, and the commands on it.

    Args:
        folder: Where its files are.

    """

    def __init__(self, folder: Path, server: LocalServer) -> None:
        self.folder, self._credentials = folder, folder / "credentials.yaml"
        (folder / "metadata.yaml").write_text("project_name: scored-by-command\nproject_version: v1\n")
        write_credentials(self._credentials, server.info)
        joblib.dump(MODEL, folder / "model.joblib")
        ROWS.to_csv(folder / "rows.csv", index=False)
        assert 0 == self.run("release", "model.joblib", "--unpickle", "--sample", "rows.csv")

    def run(self, command: str, file: str, *options: str) -> int:
        """Run a command on a file of the folder."""
        words = [str(self.folder / word) if (self.folder / word).is_file() else word for word in (file, *options)]
        return main([command, words[0], str(self.folder), str(self._credentials), *words[1:]])

    def scores(self, name: str) -> pd.DataFrame:
        """Read scores back as whoever gets them would."""
        path = self.folder / name
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Shell:
    """Deploy once."""
    return Shell(tmp_path_factory.mktemp("scored"), server)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Any:
    """Put a file on standard input."""

    def put(name: str) -> None:
        content = io.BufferedReader(io.BytesIO((shell.folder / name).read_bytes()))
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=content))

    return put


@pytest.mark.parametrize("chunk_rows", [7, 20_000], ids=["in chunks", "at once"])
def test_scores_of_a_csv_are_printed_as_csv(
    shell: Shell, chunk_rows: int, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row for row what the model says, to the last bit: text stayed text, and numbers numbers."""
    monkeypatch.setattr(rows, "CHUNK_ROWS", chunk_rows)
    code = shell.run("score", "rows.csv")

    assert 0 == code
    pd.testing.assert_frame_equal(
        EXPECTED, pd.read_csv(io.BytesIO(capsysbinary.readouterr().out), float_precision="round_trip")
    )


def test_columns_that_are_kept_stand_before_the_scores(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they were written, whatever they look like, and in the rows that they belong to."""
    monkeypatch.setattr(rows, "CHUNK_ROWS", 7)
    keys = [f"{number:05}" for number in range(60)]
    ROWS.assign(key=pd.Series(keys)).to_csv(shell.folder / "keyed.csv", index=False)
    output = shell.folder / "kept.csv"
    code = shell.run("score", "keyed.csv", "--keep", "key", "--output", str(output))
    found = pd.read_csv(output, dtype={"key": str})

    assert (0, ["key", *EXPECTED]) == (code, list(found))
    assert (keys, EXPECTED["prediction"].tolist()) == (found["key"].tolist(), found["prediction"].tolist())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("source", ["rows.parquet", "-"])
def test_parquet_is_read_and_written(shell: Shell, stdin: Any, source: str, ending: str) -> None:
    """From a file and from standard input, which is known by its first bytes."""
    pytest.importorskip("pyarrow")
    ROWS.to_parquet(shell.folder / "rows.parquet")
    stdin("rows.parquet")
    output = shell.folder / f"scores.{ending}"
    code = shell.run("score", source, "--output", str(output))

    assert 0 == code
    pd.testing.assert_frame_equal(EXPECTED, shell.scores(output.name))


def test_rows_on_standard_input_are_scored(shell: Shell, stdin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As one document with ``--json``."""
    stdin("rows.csv")
    code = shell.run("score", "-", "--json")
    document = json.loads(capsys.readouterr().out)

    assert (0, 60, "v1") == (code, document["rows"], document["version"])
    pd.testing.assert_frame_equal(EXPECTED, pd.DataFrame(document["scores"]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.drop(columns="age"), "age"),
        (lambda frame: frame.assign(age=["old", *frame["age"][1:]]), "age"),
        (lambda frame: frame.rename(columns={"zip": "zip,code"}).set_axis(["a", "b", "c", "d"], axis=1), "zip"),
    ],
    ids=["a column is missing", "a cell is no number", "other columns"],
)
def test_rows_that_do_not_fit_are_refused(
    shell: Shell, spoil: Any, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the code of input that cannot be used; no file of scores is left."""
    spoil(ROWS).to_csv(tmp_path / "spoilt.csv", index=False)
    code = shell.run("score", str(tmp_path / "spoilt.csv"), "--output", str(tmp_path / "scores.csv"), "--json")
    error = json.loads(capsys.readouterr().out)["error"]

    assert (11, True) == (code, said in json.dumps(error))
    assert ["spoilt.csv"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("command", ["score", "check"])
def test_lines_that_are_longer_than_the_header_are_refused(
    shell: Shell, command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Pandas would take their first cell for a label and shift the others under wrong names."""
    lines = (shell.folder / "rows.csv").read_text().splitlines()
    (tmp_path / "long.csv").write_text("\n".join([lines[0], *(f"9,{line}" for line in lines[1:])]))
    long = str(tmp_path / "long.csv")
    code = shell.run("score", long) if command == "score" else shell.run("check", "model.joblib", "--sample", long)

    assert (11, True) == (code, "more cells than the 4 of its header" in capsys.readouterr().err)


def test_a_file_that_cannot_be_written_is_told(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name."""
    code = shell.run("score", "rows.csv", "--output", "no/such/folder/scores.csv")

    assert (11, True) == (code, "no/such/folder/scores.csv" in capsys.readouterr().err)


def test_a_header_alone_has_no_scores(shell: Shell, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Which is no error."""
    ROWS.iloc[:0].to_csv(tmp_path / "empty.csv", index=False)
    code = shell.run("score", str(tmp_path / "empty.csv"), "--json")

    assert (0, 0) == (code, json.loads(capsys.readouterr().out)["rows"])


def test_a_reader_that_has_seen_enough_ends_the_scoring(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As ``| head`` does: no traceback, no error."""
    monkeypatch.setattr(rows, "CHUNK_ROWS", 7)
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        if len(written) == 2:
            raise BrokenPipeError

    monkeypatch.setattr(rows, "write_data", write)
    monkeypatch.setattr("wml_deployer._command_line.scoring.stop_writing", lambda _: None)
    code = shell.run("score", "rows.csv")

    assert (0, 2, "") == (code, len(written), capfd.readouterr().err)


def test_versions_are_compared_on_a_file(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed is told row by row."""
    other = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["zip"]), remainder="passthrough"),
        RandomForestClassifier(n_estimators=1, max_depth=1, random_state=1),
    ).fit(ROWS, LABELS)
    joblib.dump(other, shell.folder / "other.joblib")
    shell.run("candidate", "other.joblib", "--unpickle")
    capsys.readouterr()
    code = shell.run("compare", "rows.csv", "--json")
    document = json.loads(capsys.readouterr().out)
    expected = [row for row in range(60) if other.predict(ROWS)[row] != EXPECTED["prediction"][row]]

    assert (0, 60, expected) == (code, document["rows"], [changed["row"] for changed in document["changed"]])
