"""What the service keeps: records, and the contents that they refer to."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

if TYPE_CHECKING:
    from wml_deployer.server.storage.blobs import Blob

__all__ = ["PRESENT", "Content", "Identifiers", "Record", "can_be_kept"]

_LEVELS_LEFT = 100

PRESENT: Final = object()
"""Stands for any value where records are looked for."""


def can_be_kept(document: Any) -> bool:
    """Tell whether a document is nested little enough to be stored and shown inside other documents.

    orjson reads four times as many levels as it writes.
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
        kind: What it is: ``model``, ``deployment``, ``space``...
        id: Its id.
        container: The space or project it is in, or "".
        name: Its name.
        document: What answers show of it: ``metadata`` and ``entity``.
        private: What the service remembers and no answer shows.
        sequence: Its place in the order of creation; lists page by it.

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
        """The document's metadata."""
        metadata: dict[str, Any] = self.document["metadata"]
        return metadata

    @property
    def entity(self) -> dict[str, Any]:
        """The document's entity."""
        entity: dict[str, Any] = self.document["entity"]
        return entity


@dataclass(frozen=True)
class Content:
    """What a record refers to.

    Attributes:
        blob: The stored bytes.
        slot: Which of the record's contents it is.
        media_type: What the client said they are.

    """

    blob: Blob
    slot: str = "content"
    media_type: str = "application/octet-stream"


class Identifiers:
    """Makes resource ids (UUID 4) and traces (32 hexadecimal digits)."""

    def __init__(self) -> None:
        """Make unpredictable ids."""
        self._random: Random = SystemRandom()

    def seed(self, seed: int | str | None) -> None:
        """Seed the ids; None makes them unpredictable again."""
        # Ids are names, not secrets: signed URLs take theirs from `secret`, which no seed touches.
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
