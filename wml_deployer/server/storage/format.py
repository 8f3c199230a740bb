"""The tables of the database, and the number of their format.

SQLite keeps the number in the file (``user_version``). A folder of another format is refused: what is in it is for
development and tests, and made again by those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.storage.folder import ServerStartError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["FORMAT", "StoreFormatError", "prepare"]

FORMAT = 3
"""The format that this version reads and writes; another one for each change of tables or of what records hold."""


class StoreFormatError(ServerStartError):
    """The folder was written by another version of this service."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new database, or check the format of one that is there.

    Raises:
        StoreFormatError: Another version wrote it.

    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == FORMAT:
            return
        if found:
            (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
            raise StoreFormatError(
                f"{path} is in format {found}, which another version of wml_deployer wrote; this one reads format"
                f" {FORMAT}. Use that version, or another folder, or delete this one and deploy again."
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
