"""A card as plain text, for terminals, logs and screen readers that are given nothing else."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from wml_deployer._display.parts import Badge, Bar, Code, Strip, Table

if TYPE_CHECKING:
    from wml_deployer._display.parts import Card, Cell, Part

__all__ = ["to_text"]

_BAR_WIDTH = 10


def to_text(card: Card) -> str:
    """Write a card as lines of text."""
    title = f"{card.kind} {card.title}".strip()
    head = f"{title} [{card.badge.text}]" if card.badge else title
    width = max((len(label) for label, _ in card.facts), default=0)
    facts = [f"  {label:<{width}}  {value}" for label, value in card.facts]
    return "\n".join([head, *facts, *(line for part in card.parts for line in _part(part))])


def _part(part: Part) -> list[str]:
    if isinstance(part, Table):
        return ["", f"{part.caption}:", *_table(part)]
    if isinstance(part, Code):
        return ["", f"{part.caption}:", *(f"  {line}".rstrip() for line in part.text.splitlines())]
    if isinstance(part, Strip):
        return ["", f"{part.caption}: {' -> '.join(f'{label} ({words})' for label, words, _ in part.spans)}"]
    return ["", part.text]


def _table(table: Table) -> list[str]:
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
