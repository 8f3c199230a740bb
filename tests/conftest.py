"""What the whole suite shares: silence, and the closing count of the documentation that ran."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Some tests load ONNX Runtime into this process; it would report that to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the documentation ran: a runner that finds none would pass in silence."""
    properties = [value for report in terminalreporter.getreports("passed") for value in report.user_properties]
    for what, where in (("blocks run", "pages"), ("examples run", "modules")):
        counts = [count for name, count in properties if name == what]
        if counts:
            terminalreporter.write_line(f"documentation: {sum(counts)} {what} on {len(counts)} {where}")
