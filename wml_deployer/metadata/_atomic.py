"""Replace a file as a whole: a reader, or a crash, finds either the old file or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file, or make it; its mode and owner stay.

    The new content grows beside it under a name of its own, ``.NAME.tmp``, is forced to the disk and then takes the
    name. What a crash leaves there is thrown away by the next call; two calls at once must be kept apart by a lock.

    Raises:
        OSError: The file is as it was.

    """
    draft = path.with_name(f".{path.name}.tmp")
    draft.unlink(missing_ok=True)
    try:
        _write(draft, data)
        _copy_mode_and_owner(draft, path)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    """Make a file and force it to the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_mode_and_owner(draft: Path, path: Path) -> None:
    """Copy the mode and, where that is allowed, the owner of another file, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        old = path.stat()
        with contextlib.suppress(PermissionError):
            os.chown(draft, old.st_uid, old.st_gid)
        draft.chmod(stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
