"""The database: one SQLite file in WAL mode, one transaction for each request.

Everything the service keeps is a `Record`: a resource of some kind in some container (a space or a project; "" for what
belongs to neither), with the public document that answers show and private facts that they do not. Contents (the bytes
of a model, say) are blobs; the `contents` table says which record refers to which digest. Revisions are frozen copies
of both.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer.server.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["FORMAT", "Store", "StoreFormatError"]

# A change of the tables adds a step here, which raises the version of the format by itself.
_MIGRATIONS = (
    """
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE records (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        container TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        private TEXT NOT NULL,
        UNIQUE (kind, id)
    );
    CREATE INDEX records_in_container ON records (kind, container, sequence);
    CREATE INDEX records_by_name ON records (kind, name);
    CREATE INDEX records_inside ON records (container);
    CREATE TABLE revisions (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (kind, id, number)
    ) WITHOUT ROWID;
    CREATE TABLE contents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        slot TEXT NOT NULL,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        PRIMARY KEY (kind, id, number, slot)
    ) WITHOUT ROWID;
    CREATE INDEX contents_by_digest ON contents (digest);
    """,
)
FORMAT = len(_MIGRATIONS)
"""Version of the on-disk format: how many steps of the migration this version knows."""


class StoreFormatError(RuntimeError):
    """The folder was written by a newer version of this service."""


class Store:
    """The database of one folder.

    Args:
        path: The SQLite file; made when it is not there.
        release: Called with each digest that nothing refers to any more.

    Raises:
        StoreFormatError: A newer version wrote it.

    """

    def __init__(self, path: Path, release: Callable[[str], None] = lambda _digest: None) -> None:
        """Keep what it works with."""
        self._release = release
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        # WAL with synchronous=NORMAL survives the death of the process at any point; an fsync for each commit would
        # only add safety against the loss of the whole machine, at a price that every request would pay.
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        self._migrate()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Do everything inside, or nothing of it."""
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
        """Look at one state of everything; what only reads takes no lock that others wait for."""
        self._connection.execute("BEGIN")
        try:
            yield Transaction(self._connection)
        finally:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise StoreFormatError(f"The folder is in format {version}; this version reads formats up to {FORMAT}.")
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._connection.executescript(f"BEGIN; {script}; PRAGMA user_version={number}; COMMIT;")
