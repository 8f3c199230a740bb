"""The HTTP calls that a verb makes, each with the name by which the embedded service lets it go wrong."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.testing import LoggedRequest

_ID = "[0-9a-f]{8}-[0-9a-f-]{27}"


class Call(NamedTuple):
    """One call: the method, a regular expression of the path, and how many alike come before it."""

    method: str
    path: str
    before: int

    def __str__(self) -> str:
        shown = self.path.strip("^$").replace(_ID, "{id}")
        return f"{self.method} {shown} ({self.before + 1})"


def calls_of(requests: Iterable[LoggedRequest]) -> list[Call]:
    """Name what was asked, in order; looks in a row at a deployment that is at work are one call."""
    found: list[Call] = []
    seen: Counter[tuple[str, str]] = Counter()
    for request in requests:
        kind = request.method, f"^{re.sub(_ID, _ID, request.path)}$"
        if not found or found[-1][:2] != kind:
            found.append(Call(*kind, seen[kind]))
        seen[kind] += 1
    return found
