"""Find the files that are packed as a model, and tell from their first bytes what they hold instead of one."""

from __future__ import annotations

import lzma
import os
import struct
import tarfile
import zlib
from pathlib import Path

from wml_deployer.errors import Fault, PackagingError

__all__ = ["BROKEN", "HEAD", "LFS_NEXT_STEP", "files_of", "is_lfs_pointer", "is_text", "read_head"]

BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zlib.error,
)
"""What reading damaged archives and compressed files ends in."""

HEAD = 1024
"""Bytes that are enough to tell."""

LFS_NEXT_STEP = "Fetch the file that Git LFS keeps elsewhere: git lfs pull"
"""What to do about a pointer."""


def files_of(directory: Path) -> dict[str, Path]:
    """Find every file below a directory.

    Args:
        directory: An existing directory.

    Returns:
        Path relative to the directory, with ``/`` -> file.

    Raises:
        PackagingError: Nothing is in it, or links or devices are: all of them are listed.
        OSError: A part of it cannot be read.

    """
    found: dict[str, Path] = {}
    faults: list[Fault] = []
    for parent, folders, names in os.walk(directory, onerror=_give_up):
        for path in (Path(parent, name) for name in (*folders, *names)):
            problem = _problem(path, directory)
            if problem:
                faults.append(Fault(str(path.relative_to(directory)), problem))
            elif path.is_file():
                found[path.relative_to(directory).as_posix()] = path
    if faults:
        raise PackagingError(
            f"{directory} cannot be packed.", next_step="Put the files themselves there.", faults=tuple(faults)
        )
    if not any(path.stat().st_size for path in found.values()):
        raise PackagingError(f"{directory} holds nothing to pack.", next_step="Save the model into it.")
    return found


def _problem(path: Path, directory: Path) -> str | None:
    """Return why a part of a directory is not a plain file or folder in it."""
    if not path.exists():
        return "links to nothing"
    if path.is_symlink() and not path.resolve().is_relative_to(directory.resolve()):
        return f"links out of the directory, to {path.resolve()}"
    if path.is_symlink() and path.is_dir():
        return "links to a folder, whose files would be packed twice"
    if not (path.is_file() or path.is_dir()):
        return "is a device or pipe, not a file"
    if path.is_file() and is_lfs_pointer(read_head(path)):
        return "is a Git LFS pointer, not the file itself (git lfs pull)"
    return None


def _give_up(error: OSError) -> None:
    raise error


def read_head(path: Path) -> bytes:
    """Read as much of a file as tells what it is."""
    with path.open("rb") as file:
        return file.read(HEAD)


def is_lfs_pointer(head: bytes) -> bool:
    """Whether a file is the few lines that Git LFS puts in a large file's place."""
    return head.startswith(b"version https://git-lfs.github.com/spec/")


def is_text(head: bytes) -> bool:
    """Whether a file begins as text does, which pickles of protocol 0 do, too."""
    try:
        text = head.decode("utf-8-sig", errors="ignore" if len(head) >= HEAD else "strict")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)
