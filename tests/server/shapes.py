"""Compares the shape of two answers: keys, nesting, types, and the formats of ids and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = {
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "coarser or finer time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "hex": re.compile(r"[0-9a-f]{32}"),
    "url": re.compile(r"https://[^/]+/.*"),
    "path": re.compile(r"/[a-z].*"),
    "number": re.compile(r"\d+"),
    "empty": re.compile(r""),
}


def kind_of(value: Any) -> str:
    """Name the type of a value, and for a text its format."""
    if isinstance(value, str):
        return next((name for name, pattern in _FORMATS.items() if pattern.fullmatch(value)), "text")
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    if isinstance(value, (int, float)):
        # JSON has one kind of number: 1 and 1.0 are told apart by the value that was stored, not by the shape.
        return "number value"
    return str(type(value).__name__)


def differences(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Yield where our answer has another shape than the recorded one.

    Lists are compared by their first members: `*` in the path stands for any.
    """
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in sorted(recorded.keys() | ours.keys()):
            if key not in ours:
                yield f"{path}/{key}: missing"
            elif key not in recorded:
                yield f"{path}/{key}: added"
            else:
                yield from differences(recorded[key], ours[key], f"{path}/{key}")
    elif isinstance(recorded, list) and isinstance(ours, list):
        if bool(recorded) != bool(ours):
            yield f"{path}: {'empty' if recorded else 'filled'}"
        elif recorded:
            yield from differences(recorded[0], ours[0], f"{path}/*")
    elif kind_of(recorded) != kind_of(ours):
        yield f"{path}: {kind_of(ours)} instead of {kind_of(recorded)}"
