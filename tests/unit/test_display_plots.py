"""Plots: what they draw, and that it can be read on any page."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tests.unit.test_display import luminance
from wml_deployer._display.plots import COLOURS, INK
from wml_deployer._display.style import DARK, LIGHT
from wml_deployer.display import plot_comparison, plot_history, plot_scores
from wml_deployer.reports import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes


@pytest.fixture
def axes() -> Axes:
    """Make axes without a window."""
    return Figure().add_subplot()


@pytest.fixture
def no_window() -> Iterator[None]:
    """Let figures be made without a screen, and closed again."""
    with mpl.rc_context({"backend": "agg"}):
        yield
        from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

        plt.close("all")


def rows_drawn(axes: Axes) -> int:
    """Sum of the heights of all bars."""
    return int(sum(bar.get_height() for bar in axes.patches))  # type: ignore[attr-defined]


SCORES = pd.DataFrame({"prediction": [0, 1, 1], "probability_0": [0.9, 0.3, 0.2], "probability_1": [0.1, 0.7, 0.8]})


def test_every_probability_is_counted(axes: Axes) -> None:
    """Two classes of three rows are six counts."""
    assert 6 == rows_drawn(plot_scores(SCORES, axes=axes))


def test_classes_have_a_legend(axes: Axes) -> None:
    """Colours are named."""
    legend = plot_scores(SCORES, axes=axes).get_legend()

    assert legend is not None
    assert ["0", "1"] == [text.get_text() for text in legend.get_texts()]


def test_regression_is_counted(axes: Axes) -> None:
    """Predictions without probabilities are drawn themselves; rows without an answer are left out."""
    assert 3 == rows_drawn(plot_scores(pd.DataFrame({"prediction": [1.0, 2.0, None, 4.0]}), axes=axes))


def test_history_has_a_bar_for_each_span(axes: Axes) -> None:
    """A version that came back has two bars on its one line."""
    now = datetime.now(timezone.utc)
    when = [now - timedelta(hours=hours) for hours in (6, 4, 1)]
    history = pd.DataFrame({"when": when, "to": ["v1", "v2", "v1"], "proof": ["passed"] * 3})
    drawn = plot_history(history, axes=axes)

    assert (3, ["v1", "v2"]) == (len(drawn.patches), [label.get_text() for label in drawn.get_yticklabels()])


def test_comparison_shows_both_counts(axes: Axes) -> None:
    """Changed and equal rows are all rows."""
    comparison = Comparison("v1", "v2", 10, 0.8, pd.DataFrame([0, 0]), pd.DataFrame(), {"live": 0.1, "candidate": 0.1})
    drawn = plot_comparison(comparison, axes=axes)

    assert [2, 8] == [round(bar.get_width()) for bar in drawn.patches]  # type: ignore[attr-defined]


@pytest.mark.parametrize("colour", [INK, *COLOURS])
@pytest.mark.parametrize("page", [LIGHT["page"], DARK["page"], "#111111"])
def test_colours_stand_out_on_every_page(colour: str, page: str) -> None:
    """Graphics have the contrast of 3 to 1 that WCAG asks for, in light and dark."""
    dark, light = sorted((luminance(colour), luminance(page)))

    assert (light + 0.05) / (dark + 0.05) >= 3


def test_page_shines_through(no_window: None) -> None:
    """A figure made here has no background of its own, and its axes say what they measure."""
    axes = plot_scores(SCORES)
    figure = axes.get_figure()

    assert figure is not None
    assert (0.0, "Probability", "Rows") == (figure.patch.get_alpha(), axes.get_xlabel(), axes.get_ylabel())
