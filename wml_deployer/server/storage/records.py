"""What the service keeps: records, and the contents that they refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from wml_deployer.server.storage.blobs import Blob

__all__ = ["PRESENT", "Content", "Record", "can_be_kept"]

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
