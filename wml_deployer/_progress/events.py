"""What a hook is told, and what a hook is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["ProgressEvent", "ProgressHook"]


@dataclass(frozen=True)
class ProgressEvent:
    """How far a stage is.

    Attributes:
        stage: ``"connecting"``, ``"packing"``, ``"uploading"``, ``"rollout"``, ``"waiting"`` or ``"scoring"``; some
            are inside others.
        done: How much of it is done, in units.
        total: How much there is; ``None`` where nobody knows.
        unit: ``"bytes"``, ``"rows"``, ``"steps"`` or ``"looks"``.
        seconds: Since the stage began.
        detail: What it is at: a deployment's state, the step of a rollout.
        over: Whether this is the stage's last event, done or failed.

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
        """Units a second; ``None`` where nothing can be said yet."""
        return self.done / self.seconds if self.done and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the stage is over if it goes on like this; ``None`` where nothing can be said yet."""
        if self.rate is None or self.total is None:
            return None
        return max(self.total - self.done, 0) / self.rate


class ProgressHook(Protocol):
    """Whatever can be called with an event.

    It is called from the thread that works, so it should be quick; what it raises is logged and stops nothing.

    Example:
        >>> class Percent:
        ...     def __call__(self, event: ProgressEvent) -> None:
        ...         print(event.stage, event.done * 100 // (event.total or 1), "%")
        >>> Percent()(ProgressEvent("uploading", 50, 200, "bytes", 0.1))
        uploading 25 %

    """

    def __call__(self, event: ProgressEvent, /) -> None:
        """Take note of an event."""
