"""Content-addressed files: each uploaded content is stored once, under its SHA-256 digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from wml_deployer.server.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container
    from pathlib import Path

__all__ = ["Blob", "Blobs"]


@dataclass(frozen=True)
class Blob:
    """One stored file.

    Attributes:
        digest: Hexadecimal SHA-256 of its bytes.
        size: Size in bytes.

    """

    digest: str
    size: int


class Blobs:
    """The folder of uploaded files.

    An upload is written to a temporary file, flushed to disk and renamed, so that a file under a digest is always
    complete. The caller then stores the digest in the database; files without a reference are removed at the next
    start.
    """

    def __init__(self, directory: Path) -> None:
        """Create the missing folders."""
        self._directory = directory
        self._incoming = directory / "incoming"
        self._in_use: Counter[str] = Counter()
        for folder in (directory, self._incoming):
            folder.mkdir(mode=0o700, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return the path of the file with this digest."""
        return self._directory / digest[:2] / digest

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes], *, limit: int) -> AsyncIterator[Blob]:
        """Store a stream of bytes. At the end of the block, the database must refer to the file, or it may be removed.

        Raises:
            TooLargeError: The stream has more than `limit` bytes; nothing is stored.

        """
        blob = await self._store(chunks, limit)
        self._in_use[blob.digest] += 1
        try:
            yield blob
        finally:
            self._in_use[blob.digest] -= 1
            if not self._in_use[blob.digest]:
                del self._in_use[blob.digest]

    def release(self, digest: str) -> None:
        """Remove a file without references, unless the same bytes are just being uploaded again."""
        if digest not in self._in_use:
            self.path(digest).unlink(missing_ok=True)

    async def _store(self, chunks: AsyncIterator[bytes], limit: int) -> Blob:
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                blob = await _copy(chunks, file, limit)
                await asyncio.to_thread(_flush, file)
            self._adopt(name, blob.digest)
        except BaseException:
            os.unlink(name)  # noqa: PTH108 - the name came from mkstemp
            raise
        return blob

    def collect(self, referenced: Container[str]) -> int:
        """Remove incomplete uploads and files without references; return their number."""
        orphans = list(self._incoming.iterdir())
        orphans += [file for file in self._directory.glob("[0-9a-f][0-9a-f]/*") if file.name not in referenced]
        for orphan in orphans:
            orphan.unlink()
        return len(orphans)

    def _adopt(self, name: str, digest: str) -> None:
        target = self.path(digest)
        target.parent.mkdir(exist_ok=True)
        os.replace(name, target)  # noqa: PTH105 - the name came from mkstemp


async def _copy(chunks: AsyncIterator[bytes], file: IO[bytes], limit: int) -> Blob:
    """Write the chunks to the file, hashing on the way."""
    hasher, size = hashlib.sha256(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"The content is larger than {limit} bytes, the most that this service accepts.")
        hasher.update(chunk)
        file.write(chunk)
    return Blob(hasher.hexdigest(), size)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
