"""Records, the contents that they refer to, and the ids of both."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

if TYPE_CHECKING:
    from wml_deployer.server.storage.blobs import Blob

__all__ = ["PRESENT", "Content", "Identifiers", "Record", "can_be_stored"]

_LEVELS_LEFT = 100

PRESENT: Final = object()
"""Matches any value in the conditions of `Transaction.find`."""


def can_be_stored(document: Any) -> bool:
    """Return whether the nesting of a document allows it to be stored, and shown inside other documents.

    orjson parses four times as many levels as it can serialize.
    """
    for _ in range(_LEVELS_LEFT):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        return False
    return True


@dataclass
class Record:
    """One stored resource.

    Attributes:
        kind: Kind of the resource: ``model``, ``deployment``, ``space``...
        id: Id.
        container: Id of its space or project, or "".
        name: Name.
        document: Public document, with ``metadata`` and ``entity``.
        private: Data that responses do not show.
        sequence: Number in the order of creation, used for paging.

    """

    kind: str
    id: str
    container: str
    name: str
    document: dict[str, Any]
    private: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the document."""
        metadata: dict[str, Any] = self.document["metadata"]
        return metadata

    @property
    def entity(self) -> dict[str, Any]:
        """The entity of the document."""
        entity: dict[str, Any] = self.document["entity"]
        return entity


@dataclass(frozen=True)
class Content:
    """A content of a record.

    Attributes:
        blob: The stored file.
        slot: Name of the content within the record.
        media_type: Media type.

    """

    blob: Blob
    slot: str = "content"
    media_type: str = "application/octet-stream"


class Identifiers:
    """Generates resource ids (UUID 4) and trace ids (32 hexadecimal digits)."""

    def __init__(self) -> None:
        """Start with unpredictable ids."""
        self._random: Random = SystemRandom()

    def seed(self, seed: int | str | None) -> None:
        """Make the ids reproducible; None makes them unpredictable again."""
        # Ids are not secrets; `secret` is not affected by the seed.
        self._random = SystemRandom() if seed is None else Random(seed)  # noqa: S311

    def new(self) -> str:
        """Return a new resource id."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def trace(self) -> str:
        """Return a new trace id."""
        return f"{self._random.getrandbits(128):032x}"

    @staticmethod
    def secret() -> str:
        """Return an unguessable part of a URL."""
        return secrets.token_urlsafe(32)
