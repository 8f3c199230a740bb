"""A view of what two versions differ in."""

from __future__ import annotations

from re import fullmatch
from typing import TYPE_CHECKING, Any

from wml_deployer._display.parts import Badge, Card, Note, Table
from wml_deployer._display.view import View
from wml_deployer._display.words import cell, fingerprint

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["differences_view"]


def differences_view(differences: pd.DataFrame) -> View:
    """Show differences.

    Args:
        differences: n differences, indexed by part and name, one column for each of the two versions.

    """
    one, other = map(str, differences.columns)
    names = [(str(part), str(name)) for part, name in differences.index]
    values = differences.itertuples(index=False, name=None)
    rows = tuple((*name, *(_cell(name[0], value) for value in each)) for name, each in zip(names, values, strict=True))
    table = Table("What differs", ("Part", "Name", one, other), rows)
    badge = Badge(f"{len(rows)} differences" if len(rows) != 1 else "1 difference")
    part = table if rows else Note("They differ in nothing that is known of them.")
    return View(Card("Differences", f"{one} and {other}", badge, (), (part,)))


def _cell(part: str, value: Any) -> str:
    if value is None and part == "parameters":
        # Only what was set to something else than its default is known of a version.
        return "default"
    text = cell(value)
    return fingerprint(text) if fullmatch("[0-9a-f]{32,}", text) else text
