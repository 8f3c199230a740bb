"""A view of two versions on the same rows: how often they agree, what changed, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._display.parts import Bar, Card, Note, Table
from wml_deployer._display.view import View
from wml_deployer._display.words import cell, figure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHOWN_ROWS", "comparison_view", "two_sided"]

SHOWN_ROWS = 10
"""Further rows are counted, not shown."""


def comparison_view(
    names: tuple[str, str],
    rows: int,
    *,
    agreement: float,
    changed: pd.DataFrame,
    shift: pd.DataFrame,
    seconds: dict[str, float],
) -> View:
    """Show a comparison.

    Args:
        names: The live version and the candidate.
        rows: How many rows both scored.
        agreement: Share of rows with the same prediction.
        changed: The rows with another prediction, ``("live", ...)`` beside ``("candidate", ...)``.
        shift: One row for each column of the answer, with how far it moved.
        seconds: How long each took for all rows.

    """
    facts = (
        ("Rows", f"{rows:,}"),
        ("Changed predictions", f"{len(changed):,}"),
        ("Seconds", f"{seconds['live']:.3f} live, {seconds['candidate']:.3f} candidate"),
    )
    agreed = Table("Agreement", ("", "Share of rows"), (("Same prediction", Bar(agreement, f"{agreement:.2%}")),))
    moved = (_shift_table(shift),) if len(shift) else ()
    caption = f"The first {min(len(changed), SHOWN_ROWS)} changed rows"
    swapped = (two_sided(caption, changed),) if len(changed) else (Note("No prediction changed."),)
    return View(Card("Comparison", f"{names[1]} beside {names[0]}", None, facts, (agreed, *moved, *swapped)))


def two_sided(caption: str, both: pd.DataFrame) -> Table:
    """Set the first rows of two answers side by side.

    Args:
        caption: What they are.
        both: n rows × columns of two levels: the side, and the column of the answer.

    """
    head = both.head(SHOWN_ROWS)
    heads = [": ".join(map(str, sides)) for sides in head.columns.tolist()]
    rows = zip(head.index, head.itertuples(index=False, name=None), strict=True)
    return Table(caption, ("Row", *heads), tuple((str(label), *map(cell, values)) for label, values in rows))


def _shift_table(shift: pd.DataFrame) -> Table:
    rows = tuple((str(name), *map(figure, values)) for name, values in zip(shift.index, shift.to_numpy(), strict=True))
    heads = tuple(str(name).replace("_", " ").capitalize() for name in shift.columns)
    return Table("How far the answers moved", ("Column", *heads), rows)
