"""Pack a model into the ``.tar.gz`` that the service takes: an estimator, a pickle, a directory, or a ready archive.

IBM's client lays a scikit-learn model out as one ``.pkl`` at the archive's root, and so does this. Everything happens
in a temporary folder (never in the working directory), in one pass, with memory bounded by a buffer.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wml_deployer.errors import PackagingError
from wml_deployer.frameworks import recognise
from wml_deployer.packaging._archive import check_archive, write_archive
from wml_deployer.packaging._digest import digest
from wml_deployer.packaging._files import files_of, is_text, read_head
from wml_deployer.packaging._pickles import PickleScan, scan_pickles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Carrier", "Package", "pack", "pack_files"]

_PICKLE = "scikit_model.pkl"
"""What IBM's client calls the pickle in an archive; ``load`` of either client looks for ``.pkl`` only."""

_PROTOCOL = 4
"""Read by every runtime of the service, and the same on every Python that packs."""

_CHUNK = 1 << 20
_ARCHIVES = (".tar.gz", ".tgz")
_PICKLES = (".joblib", ".pkl")
_NEXT_STEP = "Pass a .joblib or .pkl file, a directory, a .tar.gz, or the fitted estimator itself."


@dataclass(frozen=True)
class Carrier:
    """A Python package that carries a model too large for the function that serves it.

    Attributes:
        module: What the function imports to find the model.
        folder: Where the package lies here.
        archive: Its zipped source distribution, which the service installs.

    Example:
        >>> Carrier("wml_deployer_model_4f0a", Path("package"), Path("model.zip")).archive.name
        'model.zip'

    """

    module: str
    folder: Path
    archive: Path


@dataclass(frozen=True)
class Package:
    """A model's archive, ready to be uploaded; leave its ``with`` block when it is.

    Attributes:
        path: The ``.tar.gz``.
        digest: Identifies the model, 64 hexadecimal digits. Of an estimator it is taken of its content: the same after
            ``predict``, saving and loading. A path is not loaded, so it is identified by the bytes of its files: the
            SHA-256 of what ``sha256sum`` prints for them, whatever their order, times, owners and compression.
        checksum: SHA-256 of the archive itself, as ``sha256sum model.tar.gz`` prints it.
        size: Bytes of the archive, and of the carrier's.
        carrier: The separate package that holds the model, where it is too large for a function.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> with pack(DummyRegressor().fit([[1.0]], [2.0])) as package:
        ...     package.path.name
        'model.tar.gz'
        >>> package.path.exists()
        False

    """

    path: Path
    digest: str
    checksum: str
    size: int
    carrier: Carrier | None = None
    _folder: TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)
    _scan: PickleScan | None = field(default=None, repr=False, compare=False)

    def scan(self) -> PickleScan:
        """Read what its pickles import, without loading them."""
        return self._scan or scan_pickles(self.path)

    def close(self) -> None:
        """Remove the temporary folder; an archive of the user's own stays."""
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        """Return the package."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clean up, whatever happened."""
        self.close()

    def __fspath__(self) -> str:
        """Stand for the archive's path."""
        return os.fspath(self.path)


def pack(model: object, *, directory: str | os.PathLike[str] | None = None) -> Package:
    """Pack a model for the service.

    A path is never unpickled: a ``.joblib`` or ``.pkl`` file is wrapped as it is, a directory's content goes to the
    archive's root, and a ``.tar.gz`` is read once, to see that it is whole and safe, and taken as it is.

    An estimator is identified by its content: predicting with it, saving and loading it, another process or another
    ``n_jobs`` do not change its digest, while another value of any parameter or coefficient does. (A fit that records
    how long it took, as a grid search does, makes another model each time.) What is handed in as a path is identified
    by its bytes, so the same model saved twice in different ways has two digests.

    Args:
        model: A fitted estimator, or a path to a ``.joblib`` or ``.pkl`` file, a directory or a ``.tar.gz``.
        directory: Where the temporary folder is made; the system's own place if not given.

    Returns:
        The archive, to be used in a ``with`` block.

    Raises:
        UnsupportedModelError: The object is not a fitted estimator of a framework that can be stored.
        PackagingError: A path is missing, empty or of another kind, an archive broken or unsafe, or an estimator
            cannot be pickled.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> with pack(DummyRegressor().fit([[1.0]], [2.0])) as one, pack(DummyRegressor().fit([[1.0]], [2.0])) as other:
        ...     one.digest == other.digest
        True

    """
    try:
        if isinstance(model, str | os.PathLike):
            return _pack_path(Path(model), directory)
        return _pack_estimator(model, directory)
    except OSError as error:
        raise PackagingError(
            f"The model cannot be packed: {error}",
            next_step="See that the files can be read, and that the temporary folder (directory=) has room.",
        ) from error


