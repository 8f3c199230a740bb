"""The database: one SQLite file in WAL mode, one transaction for each request.

Everything the service keeps is a `Record`: a resource of some kind in some container (a space or a project; "" for what
belongs to neither), with the public document that answers show and private facts that they do not. Contents (the bytes
of a model, say) are blobs; the `contents` table says which record refers to which digest. Revisions are frozen copies
of both.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer.server.storage.format import prepare
from wml_deployer.server.storage.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Store"]


class Store:
    """The database of one folder.

    Args:
        path: The SQLite file; made when it is not there.
        release: Called with each digest that nothing refers to any more.

    Raises:
        StoreFormatError: Another version wrote it.

    """

    def __init__(self, path: Path, release: Callable[[str], None] = lambda _digest: None) -> None:
        """Open the database, and make its tables if it is new."""
        self._release = release
        # SQLite gives its further files the mode of the first one.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        # WAL with synchronous=NORMAL survives the death of the process at any point; an fsync for each commit would
        # only add safety against the loss of the whole machine, at a price that every request would pay.
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        try:
            prepare(self._connection)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a transaction: commit it at the end of the block, or roll it back."""
        self._connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self._connection)
        try:
            yield transaction
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        for digest in transaction.unreferenced():
            self._release(digest)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Read one consistent state without blocking writers."""
        self._connection.execute("BEGIN")
        try:
            yield Transaction(self._connection)
        finally:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
