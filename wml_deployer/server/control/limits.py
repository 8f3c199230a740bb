"""Limits of the service's plan, which a test may set: none hold otherwise."""

from __future__ import annotations

import time
from dataclasses import dataclass

from wml_deployer.server.errors import ForbiddenError, TooManyRequestsError

__all__ = ["Quota", "Rate"]


@dataclass
class Quota:
    """A quota.

    Attributes:
        deployments: How many deployments; any number when None.

    """

    deployments: int | None = None

    def check_deployments(self, present: int) -> None:
        """Refuse a deployment beyond the quota.

        Raises:
            ForbiddenError: There are as many as there may be.

        """
        if self.deployments is not None and present >= self.deployments:
            raise ForbiddenError(
                f"The plan of this instance allows {self.deployments} deployments, and there are {present}.",
                code="instance_quota_exceeded",
            )


class Rate:
    """How many requests a second are answered: a bucket that fills evenly and holds one second's worth.

    Args:
        limit: How many; any number when None.

    """

    def __init__(self, limit: float | None = None) -> None:
        """Start with a full bucket."""
        self.limit = limit
        self._left = limit or 0.0
        self._filled = time.monotonic()

    def take(self) -> None:
        """Take one request out of the bucket.

        Raises:
            TooManyRequestsError: It is empty; the headers say when it is not.

        """
        if self.limit is None:
            return
        now = time.monotonic()
        self._left = min(max(self.limit, 1.0), self._left + (now - self._filled) * self.limit)
        self._filled = now
        if self._left < 1:
            raise TooManyRequestsError(
                f"The instance answers {self.limit:g} requests a second. Try again later.", headers=self._headers()
            )
        self._left -= 1

    def _headers(self) -> dict[str, str]:
        limit = self.limit or 1.0
        wait = (1 - self._left) / limit
        return {
            "retry-after": str(max(1, round(wait))),
            "x-requests-limit-rate": f"{limit:g}",
            "x-requests-limit-remaining": "0",
        }
