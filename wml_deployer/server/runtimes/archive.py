"""Unpacking what a client has uploaded, without trusting it."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Bounds", "unpack", "unpack_zip"]

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


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
    try:
        if _is_tar(artifact):
            _unpack_tar(artifact, directory, bounds)
        else:
            _unpack_file(artifact, directory / "content", bounds)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _refused(f"it cannot be read ({error})") from error


def unpack_zip(artifact: Path, directory: Path, bounds: Bounds) -> None:
    """Unpack a zip archive into a directory.

    Raises:
        LoadError: The archive is damaged, too large, or holds a name that leads out of it.

    """
    try:
        with zipfile.ZipFile(artifact) as archive:
            for member in archive.infolist():
                target = _target(directory, member.filename)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    with archive.open(member) as source:
                        _write(source, target, bounds)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _refused(f"it cannot be read ({error})") from error


def _is_tar(artifact: Path) -> bool:
    try:
        return tarfile.is_tarfile(artifact)
    except EOFError:
        return False


def _unpack_tar(artifact: Path, directory: Path, bounds: Bounds) -> None:
    with tarfile.open(artifact) as archive:
        for member in archive:
            target = _target(directory, member.name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                source = archive.extractfile(member)
                if source is not None:
                    _write(source, target, bounds)
            else:
                raise _refused(f"{member.name!r} is a link or a device")


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


def _write(source: IO[bytes], target: Path, bounds: Bounds) -> None:
    bounds.file()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            bounds.chunk(len(chunk))
            file.write(chunk)


def _refused(reason: str) -> LoadError:
    return LoadError("invalid_model_content", f"The stored content cannot be unpacked: {reason}.")
