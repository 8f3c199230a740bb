"""A view: a card as HTML for notebooks, without scripts and with every text escaped, and as plain text."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import singledispatch
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any

from wml_deployer.display._card import Badge, Bar, Code, Grid, Strip
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    from wml_deployer.display._card import Card, Cell, Part

__all__ = ["DARK", "LIGHT", "View", "draw_after_cell", "view_of"]

LIGHT = {
    "page": "#ffffff",
    "text": "#1f2328",
    "muted": "#59636e",
    "line": "#d1d9e0",
    "inset": "#f6f8fa",
    "bar": "#4a7bd0",
    "good": "#116329",
    "good-page": "#dafbe1",
    "bad": "#a40e26",
    "bad-page": "#ffebe9",
    "warning": "#7d4e00",
    "warning-page": "#fff8c5",
    "neutral": "#424a53",
    "neutral-page": "#eaeef2",
}
"""Name -> colour; a tone is written on its own page."""

DARK = {
    "page": "#16191f",
    "text": "#e6edf3",
    "muted": "#9ea7b3",
    "line": "#3d444d",
    "inset": "#21262d",
    "bar": "#6ea0f5",
    "good": "#7ee787",
    "good-page": "#12351f",
    "bad": "#ffb3ad",
    "bad-page": "#4c1519",
    "warning": "#f0c95b",
    "warning-page": "#3d2e00",
    "neutral": "#c9d1d9",
    "neutral-page": "#30363d",
}
"""The same names in the dark."""


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--wml-{name}:{colour};" for name, colour in colours.items())


# A page that says its theme is believed; else the system's is taken. Custom properties are older than light-dark().
_THEMES = (
    f".wml-view{{{_variables(LIGHT)}color-scheme:light}}"
    f"@media (prefers-color-scheme:dark){{.wml-view{{{_variables(DARK)}color-scheme:dark}}}}"
    "[data-jp-theme-light=true] .wml-view,body.vscode-light .wml-view,[data-theme=light] .wml-view,"
    f"[data-md-color-scheme=default] .wml-view{{{_variables(LIGHT)}color-scheme:light}}"
    "[data-jp-theme-light=false] .wml-view,body.vscode-dark .wml-view,[data-theme=dark] .wml-view,"
    f"[data-md-color-scheme=slate] .wml-view{{{_variables(DARK)}color-scheme:dark}}"
)

_LAYOUT = """
.wml-view{background:var(--wml-page);color:var(--wml-text);border:1px solid var(--wml-line);border-radius:8px;
padding:12px 16px;margin:2px;max-width:960px;box-sizing:border-box;font:13px/1.5 system-ui,sans-serif;overflow-x:auto}
.wml-view .wml-head{display:flex;flex-wrap:wrap;gap:8px;align-items:baseline;margin-bottom:8px}
.wml-view .wml-separator{display:none}
.wml-view .wml-kind{color:var(--wml-muted)}
.wml-view .wml-title{font-size:16px;font-weight:600;overflow-wrap:anywhere}
.wml-view .wml-badge{border-radius:9px;padding:1px 9px;font-size:12px;font-weight:600;white-space:nowrap}
.wml-view dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0 0 8px}
.wml-view dt{color:var(--wml-muted);font-weight:400;text-align:left;float:none;width:auto;margin:0;
white-space:nowrap}
.wml-view dd{margin:0;overflow-wrap:anywhere}
.wml-view table{width:auto;border-collapse:collapse;border:0;margin:8px 0;font-size:13px;background:none;color:inherit;
font-variant-numeric:tabular-nums}
.wml-view caption,.wml-view summary,.wml-view .wml-caption{color:var(--wml-muted);text-align:left;padding:2px 0;
caption-side:top;font-size:12px;font-style:normal}
.wml-view tbody tr,.wml-view tbody tr:nth-child(odd),.wml-view tbody tr:hover{background:none;color:inherit}
.wml-view th,.wml-view td{text-align:left;vertical-align:top;padding:4px 14px 4px 0;border:0;
border-bottom:1px solid var(--wml-line);white-space:nowrap;max-width:420px;color:inherit}
.wml-view .wml-long{white-space:pre-line;overflow-wrap:break-word}
.wml-view .wml-number{text-align:right}
.wml-view thead th{font-weight:600;white-space:nowrap}
.wml-view tbody th{font-weight:400}
.wml-view pre{background:var(--wml-inset);color:var(--wml-text);border-radius:6px;padding:8px 12px;margin:4px 0;
white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;font:12px/1.5 ui-monospace,monospace}
.wml-view pre.wml-copy{user-select:all;-webkit-user-select:all}
.wml-view details{display:block;margin:0;padding:0;border:0;background:none;box-shadow:none;color:inherit;
font-size:inherit}
.wml-view summary{cursor:pointer;display:list-item;list-style:disclosure-closed inside;margin:0;min-height:0;border:0;
background:none;font-weight:400}
.wml-view details[open]>summary{list-style-type:disclosure-open}
.wml-view summary::before,.wml-view summary::after{content:none;display:none}
.wml-view p{margin:4px 0;color:inherit}
.wml-view .wml-bar{display:inline-block;width:70px;height:8px;border-radius:4px;margin-right:8px;
background:var(--wml-neutral-page);overflow:hidden;vertical-align:baseline}
.wml-view .wml-bar i{display:block;height:100%;background:var(--wml-bar)}
.wml-view .wml-strip{display:flex;gap:2px;margin:4px 0 8px;padding:0;list-style:none}
.wml-view .wml-strip li{background:var(--wml-neutral-page);color:var(--wml-neutral);border-top:4px solid var(--wml-bar);
border-radius:3px;padding:2px 8px;min-width:max-content;margin:0}
.wml-view .wml-strip b{margin-right:6px}
""".replace("\n", "")

_TONES = "".join(
    f".wml-view .wml-{tone}{{color:var(--wml-{tone});background:var(--wml-{tone}-page)}}"
    for tone in ("good", "bad", "warning", "neutral")
)

# Twice the class, for notebooks style tables and lists by rules of nearly the same weight.
_RULES = f"{_LAYOUT}{_TONES}".replace(".wml-view ", ".wml-view.wml-view ")
_STYLE = f"{_THEMES}{_RULES}"
# Every rule is about a ``.wml-view`` alone.

LONGEST_ON_ONE_LINE = 24
"""Characters; dates, ids of specifications and names of classes are not torn apart."""


_SEPARATOR = '<span class="wml-separator"> · </span>'
"""Seen only where a page has dropped the style, as GitHub does, and JupyterLab in notebooks that it does not trust."""


def _to_html(card: Card) -> str:
    """Write a card as one element with its own style sheet."""
    title = f"{card.kind} {card.title}".strip()
    # The name of an error's class ends with a colon.
    kind = f'<span class="wml-kind">{escape(card.kind)}</span>{" " if card.kind.endswith(":") else _SEPARATOR}'
    badge = _SEPARATOR + _html_cell(card.badge) if card.badge else ""
    head = f'<div class="wml-head">{kind}<b class="wml-title">{escape(card.title)}</b>{badge}</div>'
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in card.facts)
    body = (f"<dl>{facts}</dl>" if facts else "") + "".join(map(_html_part, card.parts))
    return f'<div class="wml-view" role="group" aria-label="{escape(title)}"><style>{_STYLE}</style>{head}{body}</div>'


def _html_part(part: Part) -> str:
    if isinstance(part, Grid):
        return _html_table(part)
    if isinstance(part, Code):
        return _code(part)
    return _strip(part) if isinstance(part, Strip) else f"<p>{escape(part.text)}</p>"


def _html_table(table: Grid) -> str:
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    kinds = [_class(column) for column in columns]
    heads = "".join(f'<th scope="col"{k}>{escape(name)}</th>' for name, k in zip(table.columns, kinds, strict=True))
    rows = "".join(_row(row, kinds) for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>"
    return f'<table class="wml-table">{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _row(row: tuple[Cell, ...], kinds: list[str]) -> str:
    first, *others = (f"{kind}>{_html_cell(cell)}" for cell, kind in zip(row, kinds, strict=True))
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
        f'<li style="flex-grow:{max(seconds, 1.0):.0f}"><b>{escape(label)}</b> {escape(words)}</li>'
        for label, words, seconds in strip.spans
    )
    caption = escape(strip.caption)
    return f'<div class="wml-caption">{caption}</div><ol class="wml-strip" aria-label="{caption}">{items}</ol>'


def _html_cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return f'<span class="wml-badge wml-{cell.tone}">{escape(cell.text)}</span>'
    if isinstance(cell, Bar):
        # The figure beside it says the same to those who do not see it.
        width = f"{100 * min(max(cell.share, 0.0), 1.0):.1f}" if isfinite(cell.share) else "0"
        return f'<span class="wml-bar" aria-hidden="true"><i style="width:{width}%"></i></span>{escape(cell.text)}'
    return escape(cell)


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
        return _to_html(self.card)

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


def draw_after_cell(value: Any) -> None:
    """Draw a value's view at the end of the output of the cell that is running; do nothing outside of a notebook.

    IPython writes a traceback where it likes. A callback that it calls once the cell is over comes below it.
    """
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    # A kernel asks twice: for what it shows, and for what it answers to its frontend.
    if not hasattr(shell, "kernel") or any(each is value for each in _TO_DRAW):
        return

    def draw() -> None:
        shell.events.unregister("post_execute", draw)
        _TO_DRAW.remove(value)
        sys.modules["IPython"].display.display(view_of(value))

    _TO_DRAW.append(value)
    shell.events.register("post_execute", draw)


_TO_DRAW: list[Any] = []
"""What is drawn when the cell that is running is over."""


@view_of.register(View)
def _(value: View) -> View:
    return value


def _to_text(card: Card) -> str:
    """Write a card as lines of text, for terminals, logs and screen readers."""
    title = f"{card.kind} {card.title}".strip()
    head = f"{title} [{card.badge.text}]" if card.badge else title
    width = max((len(label) for label, _ in card.facts), default=0)
    facts = [f"  {label:<{width}}  {value}" for label, value in card.facts]
    return "\n".join([head, *facts, *(line for part in card.parts for line in _text_part(part))])


def _text_part(part: Part) -> list[str]:
    if isinstance(part, Grid):
        return ["", f"{part.caption}:", *_text_table(part)]
    if isinstance(part, Code):
        return ["", f"{part.caption}:", *(f"  {line}".rstrip() for line in part.text.splitlines())]
    if isinstance(part, Strip):
        return ["", f"{part.caption}: {' -> '.join(f'{label} ({words})' for label, words, _ in part.spans)}"]
    return ["", part.text]


def _text_table(table: Grid) -> list[str]:
    rows = [list(table.columns), *([_text_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    return ["  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _text_cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return cell.text
    if isinstance(cell, Bar):
        full = round(_BAR_WIDTH * min(max(cell.share, 0.0), 1.0)) if isfinite(cell.share) else 0
        return f"{'█' * full}{'░' * (_BAR_WIDTH - full)} {cell.text}"
    return " ".join(cell.split())
