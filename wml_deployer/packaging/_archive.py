"""Write ``.tar.gz`` archives in one pass, and check and digest foreign ones as they are.

The digest says what an archive unpacks to: it is the SHA-256 of what ``sha256sum`` prints for its files in the order of
their names, so that anybody can recompute it. Times, owners, modes, empty folders, order and compression do not count.
Archives that unpack to other files never share a digest.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import posixpath
import tarfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer.errors import Fault, PackagingError
from wml_deployer.packaging._files import BROKEN, LFS_NEXT_STEP, is_lfs_pointer, is_text, read_head
from wml_deployer.packaging._gzip import GzipWriter
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from wml_deployer.progress._stage import Stage

__all__ = ["check_archive", "require_gzip", "write_archive"]

_CHUNK = 256 * 1024
_GZIP = b"\x1f\x8b"

_MOST_LINKS = 40
"""Links that are followed from one to the next, as on Linux: more are taken to lead in a circle."""


def write_archive(members: Mapping[str, Path], target: Path, *, digest: bool = True) -> str | None:
    """Write files into a new ``.tar.gz``, the same bytes whenever and wherever it is done.

    Args:
        members: Name in the archive -> file to put there.
        target: Where the archive goes.
        digest: Whether to digest the files, which takes a tenth of the time.

    Returns:
        The digest of the files, 64 hexadecimal digits, if asked for.

    Raises:
        PackagingError: A file changed while it was read.

    """
    checksums = {}
    total = sum(path.stat().st_size for path in members.values())
    with target.open("wb") as file, GzipWriter(file) as writer, stage("packing", total, "bytes") as progress:
        for name in sorted(members):
            checksum = hashlib.sha256() if digest else None
            _add(writer, name, members[name], checksum, progress)
            checksums[name] = checksum.hexdigest() if checksum else ""
        writer.write(bytes(2 * tarfile.BLOCKSIZE))
        writer.write(bytes(-writer.tell() % tarfile.RECORDSIZE))
    return _digest(checksums) if digest else None


def check_archive(path: Path) -> str:
    """Read an archive to its end, unpacking nothing.

    Args:
        path: A ``.tar.gz``.

    Returns:
        The digest of its files, the same as :func:`write_archive` returns for them.

    Raises:
        PackagingError: It is not a ``.tar.gz``, damaged, empty, or could write outside the folder it is unpacked in.

    """
    require_gzip(path)
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_TarInfo) as archive:
            members = [_read(archive, member) for member in archive]
            _drain(stream)
    except BROKEN as error:
        raise _not_whole(path, str(error)) from error
    faults = _faults(members)
    if faults:
        raise PackagingError(
            f"{path} is not safe to unpack.",
            next_step="Archive plain files under relative names, each once.",
            faults=tuple(faults),
        )
    lines = {member.name: member.content for member in members if member.content is not None}
    if not lines:
        raise PackagingError(f"{path} holds no files.", next_step="Archive the files of the model.")
    return _digest(lines)


def require_gzip(path: Path) -> None:
    """Refuse what only has the name of an archive.

    Raises:
        PackagingError: The file is something else; the message says what.

    """
    head = read_head(path)
    if is_lfs_pointer(head):
        raise PackagingError(f"{path} is a Git LFS pointer, not the archive itself.", next_step=LFS_NEXT_STEP)
    if not head.startswith(_GZIP):
        raise _not_whole(path, "it is a text file" if is_text(head) else "it is not compressed by gzip")


def _add(writer: GzipWriter, name: str, path: Path, checksum: hashlib._Hash | None, progress: Stage) -> None:
    """Stream one file into the archive, and into its checksum."""
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        writer.write(_header(name, size))
        left = size
        while left and (chunk := source.read(min(_CHUNK, left))):
            if checksum is not None:
                checksum.update(chunk)
            writer.write(chunk)
            left -= len(chunk)
            progress.advance(len(chunk))
        if left or source.read(1):
            raise PackagingError(f"{path} changed while it was packed.", next_step="Pack it when nothing writes to it.")
    writer.write(bytes(-size % tarfile.BLOCKSIZE))


def _header(name: str, size: int) -> bytes:
    """A member's header without owner and time, so that equal content gives equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


