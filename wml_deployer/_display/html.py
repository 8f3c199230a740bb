"""A card as HTML: no scripts, every text escaped, heads and captions that a screen reader finds."""

from __future__ import annotations

from html import escape
from math import isfinite
from typing import TYPE_CHECKING

from wml_deployer._display.parts import Badge, Bar, Code, Strip, Table
from wml_deployer._display.style import STYLE

if TYPE_CHECKING:
    from wml_deployer._display.parts import Card, Cell, Part

__all__ = ["to_html"]

LONGEST_ON_ONE_LINE = 24
"""Characters; dates, ids of specifications and names of classes are not torn apart."""


def to_html(card: Card) -> str:
    """Write a card as one element with its own style sheet."""
    title = f"{card.kind} {card.title}".strip()
    badge = _cell(card.badge) if card.badge else ""
    head = (
        f'<div class="wml-head"><span class="wml-kind">{escape(card.kind)}</span>'
        f'<span class="wml-title">{escape(card.title)}</span>{badge}</div>'
    )
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in card.facts)
    body = (f"<dl>{facts}</dl>" if facts else "") + "".join(map(_part, card.parts))
    return f'<div class="wml-view" role="group" aria-label="{escape(title)}"><style>{STYLE}</style>{head}{body}</div>'


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Code):
        return _code(part)
    return _strip(part) if isinstance(part, Strip) else f"<p>{escape(part.text)}</p>"


def _table(table: Table) -> str:
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    kinds = [_class(column) for column in columns]
    heads = "".join(f'<th scope="col"{k}>{escape(name)}</th>' for name, k in zip(table.columns, kinds, strict=True))
    rows = "".join(_row(row, kinds) for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>"
    return f'<table class="wml-table">{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _row(row: tuple[Cell, ...], kinds: list[str]) -> str:
    first, *others = (f"{kind}>{_cell(cell)}" for cell, kind in zip(row, kinds, strict=True))
    return f'<tr><th scope="row"{first}</th>{"".join(f"<td{other}</td>" for other in others)}</tr>'


def _class(column: tuple[Cell, ...]) -> str:
    """The attribute that lets a column of numbers end at one line, and one of long texts go over several."""
    texts = [cell for cell in column if isinstance(cell, str) and cell]
    if texts and len(texts) == sum(cell != "" for cell in column) and all(map(_is_number, texts)):
        return ' class="wml-number"'
    return ' class="wml-long"' if any(len(text) > LONGEST_ON_ONE_LINE for text in texts) else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _code(code: Code) -> str:
    text = f'<pre class="wml-copy" tabindex="0" aria-label="{escape(code.caption)}">{escape(code.text)}</pre>'
    if code.folded:
        return f"<details><summary>{escape(code.caption)}</summary>{text}</details>"
    return f'<div class="wml-caption">{escape(code.caption)}</div>{text}'


def _strip(strip: Strip) -> str:
    items = "".join(
        f'<li style="flex-grow:{max(seconds, 1.0):.0f}"><b>{escape(label)}</b>{escape(words)}</li>'
        for label, words, seconds in strip.spans
    )
    caption = escape(strip.caption)
    return f'<div class="wml-caption">{caption}</div><ol class="wml-strip" aria-label="{caption}">{items}</ol>'


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return f'<span class="wml-badge wml-{cell.tone}">{escape(cell.text)}</span>'
    if isinstance(cell, Bar):
        # The figure beside it says the same to those who do not see it.
        width = f"{100 * min(max(cell.share, 0.0), 1.0):.1f}" if isfinite(cell.share) else "0"
        return f'<span class="wml-bar" aria-hidden="true"><i style="width:{width}%"></i></span>{escape(cell.text)}'
    return escape(cell)