def pack_files(files: Mapping[str, Path | bytes], *, archived: bool = True) -> Package:
    """Pack files under the names that a runtime expects.

    Args:
        files: Name in the archive -> the file, or its content; ``.`` is a folder, whose files keep their names.
        archived: Whether they go into a ``.tar.gz``; otherwise there is one, which is uploaded as it is.

    Returns:
        What is uploaded, to be used in a ``with`` block.

    Raises:
        PackagingError: A file cannot be read.

    Example:
        >>> with pack_files({"model.onnx": b"a graph"}) as package:
        ...     package.path.name
        'model.tar.gz'

    """

    def members(folder: Path) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name, file in files.items():
            if isinstance(file, bytes):
                found[name] = folder / name
                found[name].write_bytes(file)
            else:
                found |= files_of(file) if file.is_dir() else {name: file}
        return found

    try:
        return replace(_packed(members, None), _scan=PickleScan()) if archived else _copied(*files.items())
    except OSError as error:
        raise PackagingError(
            f"The model cannot be packed: {error}", next_step="See that its files can be read."
        ) from error


def _copied(only: tuple[str, Path | bytes]) -> Package:
    """Take the one file as it is, under the name that IBM's clients expect."""
    name, file = only
    folder = TemporaryDirectory(prefix="wml_deployer-")
    target = Path(folder.name, name)
    target.write_bytes(file if isinstance(file, bytes) else file.read_bytes())
    checksum = _sha256(target)
    return Package(target, checksum, checksum, target.stat().st_size, _folder=folder, _scan=PickleScan())


def _pack_estimator(estimator: object, directory: str | os.PathLike[str] | None) -> Package:
    framework = recognise(estimator)
    identity = digest(estimator)

    def members(folder: Path) -> dict[str, Path]:
        # A tar header tells the size first, so the pickle has to be whole before it can be archived.
        pickled = folder / "model.pkl"
        _dump(framework.as_stored(estimator), pickled)
        return {framework.file_name: pickled}

    return _packed(members, directory, identity)


def _dump(estimator: object, path: Path) -> None:
    import joblib  # noqa: PLC0415 - deferred: only estimators need it, and it takes 0.1 s to import

    try:
        joblib.dump(estimator, path, protocol=_PROTOCOL)
    except OSError:
        raise
    except Exception as error:
        raise PackagingError(
            f"{type(estimator).__name__} cannot be pickled: {type(error).__name__}: {error}",
            next_step="See that joblib.dump can save the model.",
        ) from error


def _pack_path(path: Path, directory: str | os.PathLike[str] | None) -> Package:
    if path.is_dir():
        return _packed(lambda _: files_of(path), directory)
    if not path.exists():
        raise PackagingError(f"{path} does not exist.", next_step=_NEXT_STEP)
    if not path.is_file():
        raise PackagingError(f"{path} is not a regular file.", next_step=_NEXT_STEP)
    if not path.stat().st_size:
        raise PackagingError(f"{path} is empty.", next_step="Save the model again.")
    if path.name.endswith(_ARCHIVES):
        return Package(path, check_archive(path), _sha256(path), path.stat().st_size)
    if path.suffix in _PICKLES:
        if is_text(read_head(path)):
            scan_pickles(path)  # says what it is, unless it is a pickle of protocol 0, which is text
        return _packed(lambda _: {_PICKLE: path}, directory)
    raise PackagingError(f"{path} is not a kind of file that can be packed.", next_step=_NEXT_STEP)


def _packed(
    members: Callable[[Path], dict[str, Path]], directory: str | os.PathLike[str] | None, identity: str | None = None
) -> Package:
    """Make the temporary folder, archive what ``members`` finds or puts there, and leave nothing on failure."""
    folder = TemporaryDirectory(prefix="wml_deployer-", dir=directory)
    try:
        inside = Path(folder.name)
        target = inside / "model.tar.gz"
        found = members(inside)
        written = write_archive(found, target, digest=identity is None)
        for path in found.values():
            if path.parent == inside:
                path.unlink()
        return Package(target, str(identity or written), _sha256(target), target.stat().st_size, _folder=folder)
    except BaseException:
        folder.cleanup()
        raise


def _sha256(path: Path) -> str:
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(partial(file.read, _CHUNK), b""):
            checksum.update(chunk)
    return checksum.hexdigest()
