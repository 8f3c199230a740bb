"""Plots with matplotlib: readable on light and dark pages, for they draw on nothing of their own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from wml_deployer.display._history import spans_of
from wml_deployer.display._reports import became
from wml_deployer.display._scores import PROBABILITY, probability_columns
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from wml_deployer.reports import Comparison

__all__ = ["comparison_plot", "history_plot", "scores_plot"]

INK = "#757c88"
"""Grey that has a contrast of 3 to 1 and more on white and on the dark pages of notebooks."""
COLOURS = ("#4a7bd0", "#c2703d", "#3f9a6b", "#a763b5", "#b58a1d", "#3a95a8", "#c25577", "#757c88")
BINS = 20
SHOWN_CLASSES = len(COLOURS)
SHOWN_BARS = 10


def scores_plot(scores: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw how the probabilities of each class, or the predictions of a regression, are distributed."""
    chances = probability_columns(scores)
    if chances:
        drawn = _axes(ax)
        for name, colour in zip(chances, COLOURS, strict=False):
            values = scores[str(name)].dropna().astype(float)
            label = str(name).removeprefix(PROBABILITY)
            # Outlines lie over each other and are still told apart; the faint area says which side is inside.
            drawn.hist(values, BINS, range=(0, 1), histtype="stepfilled", alpha=0.2, color=colour)
            drawn.hist(values, BINS, range=(0, 1), histtype="step", linewidth=1.8, color=colour, label=label)
        left = len(chances) - SHOWN_CLASSES
        _legend(drawn, "Class" if left <= 0 else f"Class ({left} more not drawn)")
        return _labelled(drawn, f"Probabilities of {len(scores):,} rows", "Probability", "Rows")
    title = f"Predictions of {len(scores):,} rows"
    names = [str(name) for name in scores.columns if str(name).startswith("prediction")]
    if any(scores[name].dtype.kind not in "fiu" for name in names):
        counts = scores[names].astype(str).agg(", ".join, axis=1).value_counts().head(SHOWN_BARS)[::-1]
        return _counted(ax, title, counts, "Prediction")
    drawn = _axes(ax)
    outputs = [scores[name].dropna().astype(float) for name in names]
    drawn.hist(outputs, BINS, color=list(COLOURS[: len(names)]), label=names)
    if len(names) > 1:
        _legend(drawn, "Output")
    return _labelled(drawn, title, "Prediction", "Rows")


def history_plot(history: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw which version was live when, one line for each."""
    now = datetime.now(timezone.utc)
    spans = spans_of(history, now)
    names = list(dict.fromkeys(name for name, _ in spans if name))
    drawn = _axes(ax, lines=len(names))
    begin = now - timedelta(seconds=sum(length for _, length in spans))
    for name, length in spans:
        lasted: Any = timedelta(seconds=length)
        start: Any = begin
        if name:
            place = names.index(name)
            drawn.barh(place, lasted, left=start, height=0.5, color=COLOURS[place % len(COLOURS)])
        begin += lasted
    drawn.set_yticks(range(len(names)), names)
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - optional, looked for above

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    drawn.xaxis.set_major_locator(locator)
    drawn.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    drawn.xaxis.get_offset_text().set_color(INK)
    return _labelled(drawn, "What was live", "Time (UTC)", "Version")


def comparison_plot(comparison: Comparison, ax: Axes | None) -> Axes:
    """Draw what changed: which labels became which, or a regression's predictions one against the other."""
    versions, changed = f"{comparison.candidate} beside {comparison.live}", comparison.changed
    title = f"{versions}: {comparison.agreement:.2%} of {comparison.rows:,} rows agree"
    pairs = became(changed)
    if len(changed) and pairs is None and ("live", "prediction") in changed.columns:
        drawn = _axes(ax)
        live, candidate = changed["live", "prediction"], changed["candidate", "prediction"]
        drawn.axline((float(live.iloc[0]),) * 2, slope=1, color=INK, linewidth=1)
        drawn.scatter(live, candidate, s=12, color=COLOURS[0], alpha=0.6)
        return _labelled(drawn, title, "Prediction, live", "Prediction, candidate")
    if pairs is None or not len(pairs):
        return _sentence(_axes(ax, lines=1), title, f"{len(changed):,} predictions changed.")
    return _counted(ax, title, pairs.head(SHOWN_BARS)[::-1], "Changed prediction")


def _counted(ax: Axes | None, title: str, counts: pd.Series[int], vertical: str) -> Axes:
    """Draw a bar for each count, the first one at the bottom."""
    drawn = _axes(ax, lines=len(counts))
    bars = drawn.barh(counts.index.astype(str).to_list(), counts.to_list(), height=0.6, color=COLOURS[0])
    drawn.bar_label(bars, padding=4, color=INK)
    drawn.margins(x=0.12)
    drawn.locator_params(axis="x", integer=True)
    return _labelled(drawn, title, "Rows", vertical)


def _sentence(drawn: Axes, title: str, text: str) -> Axes:
    drawn.text(0.5, 0.5, text, color=INK, ha="center", va="center", transform=drawn.transAxes)
    drawn.set_yticks([])
    drawn.set_xticks([])
    return _labelled(drawn, title, "", "")


def _axes(ax: Axes | None, lines: int | None = None) -> Axes:
    """Make a figure where none is given, as high as its lines need."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigurationError(
            "Plots need matplotlib, which is not installed.",
            operation="plot",
            next_step="Install it: python -m pip install matplotlib",
        ) from error
    figure, made = plt.subplots(figsize=(7, 3.5 if lines is None else 1.4 + 0.4 * lines), layout="constrained")
    # Invisible, not transparent: to a transparent one Jupyter gives a background of its own choice.
    figure.patch.set_visible(False)
    return made


def _legend(axes: Axes, title: str) -> None:
    legend = axes.legend(title=title, frameon=False, labelcolor=INK)
    legend.get_title().set_color(INK)


def _labelled(axes: Axes, title: str, horizontal: str, vertical: str) -> Axes:
    axes.patch.set_alpha(0)
    axes.set_title(title, color=INK, loc="left")
    axes.set_xlabel(horizontal, color=INK)
    axes.set_ylabel(vertical, color=INK)
    axes.tick_params(colors=INK)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(INK)
    return axes
