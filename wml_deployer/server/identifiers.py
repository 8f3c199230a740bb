"""Random identifiers, which a test may seed."""

from __future__ import annotations

import secrets
from random import Random, SystemRandom
from uuid import UUID

__all__ = ["Identifiers"]


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
