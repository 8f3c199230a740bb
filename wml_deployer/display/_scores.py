"""A view of scores: what was predicted how often, how surely, and the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from wml_deployer.display._card import Bar, Card, Cell, Grid, Note, figure
from wml_deployer.display._view import View

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["PROBABILITY", "probability_columns", "scores_view"]

PROBABILITY = "probability_"
"""What the names of the columns begin with that hold probabilities."""

SHOWN_ROWS = 10
SHOWN_CLASSES = 6


def scores_view(scores: pd.DataFrame) -> View:
    """Show scores.

    Args:
        scores: n rows with ``prediction`` and, for a classifier, a ``probability_<class>`` for each class.

    """
    chances = probability_columns(scores)
    unanswered = int(scores["prediction"].isna().sum())
    facts = (("Without an answer", f"{unanswered:,}"),) if unanswered else ()
    summary = _summary_of_classes(scores, chances) if chances else _summary_of_values(scores["prediction"])
    rest = len(scores) - SHOWN_ROWS
    more = (Note(f"... and {rest:,} more rows."),) if rest > 0 else ()
    return View(
        Card(
            "Scores",
            f"{len(scores):,} row{'' if len(scores) == 1 else 's'}",
            None,
            facts,
            (summary, _first_rows(scores, chances), *more),
        )
    )


def probability_columns(scores: pd.DataFrame) -> list[Hashable]:
    """Return the names of the columns that hold probabilities."""
    return [name for name in scores.columns if str(name).startswith(PROBABILITY)]


def _summary_of_classes(scores: pd.DataFrame, chances: list[Hashable]) -> Grid:
    counts = scores["prediction"].value_counts()
    surest = scores[chances].max(axis=1).groupby(scores["prediction"]).mean().to_dict()
    rows = tuple(
        (str(label), Bar(count / max(len(scores), 1), f"{count:,}"), figure(float(surest.get(label, float("nan")))))
        for label, count in counts.head(SHOWN_CLASSES * 2).items()
    )
    return Grid("What was predicted", ("Prediction", "Rows", "Mean probability"), rows)


def _summary_of_values(predictions: pd.Series[Any]) -> Grid:
    if pd.api.types.is_numeric_dtype(predictions.dtype) and predictions.notna().any():
        measures = predictions.describe()[["min", "25%", "50%", "75%", "max", "mean"]]
        names = ("Least", "First quarter", "Median", "Third quarter", "Most", "Mean")
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, figure(float(value))) for name, value in zip(names, measures, strict=True)
        )
        return Grid("What was predicted", ("Measure", "Prediction"), rows)
    counts = predictions.value_counts().head(SHOWN_CLASSES * 2)
    rows = tuple((str(label), Bar(n / max(len(predictions), 1), f"{n:,}")) for label, n in counts.items())
    return Grid("What was predicted", ("Prediction", "Rows"), rows)


def _first_rows(scores: pd.DataFrame, chances: list[Hashable]) -> Grid:
    # More classes than fit: each row's likeliest ones say more than the first columns would.
    shown = chances if len(chances) <= SHOWN_CLASSES else []
    head = scores.head(SHOWN_ROWS)
    # An array of no columns still has its rows.
    drawn = head[shown].to_numpy(dtype=float, na_value=float("nan"))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (str(label), _value(prediction), *map(_bar, each))
        for label, prediction, each in zip(head.index, head["prediction"], drawn, strict=True)
    )
    if not shown and chances:
        rows = tuple((*row, _bar(best)) for row, best in zip(rows, head[chances].max(axis=1), strict=True))
    heads = [str(name).removeprefix(PROBABILITY) for name in shown] or (["Probability of it"] if chances else [])
    return Grid(
        f"The first {len(head)} rows",
        ("Row" if scores.index.name is None else str(scores.index.name), "Prediction", *heads),
        rows,
    )


def _value(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)


def _bar(chance: Any) -> Bar:
    share = float(chance) if pd.notna(chance) else float("nan")
    return Bar(share, f"{share:.3f}" if pd.notna(chance) else "none")
