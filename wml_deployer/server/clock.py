"""The clock of the service, for timestamps in responses and the expiry of tokens and links."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

__all__ = ["Clock", "stamp"]


def stamp(time: datetime) -> str:
    """Format a time as the service does, always with milliseconds.

    Example:
        >>> stamp(datetime(2025, 2, 21, 10, 31, 50, 12_000, tzinfo=timezone.utc))
        '2025-02-21T10:31:50.012Z'

    """
    return f"{time.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


class Clock:
    """A clock that tests can advance or stop."""

    def __init__(self) -> None:
        """Start with the real time."""
        self._offset = timedelta()
        self._stopped_at: datetime | None = None

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return self._stopped_at or datetime.now(timezone.utc) + self._offset

    def stamp(self) -> str:
        """Return the current time, formatted."""
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Advance the clock by the given number of seconds."""
        if self._stopped_at is not None:
            self._stopped_at += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)

    def stop(self, time: datetime) -> None:
        """Stop the clock at the given time."""
        self._stopped_at = time

    def reset(self) -> None:
        """Return to the real time."""
        self._offset, self._stopped_at = timedelta(), None
