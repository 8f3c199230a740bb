"""Report the progress of everything that takes time to one hook and to the log; the default hook draws bars."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Automatic", "ProgressEvent", "ProgressHook", "Stage", "automatic", "set_hook", "stage"]


@dataclass(frozen=True)
class ProgressEvent:
    """The progress of a stage.

    Attributes:
        stage: ``"connecting"``, ``"packing"``, ``"uploading"``, ``"downloading"``, ``"rollout"``, ``"waiting"``,
            ``"checking"`` (in a clean environment) or ``"scoring"``. Stages can be nested.
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

    It is called from the working thread, so it should return quickly. An error that it raises is logged, and the work
    goes on.

    Example:
        >>> class Percent:
        ...     def __call__(self, event: ProgressEvent) -> None:
        ...         print(event.stage, event.done * 100 // (event.total or 1), "%")
        >>> Percent()(ProgressEvent("uploading", 50, 200, "bytes", 0.1))
        uploading 25 %

    """

    def __call__(self, event: ProgressEvent, /) -> None:
        """Handle an event."""


DELAY_SECONDS = 0.5
"""Stages that end sooner get no bar, which would only flicker. A bar is redrawn as often, so that its clock runs."""


class Automatic:
    """The default hook: one bar at a time, for the outermost stage that takes longer than half a second."""

    def __init__(self) -> None:
        """Start without a bar."""
        self._lock = threading.Lock()
        self._running: dict[str, ProgressEvent] = {}
        self._drawn: str | None = None
        self._bar: Any = None

    def __call__(self, event: ProgressEvent) -> None:
        """Draw, update or remove the bar."""
        with self._lock:
            begins = event.stage not in self._running
            self._running[event.stage] = event
            if event.over:
                del self._running[event.stage]
                if event.stage == self._drawn:
                    self._bar.close()
                    self._bar = self._drawn = None
            elif event.stage == self._drawn or event.seconds >= DELAY_SECONDS:
                self._draw(event)
            elif begins and is_interactive():
                self._look_again(event.stage)

    def _look_again(self, stage: str) -> None:
        """Draw the bar from a timer, again and again: a stage may report nothing for a long time."""
        timer = threading.Timer(DELAY_SECONDS, self._draw_if_running, [stage])
        timer.daemon = True
        timer.start()

    def _draw_if_running(self, stage: str) -> None:
        with self._lock:
            if stage in self._running:
                self._draw(self._running[stage])
                self._look_again(stage)

    def _draw(self, event: ProgressEvent) -> None:
        if self._drawn is None and is_interactive():
            self._drawn, self._bar = event.stage, _new_bar(event)
        if self._drawn == event.stage:
            self._bar.set_postfix_str(_describe(event), refresh=False)
            self._bar.update(event.done - self._bar.n)
            self._bar.refresh()


automatic = Automatic()
"""Draws bars in a terminal or notebook. Draws nothing elsewhere, and nothing where ``CI`` is set."""


def is_interactive() -> bool:
    """Return whether somebody is watching: this is a terminal or a notebook, and not continuous integration."""
    return not os.environ.get("CI") and ("ipykernel" in sys.modules or sys.stderr.isatty())


def _new_bar(event: ProgressEvent) -> Any:
    with warnings.catch_warnings():
        # Without ipywidgets tqdm falls back to text, which is fine, and warns about it.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm  # noqa: PLC0415 - deferred: only drawing needs it
    # Notebooks show whatever is written to the error stream as an error.
    file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    bar = (
        "{desc}: {elapsed}{postfix}" if event.total is None else "{desc}: {bar:30} {elapsed}, {remaining} left{postfix}"
    )
    return tqdm(total=event.total, desc=event.stage, file=file, bar_format=bar, postfix=_describe(event), leave=False)


def _describe(event: ProgressEvent) -> str:
    """Return the figures of a stage as text.

    >>> from wml_deployer.progress import ProgressEvent
    >>> _describe(ProgressEvent("uploading", 3_000_000, 6_000_000, "bytes", 2.0, "v0.2"))
    '3.0 of 6.0 MB, 1.5 MB/s, v0.2'
    """
    scale, unit = (1e6, "MB") if event.unit == "bytes" else (1, event.unit)
    digits = ".1f" if scale > 1 else ",.0f"
    counted = f"{event.done / scale:{digits}}" + (f" of {event.total / scale:{digits}}" if event.total else "")
    rate = f"{event.rate / scale:{digits}} {unit}/s" if event.rate and event.unit in {"bytes", "rows"} else ""
    # Users have no need for the number of status requests.
    return ", ".join(filter(None, (f"{counted} {unit}" if unit != "looks" else "", rate, event.detail)))


MIN_INTERVAL_SECONDS = 0.05
"""Shortest time between two events, apart from the first and the last one of a stage."""

_ENDS = {False: "took", True: "failed after"}

_log = logging.getLogger(__package__)
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
        try:
            _hook(self._event(now, over=over))
        except Exception:  # noqa: BLE001 - a broken hook must not leave a rollout half done
            _log.exception("The progress hook failed.")

    def end(self, *, failed: bool) -> None:
        """Report that the stage is over, and write its one line to the log."""
        self.report(over=True)
        if _log.isEnabledFor(logging.INFO):
            event = self._event(time.monotonic(), over=True)
            _log.info("%s %s %.1f s: %s", event.stage, _ENDS[failed], event.seconds, _describe(event))

    def _event(self, now: float, *, over: bool) -> ProgressEvent:
        return ProgressEvent(
            self._name, self._done, self._total, self._unit, now - self._started, self._detail, over=over
        )


@contextmanager
def stage(name: str, total: int | None = None, unit: str = "", detail: str = "") -> Iterator[Stage]:
    """Report a stage from its beginning to its end, also if it fails; the arguments are those of :class:`Stage`."""
    running = Stage(name, total, unit, detail)
    try:
        yield running
    except BaseException:
        running.end(failed=True)
        raise
    running.end(failed=False)
