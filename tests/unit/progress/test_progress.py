"""What the progress hook is told, and where bars are drawn."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from sklearn.dummy import DummyClassifier

from tests.unit.transport.test_transport import reply
from wml_deployer._transport.pool import Transport
from wml_deployer.packaging import pack
from wml_deployer.progress import ProgressEvent, automatic, set_progress
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.conftest import ScriptedServer


@pytest.fixture
def events() -> Iterator[list[ProgressEvent]]:
    """Collect what the hook is told during a test."""
    told: list[ProgressEvent] = []
    before = set_progress(told.append)
    yield told
    set_progress(before)


def test_stage_begins_and_ends(events: list[ProgressEvent]) -> None:
    """The first event says how much there is, the last one that it is over."""
    with stage("scoring", 10, "rows") as progress:
        progress.advance(10)

    assert [("scoring", 0, 10, "rows", False), ("scoring", 10, 10, "rows", True)] == [
        (event.stage, event.done, event.total, event.unit, event.over) for event in (events[0], events[-1])
    ]


def test_stage_that_fails_is_over(events: list[ProgressEvent]) -> None:
    """No bar is left behind by an error, or by Ctrl-C."""

    def interrupted() -> None:
        with stage("uploading", 10, "bytes") as progress:
            progress.advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert (3, True) == (events[-1].done, events[-1].over)


def test_events_in_between_are_few(events: list[ProgressEvent]) -> None:
    """A hundred thousand blocks are not a hundred thousand calls."""
    with stage("packing", 100_000, "bytes") as progress:
        for _ in range(100_000):
            progress.advance(1)

    assert len(events) < 1_000


def test_another_detail_is_told_at_once(events: list[ProgressEvent]) -> None:
    """A state that lasts a moment is seen."""
    with stage("waiting", detail="initializing") as progress:
        progress.advance(detail="ready")

    assert ["initializing", "ready", "ready"] == [event.detail for event in events]


def test_hook_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The work goes on, and the log has the hook's error."""

    def broken(event: ProgressEvent) -> None:
        raise ValueError(event.stage)

    before = set_progress(broken)
    with caplog.at_level(logging.CRITICAL, "wml_deployer.progress"), stage("packing"):
        done = True
    set_progress(before)

    assert done


@pytest.mark.parametrize("fails", [False, True])
def test_the_log_has_a_line_for_each_stage(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever collects logs instead of watching bars reads what was done and how long it took."""
    caplog.set_level(logging.INFO, "wml_deployer.progress")
    with suppress(ZeroDivisionError), stage("scoring", 4, "rows", "v0.2") as progress:
        progress.advance(3)
        progress.advance(1 // (not fails))

    [line] = caplog.messages
    begins, ends = ("scoring failed after 0.", "3 of 4 rows") if fails else ("scoring took 0.", "4 of 4 rows")
    assert (True, True, True) == (line.startswith(begins), ends in line, line.endswith("v0.2"))


def test_none_keeps_quiet() -> None:
    """Without a hook nothing is told, and the one before comes back."""
    before = set_progress(None)
    with stage("packing"):
        pass

    assert None is set_progress(before)


def test_packing_counts_the_bytes_of_the_model(events: list[ProgressEvent]) -> None:
    """All that is packed was counted."""
    with pack(DummyClassifier().fit([[0], [1]], [0, 1])):
        pass

    assert ({"packing"}, events[-1].total) == ({event.stage for event in events}, events[-1].done)


def test_an_upload_counts_the_bytes_that_are_sent(events: list[ProgressEvent], scripted: ScriptedServer) -> None:
    """From the file's position to its end."""
    scripted.behaviours = [reply()]
    file = BytesIO(bytes(100))
    file.seek(40)
    Transport(scripted.ca).request("PUT", scripted.url, body=file)

    assert (60, 60, "bytes") == (events[-1].done, events[-1].total, events[-1].unit)


def test_a_small_request_has_no_stage(events: list[ProgressEvent], scripted: ScriptedServer) -> None:
    """Bytes in memory are sent at once."""
    scripted.behaviours = [reply()]
    Transport(scripted.ca).request("POST", scripted.url, body=b"{}")

    assert [] == events


def test_time_left_needs_a_total() -> None:
    """Where nobody knows how much there is, nobody says how long it takes."""
    assert None is ProgressEvent("waiting", 3, None, "looks", 1.0).seconds_left


SLOW = """
import time
from wml_deployer.progress._stage import stage
with stage("scoring", 4, "rows") as progress:
    for _ in range(4):
        time.sleep(0.2)
        progress.advance(1)
"""


SILENT = """
import time
from wml_deployer.progress._stage import stage
with stage("connecting", unit="looks", detail="somewhere"):
    time.sleep(1.2)
"""


def drawn(script: str = SLOW, *, terminal: bool, environment: dict[str, str] | None = None) -> str:
    """Run a stage of a second in a process of its own; return what it wrote to its error stream."""
    known = {name: value for name, value in os.environ.items() if name != "CI"}
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        # A new terminal has no size, and nothing fits into it.
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    finished = subprocess.run(
        [sys.executable, "-c", script],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**known, "TERM": "xterm", **(environment or {})},
        timeout=60,
        check=False,
    )
    os.close(theirs)
    text = b""
    try:
        while block := os.read(ours, 65_536):
            text += block
    except OSError:
        pass  # how Linux says that a terminal was closed
    os.close(ours)
    assert 0 == finished.returncode, text
    return text.decode()


def test_terminal_gets_a_bar() -> None:
    """A bar in a terminal bears the name of the stage."""
    assert "scoring" in drawn(terminal=True)


def test_stage_without_further_events_is_drawn() -> None:
    """A stage that takes long and reports nothing in between, such as a connection, is drawn all the same."""
    assert "somewhere" in drawn(SILENT, terminal=True)


@pytest.mark.parametrize(
    ("terminal", "environment"), [(False, {}), (True, {"CI": "true"})], ids=["pipe", "continuous integration"]
)
def test_nothing_is_drawn_in_pipes_and_ci(terminal: bool, environment: dict[str, str]) -> None:
    """Logs stay clean."""
    assert "" == drawn(terminal=terminal, environment=environment)


def test_default_is_automatic() -> None:
    """Nobody has to ask for bars."""
    before = set_progress(None)
    set_progress(before)

    assert automatic is before
