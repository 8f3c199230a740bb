"""Count what this process changes of a deployment: what was looked up before a change is not trusted after it."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["change_count", "changing"]

_counts: Counter[str] = Counter()


def change_count(deployment_id: str) -> int:
    """Return a number that is another one once this process has begun, or ended, to change the deployment."""
    return _counts[deployment_id]


@contextmanager
def changing(deployment_id: str) -> Iterator[None]:
    """Count a change of what a deployment serves.

    It counts when it begins and when it ends: what is looked up in between may still tell of the version before.

    Example:
        >>> before = change_count("3f2c")
        >>> with changing("3f2c"):
        ...     change_count("3f2c") == before
        False

    """
    _counts[deployment_id] += 1
    try:
        yield
    finally:
        _counts[deployment_id] += 1
