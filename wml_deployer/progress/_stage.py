"""Report progress to the hook: used by everything in the library that takes time."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wml_deployer.progress._bars import automatic

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProgressEvent", "ProgressHook", "Stage", "set_hook", "stage"]


@dataclass(frozen=True)
class ProgressEvent:
    """The progress of a stage.

    Attributes:
        stage: ``"connecting"``, ``"packing"``, ``"uploading"``, ``"rollout"``, ``"waiting"`` or ``"scoring"``. Stages
            can be nested.
        done: How much of the stage is done, in units.
        total: How much there is to do, in units; ``None`` if it is not known.
        unit: ``"bytes"``, ``"rows"``, ``"steps"`` or ``"looks"`` (status requests).
        seconds: Time since the stage began.
        detail: The state of a deployment, the step of a rollout, and the like.
        over: Whether this is the last event of the stage, whether it succeeded or failed.

    Example:
        >>> event = ProgressEvent("scoring", done=2_000, total=8_000, unit="rows", seconds=0.5)
        >>> event.rate, event.seconds_left
        (4000.0, 1.5)

    """

    stage: str
    done: int
    total: int | None
    unit: str
    seconds: float
    detail: str = ""
    over: bool = False

    @property
    def rate(self) -> float | None:
        """Units per second so far; ``None`` before the first unit is done."""
        return self.done / self.seconds if self.done and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the stage is over; ``None`` without a rate or a total."""
        if self.rate is None or self.total is None:
            return None
        return max(self.total - self.done, 0) / self.rate


class ProgressHook(Protocol):
    """Any callable that takes an event.

    It is called from the working thread, so it should return quickly. Its errors are logged and stop nothing.

    Example:
        >>> class Percent:
        ...     def __call__(self, event: ProgressEvent) -> None:
        ...         print(event.stage, event.done * 100 // (event.total or 1), "%")
        >>> Percent()(ProgressEvent("uploading", 50, 200, "bytes", 0.1))
        uploading 25 %

    """

    def __call__(self, event: ProgressEvent, /) -> None:
        """Handle an event."""


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
