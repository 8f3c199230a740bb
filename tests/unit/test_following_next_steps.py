"""Each literal next step of an error without a service is followed once, word for word, and leads on."""

from __future__ import annotations

import io
import pickle
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

import keyring
import numpy as np
import pandas as pd
import pytest
from keyring.backends.fail import Keyring as NoBackend
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from tests.next_steps import FOLLOWED, Step, follows, literal_next_steps
from tests.unit.clients.test_keyring import InMemory
from tests.unit.verification.test_rehearsal import CASES, TEXT, Measure, measured, rehearsed
from wml_deployer import CloudCredentials, list_spaces, load_credentials, server
from wml_deployer._clients import door
from wml_deployer._clients.tokens import api_key
from wml_deployer._preflight.findings import input_findings
from wml_deployer._preflight.model import skew_findings
from wml_deployer._verification.sample_file import read_sample_file
from wml_deployer.frameworks import profile
from wml_deployer.packaging import pack
from wml_deployer.payload import prepare
from wml_deployer.specifications import Specification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROWS = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
_INSTALLS = "installs packages in an environment of its own, which takes minutes"
_WRITTEN_ELSEWHERE = "about a file or an object that another library writes"
NOT_FOLLOWED = {
    "Correct each of them; check() lists warnings as well.": "check() is named as a place to look at",
    "Set it on the pipeline, with pipeline.set_output(transform=...) for instance, and fit it again.": (
        "about a setting of the whole process"
    ),
    "Name one with specification=, derived from a runtime.": "needs a specification that is the user's own",
    "Fit the model with the libraries of {}, or choose a specification= with yours.": "needs another Python",
    "Pass requirements={}, or requirements='auto' for all that the model needs.": _INSTALLS,
    "Give a list, such as requirements=[{}].": _INSTALLS,
    "a name, and a version if you like: lightgbm==4.6.0": _INSTALLS,
    "Correct requirements= or code=, and check again.": _INSTALLS,
    "Give code=['src/shop']: folders of packages, and single modules.": _INSTALLS,
    "Pass the folder of the package, or the module: code=['{}'].": _INSTALLS,
    "Move it to a module, and give that as code=['my_module.py'].": _INSTALLS,
    "Move them to a module, and give that as code=['my_module.py']; or work with the Python of the runtime.": _INSTALLS,
    "Call .eval() on it first.": _WRITTEN_ELSEWHERE,
    "Convert the model with target_opset={}, or opset_version={} in torch.onnx.export.": _WRITTEN_ELSEWHERE,
    "Give as sample= rows that the graph takes: as many values a row as its input has, of its type.": (
        _WRITTEN_ELSEWHERE
    ),
    "Give as sample= rows that the module takes.": _WRITTEN_ELSEWHERE,
    "Give route='function'.": "a graph that answers otherwise than its module is a fault of the exporter",
    "Leave out route=: the service runs it as it is.": _WRITTEN_ELSEWHERE,
    "Install ONNX Runtime to rehearse it here: pip install onnxruntime": _INSTALLS,
    "Install the Keras that saved it; or leave out route=, and the file is stored as it is.": _INSTALLS,
    "Pass sample=, and install onnxruntime; or leave out route=: it then goes live as a function.": _INSTALLS,
    "Save it again, with onnx.save(model, path).": _WRITTEN_ELSEWHERE,
    "Save it whole, with onnx.save(model, path); or put the files beside it.": _WRITTEN_ELSEWHERE,
    "Save it with model.save(path).": _WRITTEN_ELSEWHERE,
    "Save it with onnx.save(model, path, save_as_external_data=True), and pass the path.": _WRITTEN_ELSEWHERE,
    "See that get_params() and classes_ of the model work, and store it again.": "about the user's own code",
    "See that get_params() and the attributes of the model work.": "about the user's own code",
    "is a Git LFS pointer, not the file itself (git lfs pull)": "needs a repository with Git LFS",
}
"""Next steps that no test follows, and why."""


