"""What tests set through the control API, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.control.limits import Quota, Rate
from wml_deployer.server.control.pacing import Pacing
from wml_deployer.server.control.request_log import RequestLog
from wml_deployer.server.control.scripts import Scripts

if TYPE_CHECKING:
    from wml_deployer.server.control.faults import Fault

__all__ = ["Control"]


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
