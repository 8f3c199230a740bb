"""Everything that is a model becomes an archive that the service takes, and nothing is left behind."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import socket
import tarfile
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
import xgboost
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

from wml_deployer.errors import PackagingError, UnsupportedModelError
from wml_deployer.packaging import pack

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5242880\n"
"""What Git leaves in place of a large file until it is fetched."""
FOREST = RandomForestClassifier(5, random_state=0).fit(X, Y)


class Interrupted(DummyRegressor):  # type: ignore[misc]  # scikit-learn is untyped
    """Somebody presses Ctrl-C while it is pickled."""

    def __reduce__(self) -> Any:
        """Be interrupted."""
        raise KeyboardInterrupt


class Mine:
    """What a pickle that does harm when it is loaded looks like."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        """Touch a file when loaded."""
        return os.mkdir, (str(self.path),)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """An empty folder for the temporary folders."""
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


def names_in(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def loaded_from(archive: Path, folder: Path) -> Any:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return joblib.load(next(folder.glob("*.pkl")))


def test_an_estimator_is_one_pickle_at_the_root(tmp_path: Path) -> None:
    """The layout is that of IBM's own client."""
    with pack(FOREST) as package:
        assert ["scikit_model.pkl"] == names_in(package.path)
        assert FOREST.predict_proba(X).tolist() == loaded_from(package.path, tmp_path).predict_proba(X).tolist()


def test_a_booster_is_packed_as_ibms_client_does(tmp_path: Path) -> None:
    """It is wrapped in a regressor whose predictions are the Booster's own, bit for bit."""
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, Y == "yes"), 3)

    with pack(booster) as package:
        assert ["xgboost_model.pkl"] == names_in(package.path)
        assert booster.predict(xgboost.DMatrix(X)).tolist() == loaded_from(package.path, tmp_path).predict(X).tolist()


@pytest.mark.parametrize("suffix", [".pkl", ".joblib"])
def test_a_pickle_is_wrapped_as_it_is(tmp_path: Path, suffix: str) -> None:
    """The file's bytes are the member's, under the name that the service looks for."""
    path = tmp_path / f"my model{suffix}"
    joblib.dump(FOREST, path, compress=3)

    with pack(path) as package, tarfile.open(package.path) as archive:
        member = archive.extractfile("scikit_model.pkl")
        assert member is not None
        assert path.read_bytes() == member.read()


def test_a_directory_goes_to_the_root(tmp_path: Path) -> None:
    """Its content is there under the names that it has in the directory, hidden files and subfolders too."""
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/data", ".hidden"):
        (folder / name).write_text(name)

    with pack(folder) as package:
        assert [".hidden", "saved_model.pb", "variables/data"] == names_in(package.path)


@pytest.mark.parametrize("as_path", [str, Path])
def test_an_archive_is_taken_as_it_is(tmp_path: Path, as_path: Callable[[Path], str | Path]) -> None:
    """A .tar.gz of the user's own is neither copied nor removed."""
    with pack(FOREST) as package:
        mine = shutil.copy(package.path, tmp_path / "mine.tar.gz")

    with pack(as_path(Path(mine))) as package:
        assert (Path(mine), Path(mine).stat().st_size) == (package.path, package.size)
    assert Path(mine).exists()


def test_a_path_is_identified_by_its_bytes(tmp_path: Path) -> None:
    """Archive, unpacked folder and the pickle in it have one digest, whatever the archive's compression."""
    with pack(FOREST) as package:
        archive = Path(shutil.copy(package.path, tmp_path / "any.tar.gz"))
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "folder", filter="data")
    (tmp_path / "other.joblib").write_bytes((tmp_path / "folder/scikit_model.pkl").read_bytes())

    assert 1 == len({digest_of(way) for way in (archive, tmp_path / "folder", tmp_path / "other.joblib")})


def test_the_checksum_is_that_of_the_archive() -> None:
    """It is what sha256sum prints for the file."""
    with pack(FOREST) as package:
        assert hashlib.sha256(package.path.read_bytes()).hexdigest() == package.checksum


def test_an_estimator_is_identified_by_its_content(tmp_path: Path) -> None:
    """Saved by other means and loaded again it is the same model, though its bytes are not."""
    joblib.dump(FOREST, tmp_path / "model.joblib", protocol=2, compress=3)

    with pack(FOREST) as one, pack(joblib.load(tmp_path / "model.joblib")) as other:
        assert one.digest == other.digest


def digest_of(model: object) -> str:
    with pack(model) as package:
        return package.digest


def test_other_models_have_other_digests() -> None:
    """Two fits that differ are two models."""
    assert digest_of(FOREST) != digest_of(RandomForestClassifier(5, random_state=1).fit(X, Y))


def test_the_digest_is_a_sha256() -> None:
    """64 hexadecimal digits, nothing else."""
    digest = digest_of(FOREST)

    assert (64, True) == (len(digest), int(digest, 16) > 0)


def test_a_path_is_never_unpickled(tmp_path: Path) -> None:
    """Packing a file runs nothing of what is in it."""
    bait = tmp_path / "harm"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Mine(bait)))

    with pack(path):
        assert not bait.exists()