def test_every_literal_next_step_is_followed() -> None:
    """A new one needs a test that follows it, or a reason why none can."""
    import_module("tests.contract.test_following_next_steps")

    assert literal_next_steps() == FOLLOWED.keys() | NOT_FOLLOWED.keys()
    assert not FOLLOWED.keys() & NOT_FOLLOWED.keys()


# Credentials.


@follows("Load them with load_credentials('credentials.yaml').")
def test_load_credentials_of_a_file(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of their file is not enough."""
    (tmp_path / "credentials.yaml").write_text("url: local\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    step.given_by(lambda: list_spaces("credentials.yaml"))  # type: ignore[arg-type]

    assert "local" == step.run("load_credentials('credentials.yaml')", load_credentials=load_credentials).kind


# Rows.


@follows(
    "Rename the columns; levels of a MultiIndex are joined by "
    "frame.columns = ['_'.join(map(str, column)) for column in frame.columns]."
)
def test_join_levels_of_columns(step: Step) -> None:
    """Names of columns have to be text."""
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    step.given_by(lambda: prepare(frame))
    step.execute("frame.columns = ['_'.join(map(str, column)) for column in frame.columns]", frame=frame)

    assert b'"a_1"' in prepare(frame).encode()


@follows("For many rows hand in pandas.DataFrame(...) of it; for a row of lists, a list of values.")
def test_hand_in_a_frame_of_many_rows(step: Step) -> None:
    """A mapping is a single row."""
    record = {"a": [1, 2]}
    step.given_by(lambda: prepare(record))
    frame = step.run("pandas.DataFrame(...)", filled_in="record", pandas=pd, record=record)

    assert b"[[1],[2]]" in prepare(frame).encode()


CHANGES = {
    "large integers": "Make it text before the fit and before scoring: {} = {}.astype(str).",
    "a time zone": "Fit the model on UTC without a zone: {} = {}.dt.tz_convert(None).",
    "another unit of time": (
        "Fit the model on dates in nanoseconds, and give the sample so: {} = {}.astype('datetime64[ns]')."
    ),
    "durations": "Fit the model on numbers: {} = {}.dt.total_seconds().",
    "narrow numbers": "Fit the model on the plain dtype, and give the sample so: {} = {}.astype({}).",
}


@follows(*CHANGES.values())
@pytest.mark.parametrize("case", CHANGES)
def test_change_a_column(step: Step, case: str) -> None:
    """It does not arrive as it was sent; what is fitted on the changed column passes."""
    rows, function, *_ = CASES[case]
    step.choose([finding.next_step for finding in measured(rows, function)])
    frame = rows.copy()
    found = re.search(r"frame\['a'\] = .*?\)(?=\.( |$))", step.text)
    assert found is not None
    step.execute(found[0], frame=frame)

    assert () == measured(frame, function)


@follows(
    "Fill the gaps before the fit and before scoring: {} = {}.fillna('missing'). Or let the pipeline begin with "
    "FunctionTransformer(pandas.DataFrame.fillna, kw_args={'value': numpy.nan}), and fit it again."
)
def test_fill_gaps_in_text(step: Step) -> None:
    """They arrive as None where the model was given NaN; either way of the next step helps."""
    rows = pd.DataFrame({"a": ["x", np.nan, "y", "x", "x", "y"]})
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    bare = make_pipeline(make_column_transformer((encode, ["a"])), Ridge())
    step.choose([finding.next_step for finding in rehearsed(bare.fit(rows, np.arange(6.0)), rows).findings])
    frame = rows.copy()
    step.execute("frame['a'] = frame['a'].fillna('missing')", frame=frame)
    code = "FunctionTransformer(pandas.DataFrame.fillna, kw_args={'value': numpy.nan})"
    begin = step.run(code, FunctionTransformer=FunctionTransformer, pandas=pd, numpy=np)

    assert "missing" in set(frame["a"])
    assert () == rehearsed(make_pipeline(begin, bare).fit(rows, np.arange(6.0)), rows).findings


@follows("Score no row with a gap in it, or let the pipeline fill them: SimpleImputer(missing_values=None) fills text.")
def test_let_the_pipeline_fill_text(step: Step) -> None:
    """The model takes NaN, and raises at None."""

    def function(frame: pd.DataFrame) -> list[float]:
        return [float(cell) if not isinstance(cell, str) else 1.0 for cell in frame["a"]]

    step.choose([finding.next_step for finding in measured(TEXT, function)])
    step.run("SimpleImputer(missing_values=None)", SimpleImputer=SimpleImputer)
    filling = SimpleImputer(missing_values=None, strategy="most_frequent").set_output(transform="pandas")
    findings = rehearsed(make_pipeline(filling, Measure(function)).fit(TEXT, None), TEXT).findings

    assert step.text not in {finding.next_step for finding in findings}


# Models.


@follows("Make one and fit it: {}().fit(X, y).")
def test_make_a_model_of_a_class(step: Step) -> None:
    """A class was handed in."""
    step.given_by(lambda: profile(DummyClassifier))
    fitted = step.run("DummyClassifier().fit(X, y)", DummyClassifier=DummyClassifier, X=ROWS, y=[0, 1])

    assert profile(fitted).model_type.startswith("scikit-learn_")


@follows("Fit it first: .fit(X, y).")
def test_fit_a_model_first(step: Step) -> None:
    """It is not fitted."""
    model = LogisticRegression()
    step.given_by(lambda: profile(model))
    step.execute(".fit(X, y)", before="model", model=model, X=ROWS, y=[0, 1])

    assert profile(model).model_type.startswith("scikit-learn_")


@follows("Train it first: xgboost.train(...).")
def test_train_a_booster_first(step: Step) -> None:
    """It has no rounds."""
    xgboost = pytest.importorskip("xgboost")
    step.given_by(lambda: profile(xgboost.Booster()))
    trained = step.run(
        "xgboost.train(...)", filled_in="{}, data", xgboost=xgboost, data=xgboost.DMatrix(ROWS, label=[0, 1])
    )

    assert profile(trained).model_type.startswith("xgboost_")


@follows("Train it first: lightgbm.train(...).")
def test_train_a_booster_of_lightgbm_first(step: Step) -> None:
    """It has no trees."""
    lightgbm = pytest.importorskip("lightgbm")
    quiet = {"verbose": -1, "min_data_in_leaf": 1, "min_data_in_bin": 1}
    data = lightgbm.Dataset(ROWS, label=[0, 1], params=quiet)
    untrained = lightgbm.Booster(params=quiet, train_set=data)
    step.given_by(lambda: profile(untrained))
    trained = step.run("lightgbm.train(...)", filled_in="quiet, data", lightgbm=lightgbm, data=data, quiet=quiet)

    assert profile(trained) is not None


@follows("Pass what .fit() returned.")
def test_pass_the_results_of_a_fit(step: Step) -> None:
    """A model of statsmodels holds no parameters."""
    models = pytest.importorskip("statsmodels.api")
    model = models.OLS([1.0, 2.0, 3.0], [[1.0], [2.0], [4.0]])
    step.given_by(lambda: profile(model))

    assert profile(step.run("fit()", model)) is not None


@follows(
    "Name the column inside the pipeline, such as ColumnTransformer([('text', TfidfVectorizer(), 'text')]), "
    "and fit it on a DataFrame."
)
def test_name_a_column_of_text(step: Step) -> None:
    """The model was fitted on a list of texts."""
    texts, labels = ["good book", "bad book"], [1, 0]
    bare = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    step.choose([finding.next_step for finding in input_findings(bare)])
    code = "ColumnTransformer([('text', TfidfVectorizer(), 'text')])"
    named = step.run(code, ColumnTransformer=ColumnTransformer, TfidfVectorizer=TfidfVectorizer)
    frame = pd.DataFrame({"text": texts})
    model = make_pipeline(named, LogisticRegression()).fit(frame, labels)

    assert ([], ()) == ([*input_findings(model)], rehearsed(model, frame).findings)


@follows("See that the files can be read, and that the temporary folder (directory=) has room.")
def test_give_a_temporary_folder(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual one is not there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    model = DummyClassifier().fit(ROWS, [0, 1])
    step.given_by(lambda: pack(model))
    assert "directory=" in step.text

    with pack(model, directory=tmp_path) as package:
        assert package.path.is_file()


@follows("Write it again: tar -czf model.tar.gz -C DIR .")
def test_write_an_archive_again(step: Step, tmp_path: Path) -> None:
    """It was cut off."""
    folder, archive = tmp_path / "model", tmp_path / "model.tar.gz"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(1))
    command = ["tar", "-czf", "model.tar.gz", "-C", str(folder), "."]
    subprocess.run(command, cwd=tmp_path, check=True)
    archive.write_bytes(archive.read_bytes()[:-20])
    step.given_by(lambda: pack(archive))
    assert " ".join(command).replace(str(folder), "DIR") in step.text
    subprocess.run(command, cwd=tmp_path, check=True)

    with pack(archive) as package:
        assert package.path.is_file()


# Packages that are not installed.


@follows("Install it (pip install pyarrow), or give a CSV file.")
def test_install_pyarrow(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Parquet file needs it."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    ROWS.to_parquet(path)
    with monkeypatch.context() as patch:
        patch.setattr(pd, "read_parquet", _not_installed)
        step.given_by(lambda: read_sample_file(path, {}))
    step.install()

    assert ROWS.equals(read_sample_file(path, {}).rows)


def _not_installed(*_: object, **__: object) -> None:
    raise ImportError("pyarrow")


@follows("Install it: python -m pip install matplotlib")
def test_install_matplotlib(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots need it."""
    pytest.importorskip("matplotlib")
    from wml_deployer.display._plots import _axes  # noqa: PLC0415 - what every plot begins with

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        step.given_by(lambda: _axes(None))
    step.install()


@follows("Install it: pip install keyring")
def test_install_keyring(step: Step, monkeypatch: pytest.MonkeyPatch, entries: InMemory) -> None:
    """The credentials name an entry of it."""
    entries.set_password("churn", "apikey", "k")
    credentials = CloudCredentials(url="eu-de", keyring="churn")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "keyring", None)
        step.given_by(lambda: api_key(credentials))
    step.install()

    assert api_key(credentials) is not None


