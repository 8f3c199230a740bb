"""Two logs of one project make one, whatever each of them missed."""

from __future__ import annotations

from wml_deployer._rollout.service_log import merged
from wml_deployer.metadata import LogEntry


def entry(to: str, second: int, why: str | None = None) -> LogEntry:
    """A change to a version at some second of a minute."""
    when = f"2026-01-31T12:00:{second:02}Z"
    return LogEntry(when=when, action="update", to_version=to, verification="passed", why=why)


def names(*log: LogEntry) -> list[str | None]:
    return [change.to_version for change in log]


def test_changes_of_one_second_keep_the_order_of_the_service() -> None:
    """An older copy of the file, which then made a change of its own, does not put that before those it missed."""
    kept = (entry("v1", 1), entry("v3", 1))
    told = (entry("v1", 1), entry("v2", 1))

    assert ["v1", "v2", "v3"] == names(*merged(kept, told))


def test_changes_that_the_service_forgot_come_first() -> None:
    """It keeps the newest alone."""
    assert ["v1", "v2", "v3"] == names(*merged((entry("v1", 1), entry("v2", 2)), (entry("v2", 2), entry("v3", 3))))


def test_the_file_s_own_words_are_kept() -> None:
    """The service has reasons cut short."""
    assert (entry("v1", 1, "a long reason"),) == merged((entry("v1", 1, "a long reason"),), (entry("v1", 1, "a lo"),))


def test_equal_changes_of_one_second_are_both_kept() -> None:
    """A script may go back and forth within a second."""
    twice = (entry("v1", 1), entry("v1", 1))

    assert twice == merged(twice, twice)
