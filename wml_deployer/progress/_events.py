"""The events that a progress hook receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["ProgressEvent", "ProgressHook"]


@dataclass(frozen=True)
class ProgressEvent:
    """The progress of a stage.

    Attributes:
        stage: ``"connecting"``, ``"packing"``, ``"uploading"``, ``"rollout"``, ``"waiting"``, ``"checking"``
            (in a clean environment) or ``"scoring"``. Stages can be nested.
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
