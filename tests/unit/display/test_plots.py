"""Plots: what they draw, and that it can be read on any page."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tests.unit.display.test_views import luminance
from wml_deployer.display import History, Scores
from wml_deployer.display._plots import BINS, COLOURS, INK
from wml_deployer.display._view import DARK, LIGHT
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


SCORES = Scores({"prediction": [0, 1, 1], "probability_0": [0.9, 0.3, 0.2], "probability_1": [0.1, 0.7, 0.8]})


def test_every_probability_is_counted(axes: Axes) -> None:
    """The outline of each class has all of its rows under it."""
    areas_and_outlines = SCORES.plot(ax=axes).patches
    counts = [int(outline.get_xy()[1 : 2 * BINS : 2, 1].sum()) for outline in areas_and_outlines[1::2]]  # type: ignore[attr-defined]

    assert [3, 3] == counts


def test_classes_have_a_legend(axes: Axes) -> None:
    """Colours are named."""
    legend = SCORES.plot(ax=axes).get_legend()

    assert legend is not None
    assert ["0", "1"] == [text.get_text() for text in legend.get_texts()]


def test_regression_is_counted(axes: Axes) -> None:
    """Predictions without probabilities are drawn themselves; rows without an answer are left out."""
    bars = Scores({"prediction": [1.0, 2.0, None, 4.0]}).plot(ax=axes).patches

    assert 3 == sum(bar.get_height() for bar in bars)  # type: ignore[attr-defined]


def test_labels_without_probabilities_are_counted(axes: Axes) -> None:
    """A classifier that says no probabilities has a bar for each label."""
    drawn = Scores({"prediction": ["yes", "no", "yes"]}).plot(ax=axes)

    assert ["no", "yes"] == [label.get_text() for label in drawn.get_yticklabels()]
    assert [1, 2] == [round(bar.get_width()) for bar in drawn.patches]  # type: ignore[attr-defined]


def test_several_outputs_have_a_legend(axes: Axes) -> None:
    """A regression of two outputs has a histogram for each."""
    legend = Scores({"prediction_0": [1.0, 2.0], "prediction_1": [3.0, 4.0]}).plot(ax=axes).get_legend()

    assert legend is not None
    assert ["prediction_0", "prediction_1"] == [text.get_text() for text in legend.get_texts()]


def test_history_has_a_bar_for_each_span(axes: Axes) -> None:
    """A version that came back has two bars on its one line."""
    now = datetime.now(timezone.utc)
    when = [now - timedelta(hours=hours) for hours in (6, 4, 1)]
    history = History({"when": when, "to": ["v1", "v2", "v1"], "verification": ["passed"] * 3})
    drawn = history.plot(ax=axes)

    assert (3, ["v1", "v2"]) == (len(drawn.patches), [label.get_text() for label in drawn.get_yticklabels()])


def test_history_has_a_gap_where_nothing_was_live(axes: Axes) -> None:
    """Between a deletion and the next deployment no version has a bar."""
    now = datetime.now(timezone.utc)
    when = [now - timedelta(hours=hours) for hours in (6, 4, 1)]
    drawn = History({"when": when, "to": ["v1", None, "v1"], "verification": ["passed"] * 3}).plot(ax=axes)

    bars = [bar for bar in drawn.patches if isinstance(bar, Rectangle)]

    assert [2.0, 1.0] == [round(bar.get_width() * 24, 3) for bar in bars]


def compared(live: list[object], candidate: list[object]) -> Comparison:
    """Make a comparison of ten rows, of which these changed."""
    sides = {("live", "prediction"): live, ("candidate", "prediction"): candidate}
    changed = pd.DataFrame(sides, columns=pd.MultiIndex.from_tuples(sides))
    return Comparison("v1", "v2", 10, 1 - len(live) / 10, changed, pd.DataFrame(), {"live": 0.1, "candidate": 0.1})


def test_comparison_counts_what_became_what(axes: Axes) -> None:
    """Each pair of labels has a bar of its rows, the most frequent on top."""
    drawn = compared(["a", "a", "b"], ["b", "b", "a"]).plot(ax=axes)
    widths = [round(bar.get_width()) for bar in drawn.patches]  # type: ignore[attr-defined]

    assert ([1, 2], ["b → a", "a → b"]) == (widths, [label.get_text() for label in drawn.get_yticklabels()])


def test_comparison_of_numbers_is_a_scatter(axes: Axes) -> None:
    """A regression's predictions stand one against the other."""
    drawn = compared([1.0, 2.0], [1.5, 1.8]).plot(ax=axes)

    assert [[1.0, 1.5], [2.0, 1.8]] == drawn.collections[0].get_offsets().tolist()  # type: ignore[union-attr]


def test_comparison_without_changes_says_so(axes: Axes) -> None:
    """Where nothing changed there is nothing to draw, and that is written."""
    assert ["0 predictions changed."] == [text.get_text() for text in compared([], []).plot(ax=axes).texts]


def test_plots_of_pandas_stay(axes: Axes) -> None:
    """Whoever asks for one of pandas's own plots gets it."""
    drawn = SCORES.plot(y="probability_1", kind="line", ax=axes)

    assert 3 == len(drawn.lines[0].get_xdata())


@pytest.mark.parametrize("colour", [INK, *COLOURS])
@pytest.mark.parametrize("page", [LIGHT["page"], DARK["page"], "#111111"])
def test_colours_stand_out_on_every_page(colour: str, page: str) -> None:
    """Graphics have the contrast of 3 to 1 that WCAG asks for, in light and dark."""
    dark, light = sorted((luminance(colour), luminance(page)))

    assert (light + 0.05) / (dark + 0.05) >= 3


def test_page_shines_through(no_window: None) -> None:
    """A figure made here has no background of its own, and its axes say what they measure."""
    axes = SCORES.plot()
    figure = axes.get_figure()

    assert figure is not None
    assert (False, "Probability", "Rows") == (figure.patch.get_visible(), axes.get_xlabel(), axes.get_ylabel())
