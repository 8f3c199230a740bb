"""How many rows a request body takes."""

from __future__ import annotations

import math

__all__ = ["Fitting"]

_FILL = 0.9
"""Rows differ in size: bodies are meant to be so full."""


class Fitting:
    """At most so many rows, and as many as fit into so many bytes, as the bodies before have shown.

    Args:
        rows: Rows of a body at most.
        body_bytes: Bytes of a body at most; a single row that is larger makes a body of its own.

    Example:
        >>> fitting = Fitting(rows=2_000, body_bytes=1_000_000)
        >>> fitting.weigh(rows=2_000, size=2_000_000)
        >>> fitting.rows
        900

    """

    def __init__(self, rows: int, body_bytes: int) -> None:
        """Know nothing of the size of rows yet."""
        self._rows = rows
        self._body_bytes = body_bytes
        self._fitting: float = math.inf

    @property
    def rows(self) -> int:
        """Rows for the next body."""
        return int(min(self._rows, self._fitting))

    def weigh(self, rows: int, size: int) -> None:
        """Take the size of one body in bytes into account, so that the next one fits."""
        self._fitting = max(1, int(max(rows, 1) * self._body_bytes / size * _FILL))

    def fits(self, rows: int, size: int) -> bool:
        """Whether a body of so many rows and bytes can go."""
        return size <= self._body_bytes or rows <= 1
