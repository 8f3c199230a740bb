"""What tests set through the control API: faults, scripted predictions, and the limits of the plan."""

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
    """The quota of the plan.

    Attributes:
        deployments: Maximum number of deployments; None for no limit.
        jobs: Maximum number of jobs that are kept; None for no limit.

    """

    deployments: int | None = None
    jobs: int | None = None

    def check_deployments(self, present: int) -> None:
        """Check the quota before a deployment is created.

        Raises:
            ForbiddenError: The quota is used up.

        """
        if self.deployments is not None and present >= self.deployments:
            raise ForbiddenError(
                f"The plan of this instance allows {self.deployments} deployments; there are {present}.",
                code="instance_quota_exceeded",
            )

    def check_jobs(self, present: int) -> None:
        """Check the quota before a job is created.

        Raises:
            ForbiddenError: The quota is used up.

        """
        if self.jobs is not None and present >= self.jobs:
            raise ForbiddenError(
                f"The plan of this instance keeps {self.jobs} deployment jobs; there are {present}.",
                code="instance_quota_exceeded",
            )


class Rate:
    """A rate limit: a token bucket that holds the requests of one second.

    Args:
        limit: Requests per second; None for no limit.

    """

    def __init__(self, limit: float | None = None) -> None:
        """Start with a full bucket."""
        self.limit = limit
        self._left = limit or 0.0
        self._filled = time.monotonic()

    def take(self) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: The limit is exceeded; the headers say when to retry.

        """
        if self.limit is None:
            return
        now = time.monotonic()
        self._left = min(max(self.limit, 1.0), self._left + (now - self._filled) * self.limit)
        self._filled = now
        if self._left < 1:
            raise TooManyRequestsError(
                f"The instance accepts {self.limit:g} requests per second. Try again later.", headers=self._headers()
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
    """A scripted response.

    Attributes:
        body: JSON data of the response.
        status: HTTP status.
        times: Number of requests that get it; all if None.

    """

    body: Any
    status: int = 200
    times: int | None = 1


class Scripts:
    """Scripted predictions of each deployment, in order."""

    def __init__(self) -> None:
        """Start without scripts."""
        self._scripts: dict[str, deque[Script]] = {}

    def add(self, deployment_id: str, script: Script) -> None:
        """Add a scripted response for a deployment."""
        self._scripts.setdefault(deployment_id, deque()).append(script)

    def next(self, deployment_id: str) -> Script | None:
        """Return the scripted response to the next request, if any."""
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
        faults: Injected faults.
        log: The request log.
        pacing: Delays of state changes.
        scripts: Scripted predictions.
        quota: The quota of the plan.
        rate: The rate limit of the plan.
        plan: Name of the plan.
        jobs_need_credentials: Whether jobs on IBM Cloud need task credentials.

    """

    def __init__(self) -> None:
        """Start without faults, delays, scripts and limits."""
        self.log = RequestLog()
        self.faults: list[Fault] = []
        self.pacing = Pacing()
        self.scripts = Scripts()
        self._unlimited()

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that affects the request."""
        return next((fault for fault in self.faults if fault.matches(method, path)), None)

    def reset(self) -> None:
        """Remove all faults, delays, scripts and limits, and clear the log."""
        self.log.clear()
        self.faults.clear()
        self.pacing.reset()
        self.scripts.reset()
        self._unlimited()

    def _unlimited(self) -> None:
        self.quota = Quota()
        self.rate = Rate()
        self.plan = "standard"
        self.jobs_need_credentials = False
