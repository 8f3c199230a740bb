"""A model's file is unpickled whatever holds the pickle, and what cannot be is told by name."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import joblib
import pytest
from sklearn.dummy import DummyClassifier

from wml_deployer.errors import ModelError
from wml_deployer.packaging._pickles import load_estimator

if TYPE_CHECKING:
    from pathlib import Path

MODEL = DummyClassifier().fit([[0], [1]], [0, 1])


@pytest.fixture(params=["model.joblib", "model.pkl", "compressed.joblib", "folder", "model.tar.gz"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model in each form that can be stored."""
    path: Path = tmp_path / request.param
    file = tmp_path / "model.joblib"
    joblib.dump(MODEL, file)
    if path.name == "folder":
        path.mkdir()
        file.rename(path / "model.pkl")
    elif path.name == "model.tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            archive.add(file, "scikit_model.pkl")
    else:
        joblib.dump(MODEL, path, compress=3 if path.stem == "compressed" else 0)
    return path


def test_estimator_is_found_in_every_form(saved: Path) -> None:
    """Files, compressed ones, folders and archives give the estimator that was saved."""
    assert load_estimator(saved, {}).predict([[5]]).tolist() == [0]


@pytest.mark.parametrize("content", [b"junk\n", b"", b"a,b\n1,2\n", b"\x80\x04cno_such_package\nModel\n."])
def test_file_that_cannot_be_loaded_is_named(tmp_path: Path, content: bytes) -> None:
    """Whatever unpickling ends in, the error is about the model and says which file it is."""
    path = tmp_path / "model.pkl"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"model\.pkl cannot be loaded here") as raised:
        load_estimator(path, {})

    assert raised.value.__cause__ is not None


def test_versions_that_saved_it_are_named(tmp_path: Path) -> None:
    """The libraries are what differs most often when a model cannot be loaded."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04cno_such_package\nModel\n.")

    with pytest.raises(ModelError, match=r"It was saved by scikit-learn 1\.9\.0\."):
        load_estimator(path, {"scikit-learn": "1.9.0"})


def test_broken_archive_is_named(tmp_path: Path) -> None:
    """An archive that is none is an error about the model, too."""
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"no archive")

    with pytest.raises(ModelError, match=r"model\.tar\.gz"):
        load_estimator(path, {})


@pytest.mark.parametrize("names", [(), ("a.pkl", "b.pkl")])
def test_one_pickle_is_wanted(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Which of several is the model is not guessed, and none is none."""
    for name in names:
        joblib.dump(MODEL, tmp_path / name)

    with pytest.raises(ModelError, match=f"holds {len(names)} pickles"):
        load_estimator(tmp_path, {})
