"""The versions of the on-disk format, and the way from each one to the next.

SQLite keeps the version in the file (``user_version``). A change of what is kept, tables or records, is a further step
at the end of `STEPS`; no step is ever changed, and none uses code that reads what is kept today. A folder takes all the
steps that it lacks in one transaction: whoever is killed on the way has the old format, whole.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wml_deployer.server.folder import ServerStartError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["FORMAT", "STEPS", "StoreFormatError", "migrate"]


class StoreFormatError(ServerStartError):
    """The folder was written by a newer version of this service."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database, new or old, to the format of today.

    Raises:
        StoreFormatError: A newer version wrote it.

    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(STEPS):
            raise StoreFormatError(
                f"The folder is in format {version}, which a newer version of wml_deployer wrote; this version reads"
                f" formats up to {len(STEPS)}. Install the newer version, or use another folder."
            )
        for step in STEPS[version:]:
            step(connection)
        connection.execute(f"PRAGMA user_version={len(STEPS)}")


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


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


def _freeze_what_is_served(connection: sqlite3.Connection) -> None:
    """Let each deployment hold what it serves and what it is to serve; it used to look its asset up each time."""
    rows = connection.execute("SELECT id, document, private FROM records WHERE kind='deployment'").fetchall()
    for identifier, document, text in rows:
        entity, private = json.loads(document)["entity"], json.loads(text)
        # The last versions that wrote the first format did so already.
        if "serving" in private or "wanted" in private:
            continue
        state, before = entity["status"]["state"], private.get("previous", {}).get("asset")
        if state in ("initializing", "updating"):
            _freeze(connection, identifier, "wanted", entity["asset"], private)
        if before is not None or state == "ready":
            _freeze(connection, identifier, "serving", before or entity["asset"], private)
        connection.execute(
            "UPDATE records SET private=? WHERE kind='deployment' AND id=?", (json.dumps(private), identifier)
        )


def _freeze(
    connection: sqlite3.Connection, deployment: str, slot: str, asset: dict[str, str], private: dict[str, Any]
) -> None:
    """Keep an asset's entity and content, as they are or as its revision has them, in a slot of the deployment."""
    number = int(asset.get("rev", 0))
    row = connection.execute(
        "SELECT json_extract(document, '$.entity') FROM revisions WHERE id=? AND number=? UNION ALL"
        " SELECT json_extract(document, '$.entity') FROM records WHERE kind IN ('model', 'function') AND id=? AND ?=0",
        (asset["id"], number, asset["id"], number),
    ).fetchone()
    # An asset that is gone has no content either, and that is what loading it will say.
    private[slot] = json.loads(row[0]) if row else {"type": "", "software_spec": {"id": "", "name": ""}}
    connection.execute(
        "INSERT INTO contents SELECT 'deployment', ?, 0, ?, digest, size, media_type FROM contents"
        " WHERE kind IN ('model', 'function') AND id=? AND number=? AND slot='content'",
        (deployment, slot, asset["id"], number),
    )


STEPS = (_make_tables, _freeze_what_is_served)
"""The way to the format of today: the first step makes format 1 of an empty file, each further one the next."""
FORMAT = len(STEPS)
"""The format that this version reads and writes."""
