"""A view: what a notebook draws, and the plain text that says the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from math import isfinite
from typing import TYPE_CHECKING, Any

from wml_deployer.display._card import Badge, Bar, Code, Grid, Strip
from wml_deployer.display._html import to_html
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    from wml_deployer.display._card import Card, Cell, Part

__all__ = ["View", "view_of"]

_BAR_WIDTH = 10


@dataclass(frozen=True, repr=False)
class View:
    """Something to look at: a notebook draws it, ``print`` writes it.

    Example:
        >>> from wml_deployer.reports import Finding
        >>> from wml_deployer.display import show
        >>> print(show(Finding("warning", "pandas", "2.1.4 here, 2.2.3 there", "Fit with pandas 2.2.")))
        Finding pandas [warning]
          Problem  2.1.4 here, 2.2.3 there
          Next     Fit with pandas 2.2.

    """

    card: Card = field(repr=False)

    @property
    def html(self) -> str:
        """One HTML element with its own style, without scripts."""
        return to_html(self.card)

    @property
    def text(self) -> str:
        """The same as plain text."""
        return _to_text(self.card)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """Return the plain text."""
        return self.text


@singledispatch
def view_of(value: Any) -> View:
    """Make the view of a value; each module that knows how to show a type registers a function for it.

    Raises:
        ConfigurationError: No view is registered for its type.

    """
    raise ConfigurationError(
        f"There is no view of a {type(value).__name__}.",
        operation="show",
        next_step="Give a Deployer, a Deployment, a StoredModel, a CheckReport, a history, scores, or an error.",
    )


@view_of.register(View)
def _(value: View) -> View:
    return value


def _to_text(card: Card) -> str:
    """Write a card as lines of text, for terminals, logs and screen readers."""
    title = f"{card.kind} {card.title}".strip()
    head = f"{title} [{card.badge.text}]" if card.badge else title
    width = max((len(label) for label, _ in card.facts), default=0)
    facts = [f"  {label:<{width}}  {value}" for label, value in card.facts]
    return "\n".join([head, *facts, *(line for part in card.parts for line in _part(part))])


def _part(part: Part) -> list[str]:
    if isinstance(part, Grid):
        return ["", f"{part.caption}:", *_table(part)]
    if isinstance(part, Code):
        return ["", f"{part.caption}:", *(f"  {line}".rstrip() for line in part.text.splitlines())]
    if isinstance(part, Strip):
        return ["", f"{part.caption}: {' -> '.join(f'{label} ({words})' for label, words, _ in part.spans)}"]
    return ["", part.text]


def _table(table: Grid) -> list[str]:
    rows = [list(table.columns), *([_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    return ["  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return cell.text
    if isinstance(cell, Bar):
        full = round(_BAR_WIDTH * min(max(cell.share, 0.0), 1.0)) if isfinite(cell.share) else 0
        return f"{'█' * full}{'░' * (_BAR_WIDTH - full)} {cell.text}"
    return " ".join(cell.split())
