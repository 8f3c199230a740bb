"""What a pickle would import is found without loading it, in every form that joblib and pickle write."""

from __future__ import annotations

import collections
import decimal
import io
import os
import pickle
import pickletools
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from wml_deployer.errors import PackagingError
from wml_deployer.packaging import pack
from wml_deployer.packaging._pickles import PickleScan, scan_pickle, scan_pickles

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"height": np.arange(12.0), "colour": list("rgb") * 4, "text": ["a fox", "the dog", "cats"] * 4})
Y = np.array(["no", "yes"] * 6)
COLUMNS = ColumnTransformer(
    [("n", StandardScaler(), ["height"]), ("c", OneHotEncoder(), ["colour"]), ("t", TfidfVectorizer(), "text")]
)
MODELS = [
    make_pipeline(COLUMNS, RandomForestClassifier(3, random_state=0)).fit(FRAME, Y),
    HistGradientBoostingClassifier(max_iter=2).fit(FRAME[["height"]], Y),
    KNeighborsClassifier().fit(FRAME[["height"]], Y),
]
ARRAYS = [
    np.array([(1, 2.5)], dtype=[("a", "i1"), ("b", "f8")]),
    np.array(["ação", "b"]),
    np.array([b"abc"]),
    np.array(["2024-01-01"], dtype="datetime64[ns]"),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.zeros((0, 4), dtype="float32"),
    np.array(7),
    np.array([[1, 2, 3], [4, 5, 6]], order="F"),
    np.array([("a", 1)], dtype=[("name", object), ("n", "i4")]),
]


def pickled_modules(source: Any) -> set[str]:
    return {module for module, _ in scan_pickles(source).globals}


class Harm:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        """Be what a poisoned pickle is."""
        return os.system, (self.command,)


ASK = """
import joblib, sys
asked = set()
sys.addaudithook(lambda event, arguments: asked.add(arguments[-2:]) if event == "pickle.find_class" else None)
joblib.load(sys.argv[1])
print(sorted(asked))
"""


@pytest.mark.slow
def test_all_that_loading_imports_is_found(tmp_path: Path) -> None:
    """The names are those, and only those, that Python says it looks up while the file is loaded."""
    path = tmp_path / "model.joblib"
    joblib.dump(MODELS, path)
    loaded = subprocess.run([sys.executable, "-c", ASK, path], capture_output=True, text=True, check=True, timeout=100)

    assert loaded.stdout == f"{sorted(scan_pickles(path).globals)}\n"


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
@pytest.mark.parametrize("compress", [0, 1])
def test_arrays_are_stepped_over(tmp_path: Path, array: Any, compress: int) -> None:
    """What stands behind an array of any dtype is found."""
    path = tmp_path / "model.pkl"
    joblib.dump([array, collections.Counter("a"), array, decimal.Decimal(1)], path, compress=compress)

    assert {"collections", "decimal"} <= pickled_modules(path)


def test_objects_in_arrays_are_looked_into(tmp_path: Path) -> None:
    """An array of objects is a pickle of its own within joblib's."""
    path = tmp_path / "model.pkl"
    joblib.dump([np.array([decimal.Decimal(1), None]), collections.Counter("a")], path)

    assert {"collections", "decimal"} <= pickled_modules(path)


@pytest.mark.parametrize("compress", [("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)], ids=lambda c: c[0])
def test_compressed_files_are_read(tmp_path: Path, compress: tuple[str, int]) -> None:
    """Every compression that joblib has without other packages."""
    path = tmp_path / "model.joblib"
    joblib.dump(MODELS[0], path, compress=compress)

    assert {"sklearn.pipeline", "sklearn.tree._tree"} <= pickled_modules(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_read(tmp_path: Path, protocol: int) -> None:
    """Old and new pickles of the standard library."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": [collections.Counter("a"), decimal.Decimal(1)], "b": {1, 2}}, protocol))

    assert {"collections", "decimal"} <= pickled_modules(path)


def test_packages_archives_and_folders_are_looked_into(tmp_path: Path) -> None:
    """Wherever a model's pickles are, they are found; other files are not touched."""
    (tmp_path / "README.txt").write_text("no pickle")
    (tmp_path / "sub").mkdir()
    joblib.dump(MODELS[0], tmp_path / "sub" / "model.joblib")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "sub", "sub")
        archive.add(tmp_path / "README.txt", "README.txt")

    with pack(MODELS[0]) as package:
        found = [pickled_modules(each) for each in (package, tmp_path / "sub", tmp_path / "model.tar.gz")]
    assert found[0] == found[1] == found[2]
    assert "sklearn.compose._column_transformer" in found[0]


def test_a_model_without_pickles_imports_nothing(tmp_path: Path) -> None:
    """A saved model of another framework has none."""
    (tmp_path / "saved_model.pb").write_bytes(b"x")

    assert set() == pickled_modules(tmp_path)


def test_classes_of_a_script_are_found(tmp_path: Path) -> None:
    """A class that was defined in a notebook lives in __main__, where no runtime has it."""
    own = type("MyTransformer", (GaussianNB,), {"__module__": "__main__"})
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04\x8c\x08__main__\x8c\x0dMyTransformer\x93)\x81}b.")

    assert {("__main__", own.__name__)} == scan_pickles(path).globals


def test_nothing_is_run(tmp_path: Path) -> None:
    """A poisoned pickle is told apart, not loaded."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Harm(f"touch {tmp_path / 'harm'}")))

    assert {"posix"} == pickled_modules(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x80\x04", id="cut"),
        pytest.param(b"\x1f\x8b\x08 garbage", id="gzip"),
        pytest.param(b"x\x9c garbage", id="zlib"),
        pytest.param(b"BZh garbage", id="bz2"),
        pytest.param(b"\x80\x04\x8c\x01aK\x01\x93.", id="number-as-name"),
        pytest.param(b"\x80\x04h\x05.", id="empty-memory"),
        pytest.param(b"\x80\x04R.", id="empty-stack"),
        pytest.param(b"\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x7f", id="huge"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    """A broken file is told with its name, whatever is broken about it."""
    path = tmp_path / "model.pkl"
    path.write_bytes(content)

    with pytest.raises(PackagingError) as caught:
        pickled_modules(path)

    assert str(path) in caught.value.message


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_model_is_refused(tmp_path: Path, keep: float) -> None:
    """Also inside the bytes of an array."""
    path = tmp_path / "model.pkl"
    joblib.dump(MODELS[0], path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])

    with pytest.raises(PackagingError, match=r"is not a pickle, or only a part of one"):
        pickled_modules(path)


@pytest.mark.parametrize("name", ["gone.pkl", "gone.tar.gz"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    """The error is the library's own."""
    with pytest.raises(PackagingError, match=r"cannot be read"):
        pickled_modules(tmp_path / name)


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    """The name of a file says nothing."""
    (tmp_path / "model.tar.gz").write_text("no archive")

    with pytest.raises(PackagingError, match=r"not a whole \.tar\.gz"):
        pickled_modules(tmp_path / "model.tar.gz")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(value=VALUES, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL), small=st.booleans())
def test_any_value_is_followed_to_its_end(value: object, protocol: int, small: bool) -> None:
    """Every instruction that pickle writes is understood, optimised or not."""
    written = pickle.dumps([value, collections.Counter("a")], protocol)
    stream = io.BytesIO(pickletools.optimize(written) if small else written)
    scan = PickleScan()
    scan_pickle(stream, scan)

    assert (b"", True) == (stream.read(), ("collections", "Counter") in scan.globals)
