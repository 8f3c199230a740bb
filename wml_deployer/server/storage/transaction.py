"""A transaction: the queries and changes of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.server.storage.blobs import Blob
from wml_deployer.server.storage.records import PRESENT, Content, Record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

__all__ = ["Transaction"]

#: Revision number of the current contents of a record.
_HEAD = 0


class Transaction:
    """The queries and changes of one request."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use a connection on which a transaction has begun."""
        self._connection = connection
        self._released: set[str] = set()

    def setting(self, key: str) -> str | None:
        """Return a setting, or None."""
        row = self._connection.execute("SELECT value FROM settings WHERE key=?", (key,)).fetchone()
        return row[0] if row else None

    def set_setting(self, key: str, value: str) -> None:
        """Store a setting."""
        self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    def add(self, record: Record) -> None:
        """Store a new record."""
        cursor = self._connection.execute(
            "INSERT INTO records (kind, id, container, name, document, private) VALUES (?, ?, ?, ?, ?, ?)",
            (record.kind, record.id, record.container, record.name, *_encode(record)),
        )
        record.sequence = cursor.lastrowid or 0

    def get(self, kind: str, identifier: str) -> Record | None:
        """Return the record, or None."""
        found = self._select("kind=? AND id=?", (kind, identifier))
        return found[0] if found else None

    def save(self, record: Record) -> None:
        """Store the changes of a record."""
        self._connection.execute(
            "UPDATE records SET name=?, document=?, private=? WHERE kind=? AND id=?",
            (record.name, *_encode(record), record.kind, record.id),
        )

    def remove(self, record: Record) -> None:
        """Remove a record with its revisions and contents."""
        self._note_released("kind=? AND id=?", (record.kind, record.id))
        for table in ("records", "revisions", "contents"):
            self._connection.execute(f"DELETE FROM {table} WHERE kind=? AND id=?", (record.kind, record.id))  # noqa: S608

    def find(
        self,
        kind: str,
        container: str | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        after: int = 0,
        limit: int = -1,
    ) -> list[Record]:
        """Return records in the order of their creation.

        Args:
            kind: Kind of the records.
            container: Their container; any if None.
            where: Conditions: paths in the document (``entity.asset.id``) and their values. A path that ends with
                ``[]`` is a list that must contain the value; `PRESENT` matches any value.
            after: Only records after this sequence number.
            limit: Maximum number; negative for all.

        """
        clauses, values = ["kind=?", "sequence>?"], [kind, after]
        if container is not None:
            clauses.append("container=?")
            values.append(container)
        for path, value in (where or {}).items():
            clause, parameters = _condition(path, value)
            clauses.append(clause)
            values += parameters
        return self._select(f"{' AND '.join(clauses)} ORDER BY sequence LIMIT ?", (*values, limit))

    def newest(self, kinds: Sequence[str], container: str, *, before: int | None, limit: int) -> list[Record]:
        """Return the newest records of some kinds in a container, optionally only those before a sequence number."""
        clauses = [f"kind IN ({', '.join('?' * len(kinds))})", "container=?"]
        values: list[Any] = [*kinds, container]
        if before is not None:
            clauses.append("sequence<?")
            values.append(before)
        return self._select(f"{' AND '.join(clauses)} ORDER BY sequence DESC LIMIT ?", (*values, limit))

    def clear(self) -> None:
        """Remove all records, and all settings except those that clients rely on."""
        self._note_released("1", ())
        kept = ("signing_key", "port", "default_space")
        self._connection.execute("DELETE FROM settings WHERE key NOT IN (?, ?, ?)", kept)
        for table in ("records", "revisions", "contents"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def size(self) -> int:
        """Return the total number of records."""
        (number,) = self._connection.execute("SELECT count(*) FROM records").fetchone()
        return int(number)

    def in_container(self, container: str) -> list[Record]:
        """Return all records in a container."""
        return self._select("container=?", (container,))

    def count(self, kind: str, container: str | None = None) -> int:
        """Return the number of records of a kind."""
        clause = "" if container is None else " AND container=?"
        values = (kind,) if container is None else (kind, container)
        (number,) = self._connection.execute(f"SELECT count(*) FROM records WHERE kind=?{clause}", values).fetchone()  # noqa: S608
        return int(number)

    def save_revision(self, record: Record, number: int, document: dict[str, Any]) -> None:
        """Save a document and the current contents of the record as a revision."""
        self._connection.execute(
            "INSERT INTO revisions VALUES (?, ?, ?, ?)",
            (record.kind, record.id, number, orjson.dumps(document).decode()),
        )
        self._connection.execute(
            "INSERT INTO contents SELECT kind, id, ?, slot, digest, size, media_type FROM contents"
            " WHERE kind=? AND id=? AND number=?",
            (number, record.kind, record.id, _HEAD),
        )

    def revision(self, record: Record, number: int) -> dict[str, Any] | None:
        """Return the document of a revision, or None."""
        row = self._connection.execute(
            "SELECT document FROM revisions WHERE kind=? AND id=? AND number=?", (record.kind, record.id, number)
        ).fetchone()
        return orjson.loads(row[0]) if row else None

    def revisions(self, record: Record, *, before: int = 0, limit: int = -1) -> list[dict[str, Any]]:
        """Return the documents of a record's revisions, newest first.

        Args:
            record: The record.
            before: Only revisions older than this number; 0 for all.
            limit: At most so many; -1 for all.

        """
        rows = self._connection.execute(
            "SELECT document FROM revisions WHERE kind=? AND id=? AND (?=0 OR number<?) ORDER BY number DESC LIMIT ?",
            (record.kind, record.id, before, before, limit),
        )
        return [orjson.loads(row[0]) for row in rows]

    def attach(self, record: Record, content: Content) -> None:
        """Set the content in a slot of a record."""
        self._note_released("kind=? AND id=? AND number=? AND slot=?", (record.kind, record.id, _HEAD, content.slot))
        self._connection.execute(
            "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?)",
            (record.kind, record.id, _HEAD, content.slot, content.blob.digest, content.blob.size, content.media_type),
        )

    def copy_contents(self, source: Record, target: Record) -> None:
        """Copy the current contents of one record to another."""
        self._connection.execute(
            "INSERT INTO contents SELECT kind, ?, number, slot, digest, size, media_type FROM contents"
            " WHERE kind=? AND id=? AND number=?",
            (target.id, source.kind, source.id, _HEAD),
        )

    def detach(self, record: Record, slot: str) -> None:
        """Remove the content in a slot of a record."""
        self._note_released("kind=? AND id=? AND number=? AND slot=?", (record.kind, record.id, _HEAD, slot))
        self._connection.execute(
            "DELETE FROM contents WHERE kind=? AND id=? AND number=? AND slot=?", (record.kind, record.id, _HEAD, slot)
        )

    def content(self, record: Record, *, number: int = _HEAD, slot: str = "content") -> Content | None:
        """Return the content in a slot of a record, or of one of its revisions."""
        row = self._connection.execute(
            "SELECT digest, size, slot, media_type FROM contents WHERE kind=? AND id=? AND number=? AND slot=?",
            (record.kind, record.id, number, slot),
        ).fetchone()
        return Content(Blob(row[0], row[1]), row[2], row[3]) if row else None

    def unreferenced(self) -> set[str]:
        """Return the digests that have lost their last reference in this transaction."""
        return {digest for digest in self._released if not self._is_referenced(digest)}

    def digests(self) -> set[str]:
        """Return the digests of all contents."""
        return {row[0] for row in self._connection.execute("SELECT DISTINCT digest FROM contents")}

    def _note_released(self, clause: str, values: tuple[Any, ...]) -> None:
        rows = self._connection.execute(f"SELECT digest FROM contents WHERE {clause}", values)  # noqa: S608
        self._released |= {row[0] for row in rows}

    def _is_referenced(self, digest: str) -> bool:
        return (
            self._connection.execute("SELECT 1 FROM contents WHERE digest=? LIMIT 1", (digest,)).fetchone() is not None
        )

    def _select(self, clause: str, values: tuple[Any, ...]) -> list[Record]:
        columns = "kind, id, container, name, document, private, sequence"
        rows = self._connection.execute(f"SELECT {columns} FROM records WHERE {clause}", values)  # noqa: S608
        return [_decode(row) for row in rows]


def _condition(path: str, value: Any) -> tuple[str, list[Any]]:
    """Return an SQL condition on the document, with its parameters."""
    if value is PRESENT:
        return "json_type(document, ?) IS NOT NULL", [f"$.{path}"]
    if path.endswith("[]"):
        return "EXISTS (SELECT 1 FROM json_each(document, ?) WHERE value=?)", [f"$.{path[:-2]}", value]
    return "json_extract(document, ?)=?", [f"$.{path}", value]


def _encode(record: Record) -> tuple[str, str]:
    # Requests are checked when they are parsed; a document that cannot be written here is a bug of the service.
    return orjson.dumps(record.document).decode(), orjson.dumps(record.private).decode()


def _decode(row: tuple[Any, ...]) -> Record:
    kind, identifier, container, name, document, private, sequence = row
    return Record(kind, identifier, container, name, orjson.loads(document), orjson.loads(private), sequence)
