"""The log of what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """One request that was made.

    Attributes:
        method: HTTP method.
        path: Path, without the query.
        query: The query.
        status: Status of the answer; 0 where the connection was dropped instead.
        seconds: How long it took.
        connection: Number of the connection that it came by.
        at: When it was answered.

    """

    method: str
    path: str
    query: str
    status: int
    seconds: float
    connection: int
    at: datetime

    def document(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {name: value for name, value in vars(self).items() if name != "at"}
