"""The parts of a view, from which both HTML and plain text are written, and numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

__all__ = [
    "Badge",
    "Bar",
    "Card",
    "Cell",
    "Code",
    "Grid",
    "Note",
    "Part",
    "Strip",
    "Tone",
    "cell",
    "figure",
    "fingerprint",
    "moment",
    "span",
]

Tone = Literal["good", "bad", "warning", "neutral"]
"""The meaning of a badge's colour; its text says the same to those who do not see colours."""


@dataclass(frozen=True)
class Badge:
    """A word that stands out, such as a state."""

    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Bar:
    """A share between 0 and 1, drawn as a bar, with the figure as text beside it."""

    share: float
    text: str


Cell = str | Badge | Bar
"""The content of a cell in a table."""


@dataclass(frozen=True)
class Grid:
    """Rows under column heads; the first cell of a row is its head.

    Attributes:
        caption: Title of the table.
        columns: k heads.
        rows: n rows of k cells.

    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Code:
    """A text to copy.

    Attributes:
        caption: What the text is.
        text: The text; one click selects all of it.
        folded: Whether only the caption is shown until the reader opens it.

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
    """Spans of time in a row, each as wide as it is long.

    Attributes:
        caption: Title of the strip.
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
        kind: What kind of thing it shows, such as ``"Deployment"``.
        title: Name of the thing.
        badge: Its state, where it has one.
        facts: Labels with their values.
        parts: What follows, in order.

    """

    kind: str
    title: str
    badge: Badge | None = None
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()


SHOWN_OF_A_DIGEST = 12
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def moment(when: datetime | None) -> str:
    """Format a timestamp in UTC; the head of the column names the time zone.

    >>> moment(datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc))
    '2026-01-31 12:00:00'
    """
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}" if when else ""


def fingerprint(digest: str) -> str:
    """Shorten a digest to as many digits as tell two apart.

    >>> fingerprint("50e1a81aef8e922a07b46a79260552154dfe6b65db9920c8e1615cd443427df8")
    '50e1a81aef8e...'
    """
    return f"{digest[:SHOWN_OF_A_DIGEST]}..." if len(digest) > SHOWN_OF_A_DIGEST else digest


def span(seconds: float) -> str:
    """Format a length of time with its two largest units.

    >>> span(93_784), span(5), span(0.2)
    ('1 d 2 h', '5 s', 'under 1 s')
    """
    left, words = int(seconds), list[str]()
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or words:
            words.append(f"{count} {unit}" if count else "")
    return " ".join(word for word in words[:2] if word) or "under 1 s"


def figure(value: float) -> str:
    """Format a number with four significant digits.

    >>> figure(1234567.0), figure(0.123456), figure(float("nan"))
    ('1.235e+06', '0.1235', 'nan')
    """
    return f"{value:.4g}"


def cell(value: Any) -> str:
    """Format any value for a cell of a table; ``None`` is left empty.

    >>> cell(0.123456), cell(7), cell("yes"), cell(None)
    ('0.1235', '7', 'yes', '')
    """
    if value is None:
        return ""
    return figure(value) if isinstance(value, float) else str(value)
