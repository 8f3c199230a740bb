"""What the whole suite shares: the closing count of documentation blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many blocks of documentation ran: a runner that finds none would pass in silence."""
    properties = (value for report in terminalreporter.getreports("passed") for value in report.user_properties)
    counts = [count for name, count in properties if name == "blocks run"]
    if counts:
        terminalreporter.write_line(f"documentation: {sum(counts)} blocks run on {len(counts)} pages")
