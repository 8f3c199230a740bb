"""``.tar.gz`` archives: written in one pass together with their digest, or checked and digested as they are.

The digest stands for the content alone: it is the SHA-256 of what ``sha256sum`` prints for the archive's files in the
order of their names, so that file times, owners, the order in the archive and its compression do not count, and anybody
can recompute it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import posixpath
import tarfile
import zlib
from typing import IO, TYPE_CHECKING

from wml_deployer._packaging.deflate import GzipWriter
from wml_deployer.errors import Fault, PackagingError
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wml_deployer.progress._stage import Stage

__all__ = ["check_archive", "write_archive"]

_CHUNK = 256 * 1024


def write_archive(members: Mapping[str, Path], target: Path) -> str:
    """Write files into a new ``.tar.gz``, the same bytes whenever and wherever it is done.

    Args:
        members: Name in the archive -> file to put there.
        target: Where the archive goes.

    Returns:
        The content's digest, 64 hexadecimal digits.

    Raises:
        PackagingError: There is nothing in the files, or one changed while it was read.

    """
    checksums = {}
    total = sum(path.stat().st_size for path in members.values())
    with target.open("wb") as file, GzipWriter(file) as writer, stage("packing", total, "bytes") as progress:
        for name in sorted(members):
            checksums[name] = _add(writer, name, members[name], progress)
        writer.write(bytes(2 * tarfile.BLOCKSIZE))
        writer.write(bytes(-writer.tell() % tarfile.RECORDSIZE))
    return _digest(checksums)


def check_archive(path: Path) -> str:
    """Read an archive to its end, unpacking nothing.

    Args:
        path: A ``.tar.gz``.

    Returns:
        The content's digest, the same as :func:`write_archive` gives for these files.

    Raises:
        PackagingError: It is no ``.tar.gz``, broken, empty, or would write outside the folder it is unpacked in.

    """
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            checksums, faults = _read(archive)
            _drain(stream)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PackagingError(
            f"{path} is not a whole .tar.gz archive: {error}",
            next_step="write it again: tar -czf model.tar.gz -C DIR .",
        ) from error
    if faults:
        raise PackagingError(
            f"{path} is not safe to unpack", next_step="archive plain files by relative names", faults=tuple(faults)
        )
    if not checksums:
        raise PackagingError(f"{path} holds no files", next_step="archive the model's own files")
    return _digest(checksums)


def _add(writer: GzipWriter, name: str, path: Path, progress: Stage) -> str:
    """Stream one file into the archive; returns its SHA-256."""
    checksum = hashlib.sha256()
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        writer.write(_header(name, size))
        left = size
        while left and (chunk := source.read(min(_CHUNK, left))):
            checksum.update(chunk)
            writer.write(chunk)
            left -= len(chunk)
            progress.advance(len(chunk))
        if left or source.read(1):
            raise PackagingError(f"{path} changed while it was packed", next_step="pack it when nothing writes to it")
    writer.write(bytes(-size % tarfile.BLOCKSIZE))
    return checksum.hexdigest()


def _header(name: str, size: int) -> bytes:
    """A member's header without owner and time, so that equal content gives equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _read(archive: tarfile.TarFile) -> tuple[dict[str, str], list[Fault]]:
    """Checksums of the files, and what is wrong with the members."""
    checksums: dict[str, str] = {}
    faults: list[Fault] = []
    for member in archive:
        problem = _problem(member)
        if problem:
            faults.append(Fault(member.name, problem))
        elif member.isfile():
            checksums[posixpath.normpath(member.name)] = _checksum(archive.extractfile(member))
        elif not member.isdir():
            checksums[posixpath.normpath(member.name)] = f"link to {member.linkname}"
    return checksums, faults


def _problem(member: tarfile.TarInfo) -> str | None:
    """What would happen outside the folder that a member is unpacked in."""
    if _leads_out(member.name):
        return "lies outside the folder it is unpacked in"
    if member.issym() and _leads_out(posixpath.join(posixpath.dirname(member.name), member.linkname)):
        return f"links out, to {member.linkname}"
    if member.islnk() and _leads_out(member.linkname):
        return f"links out, to {member.linkname}"
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return "is a device or pipe, not a file"
    return None


def _leads_out(name: str) -> bool:
    return posixpath.isabs(name) or posixpath.normpath(name).split("/")[0] == ".."


def _checksum(source: IO[bytes] | None) -> str:
    checksum = hashlib.sha256()
    while source and (chunk := source.read(_CHUNK)):
        checksum.update(chunk)
    return checksum.hexdigest()


def _drain(stream: gzip.GzipFile) -> None:
    """Read what follows the last member: only the end of the gzip stream proves that nothing is cut off."""
    while stream.read(_CHUNK):
        pass


def _digest(checksums: Mapping[str, str]) -> str:
    lines = "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