@pytest.fixture
def entries() -> Iterator[InMemory]:
    """Let an empty keyring be the system's."""
    before, backend = keyring.get_keyring(), InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@follows(
    'keyring set "{}" "{}"',
    "Unlock it, or choose a backend that works here: keyring --list-backends; then {}",
)
@pytest.mark.parametrize("backend", [InMemory, NoBackend])
def test_set_a_key(
    step: Step, entries: InMemory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], backend: Any
) -> None:
    """The keyring has no entry, or cannot be opened."""
    cli: Any = import_module("keyring.cli")
    credentials = CloudCredentials(url="eu-de", keyring="churn")
    keyring.set_keyring(backend())
    step.given_by(lambda: api_key(credentials))
    if "--list-backends" in step.text:
        cli.main(["--list-backends"])
        assert "priority" in capsys.readouterr().out
    keyring.set_keyring(entries)
    monkeypatch.setattr(sys, "stdin", io.StringIO("k3y\n"))
    assert 'keyring set "churn" "apikey"' in step.text
    cli.main(["set", "churn", "apikey"])
    key = api_key(credentials)

    assert key is not None
    assert "k3y" == key.get_secret_value()


@follows("python -m pip install {}")
@pytest.mark.parametrize("missing", ["client", "embedded service"])
def test_install_an_extra(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """None of IBM's clients that reaches the platform is installed, or the embedded service is not."""
    installed = next(one for one in door.CLIENTS if one.installed)
    calls: dict[str, Callable[[], Any]] = {
        "client": lambda: _raise(door._none_fits([installed], "eu-de", (3, 11), "auto")),
        "embedded service": lambda: door.local_service(tmp_path),
    }
    with monkeypatch.context() as patch:
        patch.setattr(server, "join_or_start", _not_installed)
        step.given_by(calls[missing])
    step.install()


def _raise(error: Exception) -> None:
    raise error


@follows(
    "Fit the model with the runtime's release: pip install '{}=={}'; or choose a specification= that carries {} {}."
)
def test_install_the_release_of_the_runtime(step: Step) -> None:
    """The model was fitted with another one."""
    import sklearn  # noqa: PLC0415 - for its version

    runtime = Specification("1", "runtime", packages={"scikit-learn": sklearn.__version__})
    step.choose([finding.next_step for finding in skew_findings({"scikit-learn": "0.24.1"}, runtime)])
    step.install()

    assert [] == [*skew_findings({"scikit-learn": sklearn.__version__}, runtime)]
    assert "specification=" in step.text


@follows("Keep pandas objects out of the fitted model: let its own steps learn arrays, with frame.to_numpy().")
def test_let_steps_learn_arrays(step: Step) -> None:
    """The pickle holds a frame of another pandas."""
    runtime = Specification("1", "runtime", packages={"pandas": "1.5.3"})
    step.choose([each.next_step for each in skew_findings({"pandas": "2.2.3"}, runtime, lambda: {"pandas"})])
    learned = step.run("frame.to_numpy()", frame=ROWS)

    assert isinstance(learned, np.ndarray)
    assert [] == [*skew_findings({"pandas": "2.2.3"}, runtime, lambda: {"numpy"})]


# Credentials and the command line.


@follows("Load them where they are needed: load_credentials() reads a file or the worker's environment.")
def test_load_credentials_where_they_are_needed(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cannot be pickled."""
    step.given_by(lambda: pickle.dumps(CloudCredentials(url="eu-de", apikey="k")))
    monkeypatch.setenv("WML_URL", "eu-de")
    monkeypatch.setenv("WML_APIKEY", "k")

    assert "k" == step.run("load_credentials()", load_credentials=load_credentials).apikey.get_secret_value()


@follows("Correct the cells, or the types: --dtype NAME=TYPE.")
def test_correct_the_type_of_a_column(step: Step, tmp_path: Path) -> None:
    """A cell is not of the type that was given."""
    path = tmp_path / "rows.csv"
    path.write_text("postcode\n00123\nA1\n", encoding="utf-8")
    model = DummyClassifier().fit(pd.DataFrame({"postcode": ["x", "y"]}), [0, 1])
    step.given_by(lambda: read_sample_file(path, {"postcode": "int64"}).typed(model))
    assert "--dtype" in step.text

    assert ["00123", "A1"] == read_sample_file(path, {"postcode": "object"}).typed(model)["postcode"].tolist()


@follows("Give the file with --sample.")
def test_give_the_sample_as_a_file(step: Step, tmp_path: Path) -> None:
    """``--dtype`` alone says nothing."""
    from wml_deployer._command_line import make_parser  # noqa: PLC0415 - the command line's own
    from wml_deployer._command_line.arguments import read_sample  # noqa: PLC0415

    path = tmp_path / "rows.csv"
    path.write_text("postcode\n00123\n", encoding="utf-8")
    words = ["check", "model.joblib", ".", "local", "--dtype", "postcode=object"]
    step.given_by(lambda: read_sample(make_parser().parse_args(words)))
    assert "--sample" in step.text
    sample = read_sample(make_parser().parse_args([*words, "--sample", str(path)]))

    assert sample is not None
