"""The database: one SQLite file in WAL mode, one transaction for each request.

All data are `Record` objects: resources of some kind in a container (a space or a project; "" for those in neither),
with a public document and private data. Contents, such as the bytes of a model, are blobs; the table `contents` maps
records to digests. Revisions are copies of both.

SQLite keeps the number of the format in the file (``user_version``). A folder in another format is refused: its data
are for development and tests, which can create them again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.storage.blobs import Blobs
from wml_deployer.server.storage.folder import Folder, FolderInUseError, ServerStartError
from wml_deployer.server.storage.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FORMAT", "Store", "StoreFormatError", "find_space", "prepare", "reset"]

FORMAT = 3
"""Format of the database; increased with each change of the tables or the records."""


class StoreFormatError(ServerStartError):
    """Another version of the service wrote the folder."""


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables of a new database, or check the format of an existing one.

    Raises:
        StoreFormatError: Another version of the service wrote it.

    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == FORMAT:
            return
        if found:
            (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
            raise StoreFormatError(
                f"{path} has format {found}, which another version of wml_deployer wrote; this version needs format"
                f" {FORMAT}. Use that version or another folder, or delete this folder and deploy again."
            )
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={FORMAT}")


_TABLES = (
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE records (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        container TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        private TEXT NOT NULL,
        UNIQUE (kind, id)
    )
    """,
    "CREATE INDEX records_in_container ON records (kind, container, sequence)",
    "CREATE INDEX records_by_name ON records (kind, name)",
    "CREATE INDEX records_inside ON records (container)",
    """
    CREATE TABLE revisions (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (kind, id, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE contents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        slot TEXT NOT NULL,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL,
        PRIMARY KEY (kind, id, number, slot)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX contents_by_digest ON contents (digest)",
)


class Store:
    """The database of one folder.

    Args:
        path: The SQLite file; created if missing.
        release: Called with each digest that has lost its last reference.

    Raises:
        StoreFormatError: Another version of the service wrote it.

    """

    def __init__(self, path: Path, release: Callable[[str], None] = lambda _digest: None) -> None:
        """Open the database, and create the tables of a new one."""
        self._release = release
        # SQLite gives its other files the mode of the database.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        # WAL with synchronous=NORMAL survives a crash of the process at any point. An fsync for each commit would only
        # protect against a crash of the machine, and slow down every request.
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        try:
            prepare(self._connection)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a transaction: commit it at the end of the block, or roll it back if the block raises."""
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
        """Read a consistent state without blocking writers."""
        self._connection.execute("BEGIN")
        try:
            yield Transaction(self._connection)
        finally:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def find_space(directory: str | os.PathLike[str], name: str | None = None) -> str | None:
    """Return the id of a space in the data folder of a service, whether that runs or not; None if it is not there.

    Args:
        directory: The data folder of the service.
        name: Name of the space; the one that the first start creates if not given.

    Example:
        >>> import tempfile
        >>> find_space(tempfile.mkdtemp()) is None
        True

    """
    path = Folder(Path(directory).absolute()).database
    query = "SELECT value FROM settings WHERE key='default_space'"
    if name is not None:
        query = "SELECT id FROM records WHERE kind='space' AND name=?"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(query, () if name is None else (name,)).fetchone()
    except sqlite3.Error:  # missing, or of another format
        return None
    return None if found is None else str(found[0])


def reset(folder: Folder) -> int:
    """Remove all data of a folder, except its key, certificates, port and the id of the default space.

    Returns:
        The number of removed resources.

    Raises:
        FolderInUseError: A server is using the folder.
        StoreFormatError: Another version of the service wrote the folder.

    """
    folder.prepare()
    lock = folder.server_lock()
    try:
        if not lock.take():
            raise FolderInUseError(f"A server is using the folder {folder.path}. Stop it first.")
        store = Store(folder.database)
        with store.transaction() as transaction:
            removed = transaction.size()
            transaction.clear()
            Blobs(folder.blobs).collect(transaction.digests())
        store.close()
    finally:
        lock.release()
    return removed
