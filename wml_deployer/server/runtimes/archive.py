"""Unpack untrusted uploads, within limits of size and number, and find the model file in them."""

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


__all__ = ["Bounds", "content_files", "only_file", "unpack", "unpack_zip", "unzip"]

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_COMPRESSED: dict[bytes, Any] = {_GZIP: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_LONGEST_MAGIC = max(map(len, _COMPRESSED))
#: Position of the magic bytes in a tar header.
_USTAR = slice(257, 265)
_ZIP = b"PK\x03\x04"


@dataclass
class Bounds:
    """How much may still be unpacked.

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
            raise _refused("it contains too many files")

    def chunk(self, size: int) -> None:
        """Count some bytes."""
        self.size -= size
        if self.size < 0:
            raise _refused("it unpacks to too many bytes")


def unpack(artifact: Path, directory: Path, bounds: Bounds) -> None:
    """Unpack a tar archive (compressed or not), a gzipped file or a plain file into an empty directory.

    Only directories and regular files below the directory are accepted. A file that is not an archive becomes
    ``content``.

    Raises:
        LoadError: The archive is damaged or too large, or contains a link, a device, or a path outside the directory.

    """
    with _reading():
        if _is_tar(artifact):
            _unpack_tar(artifact, directory, bounds)
        else:
            _unpack_file(artifact, directory / "content", bounds)


def unpack_zip(artifact: Path, directory: Path, bounds: Bounds) -> None:
    """Unpack a zip archive into a directory.

    Raises:
        LoadError: The archive is damaged or too large, or contains a path outside the directory.

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
    """Translate all errors while reading an archive to LoadError."""
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        # zlib, lzma, struct, the codecs and the archive modules raise errors of their own.
        raise _refused(f"it cannot be read ({type(error).__name__}: {error})") from error


def _is_tar(artifact: Path) -> bool:
    with artifact.open("rb") as file:
        start = file.read(_LONGEST_MAGIC)
    opened = next((opened for magic, opened in _COMPRESSED.items() if start.startswith(magic)), None)
    if opened is not None:
        # is_tarfile does not recognize a truncated archive.
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
    """Check that the archive is complete: tarfile takes a truncation between two members for the end."""
    file = cast("IO[bytes]", archive.fileobj)
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise _refused("it is truncated, as after an interrupted upload")
    # Read to the end, where a compressed archive has its checksum.
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
        raise _refused(f"the path {name!r} is outside of it")
    return directory / path


def _make_folder(folder: Path, bounds: Bounds) -> None:
    """Create a folder and its missing parents; each counts as a file."""
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


def unzip(directory: Path, bounds: Bounds) -> None:
    """Unpack zip archives within unpacked content: IBM's samples store ONNX models in them.

    Raises:
        LoadError: An archive is damaged or too large, or contains a path outside the directory.

    """
    for path in list(content_files(directory)):
        # A single uploaded file has lost its name. Files of other types may contain zip data, too.
        if path.suffix.lower() in {"", ".zip"} and _starts_with_zip(path):
            unpack_zip(path, directory, bounds)
            path.unlink()


def _starts_with_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP and zipfile.is_zipfile(path)


def content_files(directory: Path) -> Iterator[Path]:
    """Yield the files of unpacked content, except those that macOS adds to archives."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.name.startswith("._") and "__MACOSX" not in path.parts:
            yield path


def only_file(directory: Path, suffixes: tuple[str, ...]) -> Path:
    """Find the model file: the only one with one of these suffixes, or the only file.

    Raises:
        LoadError: There is no such file, or more than one.

    """
    files = list(content_files(directory))
    fitting = [path for path in files if path.suffix.lower() in suffixes]
    # Prefer the top level: a package beside the model may contain pickles, too.
    top = [path for path in fitting if len(path.parts) == min(len(other.parts) for other in fitting)]
    for candidates in (top, files):
        if len(candidates) == 1:
            return candidates[0]
    found = ", ".join(str(path.relative_to(directory)) for path in files[:10]) or "nothing"
    raise LoadError(
        "invalid_model_content",
        f"The content must contain exactly one model file ({', '.join(suffixes)}), but contains {found}.",
    )
