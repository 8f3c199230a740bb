"""What tests set through the control API, and what they read."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.control.pacing import Pacing
from wml_deployer.server.errors import ForbiddenError, TooManyRequestsError
from wml_deployer.server.http.request_log import RequestLog

if TYPE_CHECKING:
    from wml_deployer.server.control.faults import Fault

__all__ = ["Control", "Quota", "Rate", "Script", "Scripts"]


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


@dataclass
class Script:
    """One scripted answer.

    Attributes:
        body: The JSON that is answered.
        status: Its HTTP status.
        times: How often; always when None.

    """

    body: Any
    status: int = 200
    times: int | None = 1


class Scripts:
    """Scripted answers of each deployment, in order."""

    def __init__(self) -> None:
        """Start without scripts."""
        self._scripts: dict[str, deque[Script]] = {}

    def add(self, deployment_id: str, script: Script) -> None:
        """Add a scripted answer of a deployment."""
        self._scripts.setdefault(deployment_id, deque()).append(script)

    def next(self, deployment_id: str) -> Script | None:
        """Return the scripted answer for the next request, if any."""
        queue = self._scripts.get(deployment_id)
        if not queue:
            return None
        script = queue[0]
        if script.times is not None:
            script.times -= 1
            if script.times <= 0:
                queue.popleft()
        return script

    def reset(self) -> None:
        """Remove all scripts."""
        self._scripts.clear()


class Control:
    """The state of the control API.

    Attributes:
        faults: What goes wrong.
        log: What was asked; the newest so many.
        pacing: How fast states change.
        scripts: What is answered in place of the models.
        quota: How much there may be.
        rate: How much may be asked.

    """

    def __init__(self) -> None:
        """Start without faults, paces, scripts and limits."""
        self.log = RequestLog()
        self.faults: list[Fault] = []
        self.pacing = Pacing()
        self.scripts = Scripts()
        self.quota = Quota()
        self.rate = Rate()

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that meets the request."""
        return next((fault for fault in self.faults if fault.meets(method, path)), None)

    def reset(self) -> None:
        """Remove all faults, paces, scripts and limits, and clear the log."""
        self.log.clear()
        self.faults.clear()
        self.pacing.reset()
        self.scripts.reset()
        self.quota = Quota()
        self.rate = Rate()
