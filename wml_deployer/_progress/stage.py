"""What the working parts of the library call to say how far they are."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wml_deployer._progress.bars import automatic
from wml_deployer._progress.events import ProgressEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._progress.events import ProgressHook

__all__ = ["Stage", "hook_is", "stage"]

EVERY_SECONDS = 0.05
"""Events in between come no more often; the first and the last always do."""

_log = logging.getLogger(__name__)
_hook: ProgressHook | None = automatic


def hook_is(hook: ProgressHook | None) -> ProgressHook | None:
    """Let another hook be told; returns the one before."""
    global _hook
    before, _hook = _hook, hook
    return before


class Stage:
    """A stage that is going on.

    Args:
        name: Which one.
        total: How much there is to do, where known.
        unit: What is counted.
        detail: What it is at.

    """

    def __init__(self, name: str, total: int | None, unit: str, detail: str) -> None:
        """Begin, and say so."""
        self._name, self._total, self._unit, self._detail = name, total, unit, detail
        self._done = 0
        self._begun = time.monotonic()
        self._told = 0.0
        self.tell(always=True)

    def advance(self, count: int = 1, detail: str | None = None) -> None:
        """Count what was done, and say what comes."""
        self._done += count
        # Words change seldom and are what people read; numbers change all the time.
        changed = detail is not None and detail != self._detail
        self._detail = self._detail if detail is None else detail
        self.tell(always=changed)

    def tell(self, *, over: bool = False, always: bool = False) -> None:
        """Tell the hook, unless it was told a moment ago."""
        now = time.monotonic()
        if _hook is None or not (over or always or now - self._told >= EVERY_SECONDS):
            return
        self._told = now
        event = ProgressEvent(
            self._name, self._done, self._total, self._unit, now - self._begun, self._detail, over=over
        )
        try:
            _hook(event)
        except Exception:  # noqa: BLE001 - a rollout must not be left half done for want of a bar
            _log.exception("the progress hook failed")


@contextmanager
def stage(name: str, total: int | None = None, unit: str = "", detail: str = "") -> Iterator[Stage]:
    """Tell the hook how far something is, from its beginning to its end, however it ends."""
    going_on = Stage(name, total, unit, detail)
    try:
        yield going_on
    finally:
        going_on.tell(over=True)
