"""See what a pickle would import, without unpickling it.

A pickle is a program. Its instructions are followed on paper: nothing that it names is imported, nothing is called.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wml_deployer._packaging.opcodes import follow
from wml_deployer.errors import PackagingError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

__all__ = ["pickled_globals", "pickled_modules", "pickles_of"]

_SUFFIXES = (".joblib", ".pickle", ".pkl")
_BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, TypeError, ValueError, lzma.LZMAError)
"""What following bytes that are no pickle, or only a part of one, ends in."""


def pickled_modules(source: str | os.PathLike[str]) -> set[str]:
    """Name the modules that a model's pickles import when they are loaded.

    Args:
        source: A ``.joblib`` or ``.pkl`` file (compressed by joblib or not), a directory or ``.tar.gz`` that has some,
            or a :class:`~wml_deployer.packaging.Package`.

    Returns:
        Dotted module names; empty where there is no pickle.

    Raises:
        PackagingError: It cannot be read, or is no pickle.

    Example:
        >>> import collections, pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.pkl")
        ...     _ = path.write_bytes(pickle.dumps(collections.Counter("aab")))
        ...     pickled_modules(path)
        {'collections'}

    """
    return {module for module, _ in pickled_globals(source)}


def pickled_globals(source: str | os.PathLike[str]) -> set[tuple[str, str]]:
    """Name the classes and functions that a model's pickles import when they are loaded.

    Args:
        source: As for :func:`pickled_modules`.

    Returns:
        Pairs of module and qualified name.

    Raises:
        PackagingError: It cannot be read, or is no pickle.

    Example:
        >>> import collections, pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.pkl")
        ...     _ = path.write_bytes(pickle.dumps(collections.Counter("aab")))
        ...     pickled_globals(path)
        {('collections', 'Counter')}

    """
    found: set[tuple[str, str]] = set()
    try:
        for name, stream in pickles_of(Path(source)):
            _look_into(name, stream, found)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise PackagingError(f"{source} cannot be read: {error}", next_step="save the model again") from error
    return found


def pickles_of(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Open every pickle of a model, one after the other.

    Args:
        path: A file, a directory or a ``.tar.gz``.

    Yields:
        How errors name it, and the pickle, open until the next one is asked for.

    Example:
        >>> import pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "model.pkl").write_bytes(pickle.dumps("a model"))
        ...     [pickle.load(stream) for _, stream in pickles_of(pathlib.Path(folder))]
        ['a model']

    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in _SUFFIXES:
                yield from pickles_of(file)
    elif path.name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(_SUFFIXES) else None
                if stream:
                    yield f"{member.name} in {path}", stream
    else:
        with path.open("rb") as stream:
            yield str(path), stream


def _look_into(name: str, stream: Any, found: set[tuple[str, str]]) -> None:
    compression = next((kind for magic, kind in _COMPRESSIONS.items() if stream.peek(8).startswith(magic)), None)
    try:
        if compression is None:
            follow(stream, found)
        else:
            with compression(stream) as plain:
                follow(plain, found)
    except _BROKEN as error:
        raise PackagingError(f"{name} is no whole pickle: {error}", next_step="save the model again") from error


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