class _TarInfo(tarfile.TarInfo):
    """A header that has to be whole: ``tarfile`` takes a damaged one, or none, for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf == bytes(tarfile.BLOCKSIZE):  # the mark of the end
                raise
            raise tarfile.ReadError(f"damaged or cut off ({error})") from error


@dataclass(frozen=True)
class _Member:
    """A member of an archive.

    Attributes:
        name: Its name, normalised.
        content: The checksum of a file, or where a link leads, as text; ``None`` for a folder.
        target: Where a link leads, from the archive's root.
        problem: Why it is refused, whatever else is in the archive.

    """

    name: str
    content: str | None = None
    target: str | None = None
    problem: str | None = None


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> _Member:
    name = posixpath.normpath(member.name)
    if posixpath.isabs(member.name) or ".." in member.name.split("/"):
        return _Member(member.name, problem="lies outside the folder it is unpacked in")
    if member.isdir():
        return _Member(name)
    if member.issym():
        # A symbolic link leads on from the folder it lies in, a hard link from the root.
        target = posixpath.join(posixpath.dirname(name), member.linkname)
        return _Member(name, f"symbolic link {_sha256(member.linkname)}", target)
    if member.islnk():
        return _Member(name, f"hard link {_sha256(member.linkname)}", member.linkname)
    if not member.isfile():
        return _Member(name, problem="is a device or pipe, not a file")
    checksum = hashlib.sha256()
    source = archive.extractfile(member)
    while source and (chunk := source.read(_CHUNK)):
        checksum.update(chunk)
    return _Member(name, checksum.hexdigest())


def _faults(members: Sequence[_Member]) -> list[Fault]:
    """Find everything that could reach outside, once all links are known, or whose content depends on the order."""
    links = {member.name: member.target for member in members if (member.content or "").startswith("symbolic")}
    times = Counter(member.name for member in members if member.content is not None)
    faults = []
    for member in members:
        problem = member.problem
        if problem is None and member.target is not None and not _stays_inside(member.target, links):
            problem = f"links out, to {member.target}"
        if problem is None and not _stays_inside(posixpath.dirname(member.name), links):
            problem = "lies outside the folder it is unpacked in, by way of a link"
        if problem is None and times[member.name] > 1:
            problem = "appears more than once"
        if problem is not None:
            faults.append(Fault(member.name, problem))
    return faults


def _stays_inside(path: str, links: Mapping[str, str | None]) -> bool:
    """Follow a path through the symbolic links of an archive, as unpacking would."""
    if posixpath.isabs(path):
        return False
    here: list[str] = []
    ahead = path.split("/")[::-1]
    followed = 0
    while ahead:
        step = ahead.pop()
        if step == "..":
            if not here:
                return False
            here.pop()
        elif step not in {"", "."}:
            here.append(step)
        target = links.get("/".join(here)) if step not in {"", ".", ".."} else None
        if target is not None:
            followed += 1
            if posixpath.isabs(target) or followed > _MOST_LINKS:
                return False
            # Link targets are kept from the root.
            here, ahead = [], [*ahead, *target.split("/")[::-1]]
    return True


def _not_whole(path: Path, reason: str) -> PackagingError:
    return PackagingError(
        f"{path} is not a whole .tar.gz archive: {reason}.",
        next_step="Write it again: tar -czf model.tar.gz -C DIR .",
    )


def _drain(stream: gzip.GzipFile) -> None:
    """Read what follows the last member: only the end of the gzip stream proves that nothing is cut off."""
    while stream.read(_CHUNK):
        pass


def _digest(content: Mapping[str, str]) -> str:
    """Hash what ``sha256sum`` prints, which escapes line breaks in names so that no two lists of files are alike."""
    return _sha256("".join(_line(content[name], name) for name in sorted(content)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _line(content: str, name: str) -> str:
    line = f"{content}  {name}".replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r")
    return f"\\{line}\n" if line != f"{content}  {name}" else f"{line}\n"
