"""Progress bars, drawn by tqdm in terminals and notebooks and nowhere else."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wml_deployer.progress._events import ProgressEvent

__all__ = ["Automatic", "automatic"]

DELAY_SECONDS = 0.5
"""Stages that end sooner get no bar: it would only flicker."""


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
                # A stage may report nothing more for a long time: look again when its bar is due.
                timer = threading.Timer(DELAY_SECONDS, self._draw_if_running, [event.stage])
                timer.daemon = True
                timer.start()

    def _draw_if_running(self, stage: str) -> None:
        with self._lock:
            if stage in self._running:
                self._draw(self._running[stage])

    def _draw(self, event: ProgressEvent) -> None:
        if self._drawn is None and is_interactive():
            self._drawn, self._bar = event.stage, _new_bar(event)
        if self._drawn == event.stage:
            self._bar.set_postfix_str(_describe(event), refresh=False)
            self._bar.update(event.done - self._bar.n)


automatic = Automatic()
"""Draws bars in a terminal or notebook. Draws nothing elsewhere, and nothing where ``CI`` is set."""


def is_interactive() -> bool:
    """Return whether somebody watches: this is a terminal or a notebook, and not continuous integration."""
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
    # The number of status requests interests nobody.
    return ", ".join(filter(None, (f"{counted} {unit}" if unit != "looks" else "", rate, event.detail)))
