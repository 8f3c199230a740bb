"""Files on their way out: read by the connection, counted for the progress hook."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, cast

from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.progress._stage import Stage

__all__ = ["CountedFile", "counted"]


class CountedFile:
    """A file that tells how much of it was read; urllib3 asks for no more than this.

    Args:
        file: Open for reading.
        progress: What is told.

    """

    def __init__(self, file: IO[bytes], progress: Stage) -> None:
        """Read nothing yet."""
        self._file = file
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        block = self._file.read(size)
        self._progress.advance(len(block))
        return block


def counted(body: bytes | IO[bytes] | None) -> AbstractContextManager[bytes | IO[bytes] | None]:
    """Count what is sent of a file; bytes are sent as they are."""
    return nullcontext(body) if body is None or isinstance(body, bytes) else _counted(body)


@contextmanager
def _counted(file: IO[bytes]) -> Iterator[IO[bytes]]:
    start = file.tell()
    total = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    with stage("uploading", total, "bytes") as progress:
        yield cast("IO[bytes]", CountedFile(file, progress))
