"""What the whole suite shares: the closing count of the documentation that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the documentation ran: a runner that finds none would pass in silence."""
    properties = [value for report in terminalreporter.getreports("passed") for value in report.user_properties]
    for what, where in (("blocks run", "pages"), ("examples run", "modules")):
        counts = [count for name, count in properties if name == what]
        if counts:
            terminalreporter.write_line(f"documentation: {sum(counts)} {what} on {len(counts)} {where}")
