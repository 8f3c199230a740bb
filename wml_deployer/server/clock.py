"""The service's clock, for times in answers and the expiry of tokens and links."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

__all__ = ["Clock", "stamp"]


def stamp(moment: datetime) -> str:
    """Return the moment as the service writes times, always with three digits of milliseconds.

    Example:
        >>> stamp(datetime(2025, 2, 21, 10, 31, 50, 12_000, tzinfo=timezone.utc))
        '2025-02-21T10:31:50.012Z'

    """
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class Clock:
    """Tells the time, which a test may move or stop."""

    def __init__(self) -> None:
        """Tell the real time."""
        self._offset = timedelta()
        self._stopped_at: datetime | None = None

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return self._stopped_at or datetime.now(timezone.utc) + self._offset

    def stamp(self) -> str:
        """Return the present moment as the service writes times."""
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Move the clock forward by so many seconds."""
        if self._stopped_at is not None:
            self._stopped_at += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)

    def stop(self, moment: datetime) -> None:
        """Stop the clock at a moment."""
        self._stopped_at = moment

    def reset(self) -> None:
        """Tell the real time again."""
        self._offset, self._stopped_at = timedelta(), None
