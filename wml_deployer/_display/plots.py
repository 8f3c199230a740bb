"""Plots with matplotlib: readable on light and dark pages, for they draw on nothing of their own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from wml_deployer._display.history import spans_of
from wml_deployer._display.scores import PROBABILITY, probability_columns
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from wml_deployer.reports import Comparison

__all__ = ["comparison_plot", "history_plot", "scores_plot"]

INK = "#7a828e"
"""Grey that has a contrast of 3 to 1 and more on white and on the dark pages of notebooks."""
COLOURS = ("#4a7bd0", "#c2703d", "#3f9a6b", "#a763b5", "#b58a1d", "#3a95a8", "#c25577", "#7a828e")
BINS = 20
SHOWN_CLASSES = len(COLOURS)


def scores_plot(scores: pd.DataFrame, axes: Axes | None) -> Axes:
    """Draw how the probabilities of each class, or the predictions of a regression, are distributed."""
    chances = probability_columns(scores)[:SHOWN_CLASSES]
    drawn = _axes(axes)
    if chances:
        columns = [scores[str(name)].dropna().astype(float) for name in chances]
        labels = [str(name).removeprefix(PROBABILITY) for name in chances]
        drawn.hist(columns, bins=BINS, range=(0, 1), label=labels, color=list(COLOURS[: len(chances)]))
        _legend(drawn, "Class")
    else:
        drawn.hist(scores["prediction"].dropna().astype(float), bins=BINS, color=COLOURS[0])
    return _labelled(drawn, "Scores", "Probability" if chances else "Prediction", "Rows")


def history_plot(history: pd.DataFrame, axes: Axes | None) -> Axes:
    """Draw which version was live when, one line for each."""
    drawn, now = _axes(axes), datetime.now(timezone.utc)
    spans = spans_of(history, now)
    names = list(dict.fromkeys(name for name, _ in spans))
    begin = now - timedelta(seconds=sum(length for _, length in spans))
    for name, length in spans:
        end = begin + timedelta(seconds=length)
        place = names.index(name)
        lasted: Any = end - begin
        start: Any = begin
        drawn.barh(place, lasted, left=start, height=0.5, color=COLOURS[place % len(COLOURS)])
        begin = end
    drawn.set_yticks(range(len(names)), names)
    drawn.tick_params(axis="x", rotation=30)
    return _labelled(drawn, "What was live", "Time (UTC)", "Version")


def comparison_plot(comparison: Comparison, axes: Axes | None) -> Axes:
    """Draw how many rows got the same prediction from both versions, and how many another one."""
    drawn, changed = _axes(axes), len(comparison.changed)
    bars = drawn.barh(["Changed", "Same"], [changed, comparison.rows - changed], color=[COLOURS[1], COLOURS[0]])
    drawn.bar_label(bars, padding=4, color=INK)
    drawn.margins(x=0.12)
    title = f"{comparison.candidate} beside {comparison.live}: {comparison.agreement:.2%} agree"
    return _labelled(drawn, title, "Rows", "Prediction")


def _axes(axes: Axes | None) -> Axes:
    if axes is not None:
        return axes
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigurationError(
            "Plots need matplotlib, which is not installed.",
            operation="plot",
            next_step="python -m pip install 'wml_deployer[plot]'",
        ) from error
    figure, made = plt.subplots(figsize=(7, 3.5), layout="constrained")
    figure.patch.set_alpha(0)
    return made


def _legend(axes: Axes, title: str) -> None:
    legend = axes.legend(title=title, frameon=False, labelcolor=INK)
    legend.get_title().set_color(INK)


def _labelled(axes: Axes, title: str, horizontal: str, vertical: str) -> Axes:
    axes.patch.set_alpha(0)
    axes.set_title(title, color=INK)
    axes.set_xlabel(horizontal, color=INK)
    axes.set_ylabel(vertical, color=INK)
    axes.tick_params(colors=INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(INK)
    return axes