def test_the_temporary_folder_goes_with_the_package(room: Path) -> None:
    """Outside its block nothing is left; closing twice does no harm."""
    with pack(FOREST, directory=room) as package:
        assert [package.path.parent] == list(room.iterdir())
        assert ["model.tar.gz"] == [path.name for path in package.path.parent.iterdir()]
    package.close()

    assert [] == list(room.iterdir())


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (Interrupted().fit(X, X[:, 0]), KeyboardInterrupt),
        (GaussianNB(), UnsupportedModelError),
        (42, UnsupportedModelError),
        (GaussianNB().fit(X, Y).set_params(priors=threading.Lock()), PackagingError),
        (Path("/proc/self/fd"), PackagingError),
    ],
    ids=["interrupted", "unfitted", "no-model", "unpicklable", "links"],
)
def test_nothing_is_left_after_a_failure(room: Path, model: object, error: type[BaseException]) -> None:
    """Neither the pickle nor half an archive stays."""
    with pytest.raises(error):
        pack(model, directory=room)

    assert [] == list(room.iterdir())


def test_the_working_directory_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written where the user works, also while the package is open."""
    monkeypatch.chdir(tmp_path)

    with pack(FOREST):
        assert [] == list(tmp_path.iterdir())


def test_a_package_stands_for_its_path() -> None:
    """It can be opened like a path."""
    with pack(FOREST) as package:
        assert str(package.path) == os.fspath(package)


def make_pointer(path: Path) -> None:
    path.mkdir()
    (path / "weights.bin").write_text(POINTER)


def make_link_out(path: Path) -> None:
    path.mkdir()
    (path / "passwd").symlink_to("/etc/passwd")


def make_link_to_folder(path: Path) -> None:
    (path / "data").mkdir(parents=True)
    (path / "data" / "model.pkl").write_text("x")
    (path / "again").symlink_to(path / "data")


def make_link_to_nothing(path: Path) -> None:
    path.mkdir()
    (path / "gone").symlink_to(path / "nowhere")


def make_pipe(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "pipe")


def make_socket(path: Path) -> None:
    # The address of a socket has at most some hundred characters, and a test's folder may have a longer name.
    with TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"{short}/s")
        Path(short, "s").rename(path)


def make_empty_files(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "__init__.py").touch()


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        pytest.param("gone.pkl", lambda _: None, "does not exist", id="missing"),
        pytest.param("model.pkl", Path.touch, "is empty", id="empty-file"),
        pytest.param("model.tar.gz", Path.touch, "is empty", id="empty-archive"),
        pytest.param(
            "model.onnx", lambda path: path.write_text("x"), "is not a kind of file that can be packed", id="suffix"
        ),
        pytest.param(
            "model", lambda path: path.write_text("x"), "is not a kind of file that can be packed", id="no-suffix"
        ),
        pytest.param(
            "model.zip", lambda path: path.write_text("x"), "is not a kind of file that can be packed", id="zip"
        ),
        pytest.param("model.tar.gz", lambda path: path.write_text("x"), "it is a text file", id="text-archive"),
        pytest.param(
            "model.pkl", lambda path: path.write_text("a,b\n1,2\n"), "is a text file, not a pickle", id="text"
        ),
        pytest.param("model.pkl", lambda path: path.write_text(POINTER), "is a Git LFS pointer", id="pointer"),
        pytest.param(
            "model.tar.gz", lambda path: path.write_text(POINTER), "is a Git LFS pointer", id="archive-pointer"
        ),
        pytest.param("pipe.pkl", os.mkfifo, "is not a regular file", id="pipe"),
        pytest.param("s.pkl", make_socket, "is not a regular file", id="socket"),
        pytest.param("folder", Path.mkdir, "holds nothing to pack", id="empty-folder"),
        pytest.param("folder", make_empty_files, "holds nothing to pack", id="empty-files"),
        pytest.param("folder", make_link_out, "passwd: links out of the directory, to /etc/passwd", id="link-out"),
        pytest.param("folder", make_link_to_folder, "again: links to a folder", id="link-to-folder"),
        pytest.param("folder", make_link_to_nothing, "gone: links to nothing", id="broken-link"),
        pytest.param("folder", make_pointer, "weights.bin: is a Git LFS pointer", id="folder-with-pointer"),
        pytest.param("folder", make_pipe, "pipe: is a device or pipe", id="folder-with-pipe"),
    ],
)
def test_paths_that_are_no_model_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path], object], message: str
) -> None:
    """Each refusal says what is wrong with which path, and what to hand in instead."""
    path = tmp_path / name
    make(path)

    with pytest.raises(PackagingError) as caught:
        pack(path)

    assert str(path) in caught.value.message
    assert message in str(caught.value)
    assert caught.value.next_step


def test_a_git_lfs_pointer_leads_to_git_lfs_pull(tmp_path: Path) -> None:
    """The next step is the command that brings the model."""
    (tmp_path / "model.pkl").write_text(POINTER)

    with pytest.raises(PackagingError) as caught:
        pack(tmp_path / "model.pkl")

    assert "git lfs pull" in (caught.value.next_step or "")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_old_protocols_are_packed(tmp_path: Path, protocol: int) -> None:
    """Protocol 0 is text, and a model all the same."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(FOREST, protocol))

    with pack(tmp_path / "model.pkl") as package:
        assert ["scikit_model.pkl"] == names_in(package.path)


def test_links_within_a_directory_are_followed(tmp_path: Path) -> None:
    """A link to a file of the same directory is packed as that file."""
    (tmp_path / "model-v2.pkl").write_text("content")
    (tmp_path / "model.pkl").symlink_to("model-v2.pkl")

    with pack(tmp_path) as package, tarfile.open(package.path) as archive:
        member = archive.extractfile("model.pkl")
        assert member is not None
        assert b"content" == member.read()


def test_an_unreadable_place_is_a_packaging_error(tmp_path: Path) -> None:
    """A temporary folder that cannot be made is told as such."""
    with pytest.raises(PackagingError, match=r"model cannot be packed") as caught:
        pack(FOREST, directory=tmp_path / "nowhere")

    assert "directory=" in (caught.value.next_step or "")
