"""The parts of a view, from which both the HTML and the plain text are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Badge", "Bar", "Card", "Cell", "Code", "Grid", "Note", "Part", "Strip", "Tone"]

Tone = Literal["good", "bad", "warning", "neutral"]
"""What a badge's colour says; its text says the same."""


@dataclass(frozen=True)
class Badge:
    """A word that stands out, such as a state."""

    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Bar:
    """A share between 0 and 1, drawn; the text beside it says the figure."""

    share: float
    text: str


Cell = str | Badge | Bar
"""What stands in a table."""


@dataclass(frozen=True)
class Grid:
    """Rows under column heads; the first cell of a row is its head.

    Attributes:
        caption: What the table is of.
        columns: k heads.
        rows: n rows of k cells.

    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Code:
    """Something to copy.

    Attributes:
        caption: What it is.
        text: What one click selects as a whole.
        folded: Whether it waits behind its caption until it is opened.

    """

    caption: str
    text: str
    folded: bool = True


@dataclass(frozen=True)
class Note:
    """A sentence."""

    text: str


@dataclass(frozen=True)
class Strip:
    """Spans one after the other, as wide as they are long.

    Attributes:
        caption: What the spans are.
        spans: Label, length in words, and length in seconds.

    """

    caption: str
    spans: tuple[tuple[str, str, float], ...]


Part = Grid | Code | Note | Strip
"""What a card is made of."""


@dataclass(frozen=True)
class Card:
    """A whole view.

    Attributes:
        kind: What it shows, ``"Deployment"``.
        title: Which one.
        badge: Its state, where it has one.
        facts: Label and value.
        parts: What follows, in order.

    """

    kind: str
    title: str
    badge: Badge | None = None
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
