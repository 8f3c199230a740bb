"""Read what a model's pickles import, and which libraries wrote them, without loading them; or load the one model."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wml_deployer.errors import ModelError, PackagingError
from wml_deployer.packaging._archive import require_gzip
from wml_deployer.packaging._files import BROKEN, HEAD, LFS_NEXT_STEP, is_lfs_pointer, is_text
from wml_deployer.packaging._opcodes import PickleScan, scan_pickle

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["PickleScan", "load_estimator", "open_pickles", "scan_pickles"]

_SUFFIXES = (".joblib", ".pickle", ".pkl")

_BROKEN_PICKLE = (AttributeError, TypeError, *BROKEN)


def scan_pickles(source: str | os.PathLike[str]) -> PickleScan:
    """Read what loading a model would import, and the versions of the libraries that saved it.

    Args:
        source: A ``.joblib`` or ``.pkl`` file (compressed by joblib or not), a directory or ``.tar.gz`` with such
            files, or a :class:`~wml_deployer.packaging.Package`.

    Returns:
        What its pickles say; nothing where it has none.

    Raises:
        PackagingError: It cannot be read, or holds something else in place of a pickle.

    Example:
        >>> import collections, pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.pkl")
        ...     _ = path.write_bytes(pickle.dumps(collections.Counter("aab")))
        ...     scan_pickles(path)
        PickleScan(globals={('collections', 'Counter')}, versions={})

    """
    scan = PickleScan()
    try:
        for name, stream in open_pickles(Path(source)):
            _scan(name, stream, scan)
    except PackagingError:  # a ValueError, too
        raise
    except BROKEN as error:
        raise PackagingError(f"{source} cannot be read: {error}", next_step="Save the model again.") from error
    return scan


def open_pickles(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Open every pickle of a model, one after the other.

    Args:
        path: A file, a directory or a ``.tar.gz``.

    Yields:
        How errors name it, and the pickle, open until the next one is asked for.

    Example:
        >>> import pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "model.pkl").write_bytes(pickle.dumps("a model"))
        ...     [pickle.load(stream) for _, stream in open_pickles(pathlib.Path(folder))]
        ['a model']

    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in _SUFFIXES:
                yield from open_pickles(file)
    elif path.name.endswith((".tar.gz", ".tgz")):
        require_gzip(path)
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(_SUFFIXES) else None
                if stream:
                    yield f"{member.name} in {path}", stream
    else:
        with path.open("rb") as stream:
            yield str(path), stream


def load_estimator(source: str | os.PathLike[str], versions: Mapping[str, str]) -> Any:
    """Unpickle the model of a file, a directory or an archive. This runs the code that the pickle brings along.

    Args:
        source: A ``.joblib`` or ``.pkl`` file, or a directory or ``.tar.gz`` that holds exactly one.
        versions: Versions of the libraries that pickled it, where the pickle says so.

    Raises:
        ModelError: There is not exactly one, or it cannot be loaded here.

    """
    import joblib  # noqa: PLC0415 - deferred: it imports numpy, and only this needs it

    found = []
    try:
        for name, stream in open_pickles(Path(source)):
            found.append(name)
            estimator = joblib.load(stream)
    except Exception as error:
        saved_by = "".join(f" It was saved by {library} {version}." for library, version in versions.items())
        raise ModelError(
            f"{found[-1] if found else source} cannot be loaded here: {type(error).__name__}: {error}.{saved_by}",
            operation="store",
            next_step="Load it with the packages it was saved with. Or leave unpickle out, and set model_type in "
            "metadata.yaml.",
        ) from error
    if len(found) != 1:
        raise ModelError(
            f"{source} holds {len(found)} pickles: {', '.join(found) or 'none'}. It has to hold one, the model.",
            operation="store",
            next_step="Pass a file, directory or archive with one .joblib or .pkl.",
        )
    return estimator


def _scan(name: str, stream: Any, scan: PickleScan) -> None:
    head = stream.peek(HEAD)[:HEAD]
    compression = next((kind for magic, kind in _COMPRESSIONS.items() if head.startswith(magic)), None)
    try:
        if compression is None:
            scan_pickle(stream, scan)
        else:
            with compression(stream) as plain:
                scan_pickle(plain, scan)
    except _BROKEN_PICKLE as error:
        raise _not_a_pickle(name, head, error) from error


def _not_a_pickle(name: str, head: bytes, error: Exception) -> PackagingError:
    if is_lfs_pointer(head):
        return PackagingError(f"{name} is a Git LFS pointer, not the model itself.", next_step=LFS_NEXT_STEP)
    if not head:
        return PackagingError(f"{name} is empty.", next_step="Save the model again.")
    if is_text(head):
        return PackagingError(f"{name} is a text file, not a pickle.", next_step="Save the model with joblib.dump.")
    return PackagingError(
        f"{name} is not a pickle, or only a part of one: {type(error).__name__}: {error}",
        next_step="Save the model again with joblib.dump.",
    )


def _zlib(stream: IO[bytes]) -> Any:
    from joblib.compressor import BinaryZlibFile  # noqa: PLC0415 - only pickles that joblib compressed need it

    return BinaryZlibFile(stream, "rb")


_COMPRESSIONS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZ": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00": lzma.open,
    b"x": _zlib,
}
"""How the files that joblib compresses begin."""
