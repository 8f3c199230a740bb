"""The files of a directory that is packed as a model: all of them, and nothing from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from wml_deployer._packaging.content import HEAD, is_lfs_pointer
from wml_deployer.errors import Fault, PackagingError

__all__ = ["files_of"]


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
    """Why a part of a directory is not simply a file or folder of it."""
    if not path.exists():
        return "links to nothing"
    if path.is_symlink() and not path.resolve().is_relative_to(directory.resolve()):
        return f"links out of the directory, to {path.resolve()}"
    if path.is_symlink() and path.is_dir():
        return "links to a folder, whose files would be packed twice"
    if not (path.is_file() or path.is_dir()):
        return "is a device or pipe, not a file"
    if path.is_file() and is_lfs_pointer(_head(path)):
        return "is a Git LFS pointer, not the file itself (git lfs pull)"
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _give_up(error: OSError) -> None:
    raise error
