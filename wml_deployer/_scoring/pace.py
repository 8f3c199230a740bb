"""How many rows a request carries: as many as are answered in about half a second."""

from __future__ import annotations

import threading

__all__ = ["Pace"]

FIRST_ROWS = 2_000
MOST_ROWS = 100_000
WANTED_SECONDS = 0.5


class Pace:
    """Learns from answer times; safe to share between threads.

    Args:
        rows: A fixed number of rows, or ``None`` to learn.

    Example:
        >>> pace = Pace()
        >>> pace.learn(rows=2_000, seconds=0.1)
        >>> pace.rows
        4000

    """

    def __init__(self, rows: int | None = None) -> None:
        """Begin with a cautious number."""
        self._fixed = rows
        self._rows = FIRST_ROWS if rows is None else rows
        self._most = MOST_ROWS
        self._lock = threading.Lock()

    @property
    def rows(self) -> int:
        """Rows for the next request."""
        return self._rows

    def learn(self, rows: int, seconds: float) -> None:
        """Take one answer into account: at most twice or half as many rows next time."""
        if self._fixed is not None:
            return
        fitting = rows * WANTED_SECONDS / max(seconds, 1e-6)
        with self._lock:
            self._rows = int(max(1, min(self._most, self._rows * 2, max(fitting, self._rows / 2))))

    def too_large(self, rows: int) -> None:
        """Never again send more than half as many rows as the service has just refused."""
        with self._lock:
            self._most = max(1, min(self._most, rows // 2))
            self._rows = min(self._rows, self._most)
