"""Scripted predictions, in place of the model's."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

__all__ = ["Script", "Scripts"]


@dataclass
class Script:
    """One scripted answer.

    Attributes:
        body: The JSON that is answered.
        status: Its HTTP status.
        times: How often; always when None.

    """

    body: Any
    status: int = 200
    times: int | None = 1


class Scripts:
    """Scripted answers of each deployment, in order."""

    def __init__(self) -> None:
        """Start without scripts."""
        self._scripts: dict[str, deque[Script]] = {}

    def add(self, deployment_id: str, script: Script) -> None:
        """Add a scripted answer of a deployment."""
        self._scripts.setdefault(deployment_id, deque()).append(script)

    def next(self, deployment_id: str) -> Script | None:
        """Return the scripted answer for the next request, if any."""
        queue = self._scripts.get(deployment_id)
        if not queue:
            return None
        script = queue[0]
        if script.times is not None:
            script.times -= 1
            if script.times <= 0:
                queue.popleft()
        return script

    def reset(self) -> None:
        """Remove all scripts."""
        self._scripts.clear()
