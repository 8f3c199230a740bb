"""Bars where somebody looks: in a terminal or notebook that has rich or tqdm, and nowhere else."""

from __future__ import annotations

import os
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from wml_deployer._display.words import span

if TYPE_CHECKING:
    from wml_deployer._progress.events import ProgressEvent

__all__ = ["Automatic", "RichBars", "TqdmBars", "automatic", "bars_for_here"]

SHOWN_AFTER_SECONDS = 0.5
"""What is over sooner flickers and tells nobody anything."""


class Bars(Protocol):
    """Draws stages."""

    def draw(self, event: ProgressEvent) -> None:
        """Draw a stage that goes on."""

    def end(self, event: ProgressEvent) -> None:
        """Draw a stage for the last time."""


class Automatic:
    """The hook that is there from the beginning: draws with rich or tqdm where somebody looks, else is quiet."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        self._lock = threading.Lock()
        self._going_on: dict[str, ProgressEvent] = {}
        self._drawn: dict[str, Bars] = {}

    def __call__(self, event: ProgressEvent) -> None:
        """Draw an event, or not."""
        with self._lock:
            begins = event.stage not in self._going_on
            self._going_on[event.stage] = event
            if event.over:
                del self._going_on[event.stage]
                bars = self._drawn.pop(event.stage, None)
                if bars is not None:
                    bars.end(event)
            elif event.stage in self._drawn or event.seconds >= SHOWN_AFTER_SECONDS:
                self._draw(event)
            elif begins and somebody_looks():
                # A stage may be at one thing for long, and tells nothing while it is.
                timer = threading.Timer(SHOWN_AFTER_SECONDS, self._look_again, [event.stage])
                timer.daemon = True
                timer.start()

    def _look_again(self, stage: str) -> None:
        with self._lock:
            if stage in self._going_on and stage not in self._drawn:
                self._draw(self._going_on[stage])

    def _draw(self, event: ProgressEvent) -> None:
        bars = self._drawn.get(event.stage) or next(iter(self._drawn.values()), None) or bars_for_here()
        if bars is not None:
            self._drawn[event.stage] = bars
            bars.draw(event)


automatic = Automatic()
"""Draws with rich or tqdm in a terminal or notebook; quiet elsewhere, and where ``CI`` is set."""


def somebody_looks() -> bool:
    """Whether this is a terminal or a notebook, and no continuous integration."""
    return not os.environ.get("CI") and ("ipykernel" in sys.modules or sys.stderr.isatty())


def bars_for_here() -> Bars | None:
    """Return what draws on this process's error stream; ``None`` where nobody looks or nothing is installed."""
    if not somebody_looks():
        return None
    notebook = "ipykernel" in sys.modules
    # In a notebook rich draws with ipywidgets, and warns without.
    if find_spec("rich") and (not notebook or find_spec("ipywidgets")):
        return RichBars()
    return TqdmBars() if find_spec("tqdm") else None


class RichBars:
    """Bars of rich, one below the other."""

    def __init__(self) -> None:
        """Start nothing yet."""
        from rich.console import Console  # noqa: PLC0415 - optional
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[words]}"))
        times = (TimeElapsedColumn(), TextColumn("{task.fields[left]}"))
        self._progress = Progress(*columns, *times, console=Console(stderr=True), transient=True)
        self._tasks: dict[str, Any] = {}

    def draw(self, event: ProgressEvent) -> None:
        """Draw a stage that goes on."""
        said: dict[str, Any] = {"total": event.total, "words": _words(event), "left": _left(event)}
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._progress.add_task(event.stage, **said)
            self._progress.start()
        self._progress.update(self._tasks[event.stage], completed=event.done, **said)

    def end(self, event: ProgressEvent) -> None:
        """Take a stage away; the last one takes the bars with it."""
        self._progress.remove_task(self._tasks.pop(event.stage))
        if not self._tasks:
            self._progress.stop()


class TqdmBars:
    """A bar of tqdm, as text: one at a time, for a notebook's output cannot go up a line."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._stage: str | None = None
        self._bar: Any = None

    def draw(self, event: ProgressEvent) -> None:
        """Draw a stage that goes on."""
        from tqdm import tqdm  # noqa: PLC0415 - optional

        if self._stage is None:
            # What notebooks get on the error stream looks like an error.
            file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
            self._stage = event.stage
            looks = {"bar_format": _format(event), "postfix": _words(event), "leave": False}
            self._bar = tqdm(total=event.total, desc=event.stage, file=file, **looks)
        if self._stage == event.stage:
            self._bar.set_postfix_str(_words(event), refresh=False)
            self._bar.update(event.done - self._bar.n)

    def end(self, event: ProgressEvent) -> None:
        """Take a stage away."""
        if self._stage == event.stage:
            self._bar.close()
            self._stage = None


def _format(event: ProgressEvent) -> str:
    """Write a bar where there is an end to it, else only what it is at."""
    return (
        "{desc}: {elapsed}{postfix}" if event.total is None else "{desc}: {bar:30} {elapsed}, {remaining} left{postfix}"
    )


def _left(event: ProgressEvent) -> str:
    """Say how long it still takes, where that can be said.

    >>> from wml_deployer._progress.events import ProgressEvent
    >>> _left(ProgressEvent("scoring", 1_000, 4_000, "rows", 41.0))
    '2 min 3 s left'
    """
    # Steps differ too much from each other to tell of the next one.
    return "" if event.seconds_left is None or event.unit == "steps" else f"{span(event.seconds_left)} left"


def _words(event: ProgressEvent) -> str:
    """Say the figures of a stage.

    >>> from wml_deployer._progress.events import ProgressEvent
    >>> _words(ProgressEvent("uploading", 3_000_000, 6_000_000, "bytes", 2.0, "v0.2"))
    '3.0 of 6.0 MB, 1.5 MB/s, v0.2'
    """
    scale, unit = (1e6, "MB") if event.unit == "bytes" else (1, event.unit)
    digits = ".1f" if scale > 1 else ",.0f"
    counted = f"{event.done / scale:{digits}}" + (f" of {event.total / scale:{digits}}" if event.total else "")
    rate = f"{event.rate / scale:{digits}} {unit}/s" if event.rate and event.unit in {"bytes", "rows"} else ""
    # How often the service was looked at tells nobody anything.
    return ", ".join(filter(None, (f"{counted} {unit}" if unit != "looks" else "", rate, event.detail)))
