"""Report progress to the hook: used by everything in the library that takes time."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer.progress._bars import automatic
from wml_deployer.progress._events import ProgressEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.progress._events import ProgressHook

__all__ = ["Stage", "set_hook", "stage"]

MIN_INTERVAL_SECONDS = 0.05
"""Shortest time between two events, apart from the first and the last one of a stage."""

_log = logging.getLogger(__name__)
_hook: ProgressHook | None = automatic


def set_hook(hook: ProgressHook | None) -> ProgressHook | None:
    """Set the hook of the process and return the previous one."""
    global _hook
    previous, _hook = _hook, hook
    return previous


class Stage:
    """A running stage.

    Args:
        name: One of the stages of :class:`ProgressEvent`.
        total: How much there is to do, in units, if known.
        unit: The unit that is counted.
        detail: What the stage begins with.

    """

    def __init__(self, name: str, total: int | None, unit: str, detail: str) -> None:
        """Report that the stage begins."""
        self._name, self._total, self._unit, self._detail = name, total, unit, detail
        self._done = 0
        self._started = time.monotonic()
        self._reported = 0.0
        self.report(force=True)

    def advance(self, count: int = 1, detail: str | None = None) -> None:
        """Count units as done, and report them."""
        self._done += count
        # A new detail is rare and is what people read, so it is never held back.
        changed = detail is not None and detail != self._detail
        self._detail = self._detail if detail is None else detail
        self.report(force=changed)

    def report(self, *, over: bool = False, force: bool = False) -> None:
        """Call the hook, unless it was called a moment ago."""
        now = time.monotonic()
        if _hook is None or not (over or force or now - self._reported >= MIN_INTERVAL_SECONDS):
            return
        self._reported = now
        event = ProgressEvent(
            self._name, self._done, self._total, self._unit, now - self._started, self._detail, over=over
        )
        try:
            _hook(event)
        except Exception:  # noqa: BLE001 - a broken hook must not leave a rollout half done
            _log.exception("The progress hook failed.")


@contextmanager
def stage(name: str, total: int | None = None, unit: str = "", detail: str = "") -> Iterator[Stage]:
    """Report a stage from its beginning to its end, also if it fails; the arguments are those of :class:`Stage`."""
    running = Stage(name, total, unit, detail)
    try:
        yield running
    finally:
        running.report(over=True)
