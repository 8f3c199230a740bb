"""A view of a project's history: a timeline of what was live, and every change."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from wml_deployer.display._card import Badge, Card, Grid, Note, Strip, Tone, moment, span
from wml_deployer.display._view import View

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["history_view", "spans_of"]

MOST_SPANS = 6
"""How many spans the strip has; those before are one."""

_VERIFICATIONS: dict[str, Tone] = {"passed": "good", "failed": "bad", "skipped": "warning"}
_COLUMNS = ("When (UTC)", "Action", "From", "To", "Route", "Verification", "Why", "Who")


def history_view(history: pd.DataFrame) -> View:
    """Show what was live, for how long, and every change.

    Args:
        history: n changes, oldest first, as :meth:`wml_deployer.Deployer.history` returns them.

    """
    changes = history.astype(object).where(history.notna(), None).to_dict("records")
    spans = spans_of(history, datetime.now(timezone.utc))
    if not changes:
        return View(Card("History", "", Badge("empty"), (), (Note("Nothing was deployed yet."),)))
    shown = [(name or "nothing", length) for name, length in spans]
    if len(shown) > MOST_SPANS:
        # What is live stands at the end, and is not to be cut off by a narrow page.
        earlier, shown = shown[: 1 - MOST_SPANS], shown[1 - MOST_SPANS :]
        shown.insert(0, (f"{len(earlier)} earlier", sum(length for _, length in earlier)))
    strip = Strip("Live, one after the other", tuple((name, span(length), length) for name, length in shown))
    # Only a project with several spaces has versions that were taken from one.
    columns = (*_COLUMNS, "Taken from") if any(change.get("origin") for change in changes) else _COLUMNS
    rows = tuple(_row(change)[: len(columns)] for change in reversed(changes))
    table = Grid("Every change, newest first", columns, rows)
    spaces = dict.fromkeys(str(change["space"]) for change in changes if change.get("space"))
    name = spans[-1][0] if spans else None
    live = Badge(f"{name} is live", "good") if name else Badge("nothing is live")
    return View(
        Card(
            "History",
            f"{len(changes)} changes" if len(changes) > 1 else "1 change",
            live,
            (("Space", ", ".join(spaces)),) if spaces else (),
            (*((strip,) if spans else ()), table),
        )
    )


def spans_of(history: pd.DataFrame, now: datetime) -> list[tuple[str | None, float]]:
    """Return which version was live for how many seconds, one after the other, the last one until now.

    Between a deletion and the next deployment it is None.
    """
    starts: list[tuple[str | None, datetime]] = []
    for when, to, verification in zip(history["when"], history["to"], history["verification"], strict=True):
        version = to if isinstance(to, str) else None
        if verification != "failed" and (not starts or starts[-1][0] != version):
            starts.append((version, when))
    ends = [*(when for _, when in starts[1:]), now][: len(starts)]
    return [(name, max((end - begin).total_seconds(), 0.0)) for (name, begin), end in zip(starts, ends, strict=True)]


def _row(change: dict[Any, Any]) -> tuple[str | Badge, ...]:
    verification = Badge(str(change["verification"]), _VERIFICATIONS.get(str(change["verification"]), "neutral"))
    texts = [change.get(name) or "" for name in ("action", "from", "to", "route")]
    told = [str(change.get(name) or "") for name in ("why", "who", "origin")]
    return moment(change["when"]), *map(str, texts), verification, *told
