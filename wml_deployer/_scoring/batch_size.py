"""Choose how many rows a request carries: as many as are answered in half a second, and as fit into its bytes."""

from __future__ import annotations

import threading

from wml_deployer._scoring.options import BATCH_BYTES
from wml_deployer.payload._table import BatchSizer

__all__ = ["AdaptiveBatchSizer"]

FIRST_ROWS = 2_000
MOST_ROWS = 100_000
WANTED_SECONDS = 0.5


class AdaptiveBatchSizer(BatchSizer):
    """Learns from answer times and from the size of bodies; safe to share between threads.

    Args:
        rows: A fixed number of rows, or ``None`` to learn.
        body_bytes: Bytes of a body at most.

    Example:
        >>> sizer = AdaptiveBatchSizer()
        >>> sizer.learn(rows=2_000, seconds=0.1)
        >>> sizer.rows
        4000
        >>> sizer.weigh(rows=2_000, size=2_000_000)
        >>> sizer.rows
        3600

    """

    def __init__(self, rows: int | None = None, body_bytes: int = BATCH_BYTES) -> None:
        """Begin with a number that slow models answer in time."""
        super().__init__(FIRST_ROWS if rows is None else rows, body_bytes)
        self._fixed = rows
        self._most = MOST_ROWS
        self._lock = threading.Lock()

    def learn(self, rows: int, seconds: float) -> None:
        """Take one answer into account: at most twice or half as many rows next time."""
        if self._fixed is not None:
            return
        wanted = rows * WANTED_SECONDS / max(seconds, 1e-6)
        with self._lock:
            self._rows = int(max(1, min(self._most, self._rows * 2, max(wanted, self._rows / 2))))

    def too_large(self, rows: int) -> None:
        """Never again send more than half as many rows as the service has just refused."""
        with self._lock:
            self._most = max(1, min(self._most, rows // 2))
            self._rows = min(self._rows, self._most)
