"""Models that come from files: old protocols are taken, and what is not the model that it seems to be is refused."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import joblib
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier

from wml_deployer.errors import ModelError, PackagingError, SpecificationError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from wml_deployer import Deployer
    from wml_deployer.testing import LocalServer

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5242880\n"
NEWER = "1.9.0"
"""A version of scikit-learn that no runtime of the service carries."""

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")


@pytest.fixture
def tree(features: pd.DataFrame, labels: pd.Series[Any]) -> DecisionTreeClassifier:
    """A small model."""
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(features, labels)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a model's file is to be."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder / "model.pkl"


@pytest.fixture
def saved_by_newer(path: Path, tree: DecisionTreeClassifier) -> Path:
    """The file that another version of scikit-learn would have written."""
    content = pickle.dumps(tree).replace(sklearn.__version__.encode(), NEWER.encode())
    path.write_bytes(content)
    return path


def set_type(file: Path, model_type: str) -> None:
    """Name the model's type in the project's metadata.yaml."""
    file.write_text(f"{file.read_text(encoding='utf-8')}model_type: {model_type}\n", encoding="utf-8")


def uploads(server: LocalServer) -> list[str]:
    """Everything that was sent to be kept."""
    return [
        request.path for request in server.requests if request.method in {"POST", "PUT"} and "/models" in request.path
    ]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("library", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_model_of_any_protocol_is_the_same_version(
    deployer: Deployer, tree: DecisionTreeClassifier, path: Path, library: Any, protocol: int
) -> None:
    """Old files name modules of Python 2, and hold the same model."""
    with path.open("wb") as file:
        library.dump(tree, file, protocol=protocol)

    assert deployer.store(tree).version == deployer.store(path, unpickle=True).version


def test_the_version_that_saved_a_model_decides_its_type(
    deployer: Deployer, server: LocalServer, saved_by_newer: Path
) -> None:
    """A file of a newer scikit-learn is not stored as a model of the one that is installed here."""
    server.clear_requests()
    with pytest.raises(SpecificationError, match=r"scikit-learn 1\.9 has no runtime here"):
        deployer.store(saved_by_newer, unpickle=True)

    assert [] == uploads(server)


@pytest.mark.parametrize("unpickle", [True, False])
def test_a_type_that_the_file_contradicts_is_refused(
    deployer: Deployer, metadata_path: Path, server: LocalServer, saved_by_newer: Path, *, unpickle: bool
) -> None:
    """metadata.yaml may name a type, and the file says who wrote it: loaded or not."""
    set_type(metadata_path, "scikit-learn_1.6")
    server.clear_requests()
    with pytest.raises(ModelError, match=r"model_type: scikit-learn_1\.6, but .*1\.9") as caught:
        deployer.store(saved_by_newer, unpickle=unpickle)

    assert [] == uploads(server)
    assert "model_type: scikit-learn_1.9" in (caught.value.next_step or "")


def test_a_model_of_two_versions_is_refused(
    deployer: Deployer, metadata_path: Path, tree: DecisionTreeClassifier, saved_by_newer: Path
) -> None:
    """Which of them has to load it is not guessed."""
    set_type(metadata_path, "scikit-learn_1.6")
    joblib.dump(tree, saved_by_newer.with_name("other.joblib"))
    with pytest.raises(ModelError, match=rf"saved by several versions of scikit-learn: {sklearn.__version__}, {NEWER}"):
        deployer.store(saved_by_newer.parent)


@pytest.mark.parametrize(
    ("name", "content", "message", "next_step"),
    [
        pytest.param("model.pkl", POINTER, "is a Git LFS pointer", "git lfs pull", id="pointer"),
        pytest.param("model.tar.gz", POINTER, "is a Git LFS pointer", "git lfs pull", id="pointer-to-archive"),
        pytest.param("model.pkl", "", "is empty", "Save the model again", id="empty"),
        pytest.param("model.pkl", "a,b\n1,2\n", "is a text file, not a pickle", "joblib.dump", id="text"),
        pytest.param("model.tar.gz", "a,b\n1,2\n", "it is a text file", "tar -czf", id="text-archive"),
    ],
)
@pytest.mark.parametrize("unpickle", [True, False])
def test_what_stands_in_for_a_model_is_told(
    deployer: Deployer,
    metadata_path: Path,
    path: Path,
    name: str,
    content: str,
    message: str,
    next_step: str,
    *,
    unpickle: bool,
) -> None:
    """The error says what the file is, and what to do."""
    set_type(metadata_path, "scikit-learn_1.6")
    found = path.with_name(name)
    found.write_text(content, encoding="utf-8")
    with pytest.raises(PackagingError, match=message) as caught:
        deployer.store(found, unpickle=unpickle)

    assert next_step in (caught.value.next_step or "")


class Raising(DummyClassifier):  # type: ignore[misc]  # scikit-learn is untyped
    """An estimator whose own code fails when it is saved."""

    def __getstate__(self) -> Any:
        """Raise what nobody expects."""
        raise ZeroDivisionError("no state today")


def test_what_an_estimator_raises_while_it_is_saved_is_the_cause(
    deployer: Deployer, server: LocalServer, features: pd.DataFrame
) -> None:
    """The error names the object, and nothing is sent."""
    server.clear_requests()
    with pytest.raises(PackagingError, match=r"Raising cannot be pickled.*ZeroDivisionError: no state today") as caught:
        deployer.store(Raising().fit(features, features.index % 2))

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert [] == uploads(server)
