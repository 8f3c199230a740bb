"""Unpack uploads without trusting them."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Bounds", "unpack", "unpack_zip"]

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_COMPRESSED: dict[bytes, Any] = {_GZIP: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_LONGEST_MAGIC = max(map(len, _COMPRESSED))
#: Where a header says that it is one.
_USTAR = slice(257, 265)


@dataclass
class Bounds:
    """How much an archive may still grow to.

    Attributes:
        size: Bytes left.
        files: Files left.

    """

    size: int
    files: int

    def file(self) -> None:
        """Count one file."""
        self.files -= 1
        if self.files < 0:
            raise _refused("it holds more files than a model may have")

    def chunk(self, size: int) -> None:
        """Count some bytes."""
        self.size -= size
        if self.size < 0:
            raise _refused("it unpacks to more bytes than a model may have")


def unpack(artifact: Path, directory: Path, bounds: Bounds) -> None:
    """Unpack a tar archive (compressed or not), a gzipped file or a plain file into an empty directory.

    Only directories and regular files are taken, and only below the directory. A file that is no archive becomes
    ``content``.

    Raises:
        LoadError: The archive is damaged, too large, or holds a link, a device or a name that leads out of it.

    """
    with _reading():
        if _is_tar(artifact):
            _unpack_tar(artifact, directory, bounds)
        else:
            _unpack_file(artifact, directory / "content", bounds)


def unpack_zip(artifact: Path, directory: Path, bounds: Bounds) -> None:
    """Unpack a zip archive into a directory.

    Raises:
        LoadError: The archive is damaged, too large, or holds a name that leads out of it.

    """
    with _reading(), zipfile.ZipFile(artifact) as archive:
        for member in archive.infolist():
            target = _target(directory, member.filename)
            if member.is_dir():
                _make_folder(target, bounds)
            else:
                with archive.open(member) as source:
                    _write(source, target, bounds)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Turn whatever goes wrong while an archive is read into a LoadError."""
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        # zlib, lzma, struct, the text codecs and the archive modules each have errors of their own.
        raise _refused(f"it cannot be read ({type(error).__name__}: {error})") from error


def _is_tar(artifact: Path) -> bool:
    with artifact.open("rb") as file:
        start = file.read(_LONGEST_MAGIC)
    opened = next((opened for magic, opened in _COMPRESSED.items() if start.startswith(magic)), None)
    if opened is not None:
        # is_tarfile takes an archive that is cut off for something else.
        with opened(artifact) as content:
            if content.read(tarfile.BLOCKSIZE)[_USTAR].startswith(b"ustar"):
                return True
    return tarfile.is_tarfile(artifact)


def _unpack_tar(artifact: Path, directory: Path, bounds: Bounds) -> None:
    with tarfile.open(artifact) as archive:
        for member in archive:
            target = _target(directory, member.name)
            if member.isdir():
                _make_folder(target, bounds)
            elif member.isfile():
                source = archive.extractfile(member)
                if source is not None:
                    _write(source, target, bounds)
            else:
                raise _refused(f"{member.name!r} is a link or a device")
        _require_end(archive, bounds)


def _require_end(archive: tarfile.TarFile, bounds: Bounds) -> None:
    """Refuse an archive that is cut off, or damaged, between two members: the module takes that for its end."""
    file = cast("IO[bytes]", archive.fileobj)
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise _refused("it has no end, as an upload that was cut off")
    # A compressed archive has its checksum at the very end.
    while chunk := file.read(_CHUNK):
        bounds.chunk(len(chunk))


def _unpack_file(artifact: Path, target: Path, bounds: Bounds) -> None:
    with artifact.open("rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
    with artifact.open("rb") as file:
        _write(cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if compressed else file, target, bounds)


def _target(directory: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise _refused(f"the name {name!r} leads out of it")
    return directory / path


def _make_folder(folder: Path, bounds: Bounds) -> None:
    """Make a folder and those that it is in; each counts as a file."""
    missing = []
    while not folder.exists():
        bounds.file()
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir()


def _write(source: IO[bytes], target: Path, bounds: Bounds) -> None:
    bounds.file()
    _make_folder(target.parent, bounds)
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            bounds.chunk(len(chunk))
            file.write(chunk)


def _refused(reason: str) -> LoadError:
    return LoadError("invalid_model_content", f"The stored content cannot be unpacked: {reason}.")
