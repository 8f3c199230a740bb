"""Notebook views of handles, history, scores, reports and errors, each with a plain-text twin, and plots.

Handles draw themselves in a notebook; scores are plain frames and are drawn by :func:`show`. Nothing here asks the
service, and no view holds a token or key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._display.view import View
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from wml_deployer.reports import Comparison

__all__ = ["View", "plot_comparison", "plot_history", "plot_scores", "show"]


def show(value: Any) -> View:
    """Make a view of anything that this library hands out.

    Args:
        value: A :class:`~wml_deployer.Deployer`, :class:`~wml_deployer.Deployment`,
            :class:`~wml_deployer.StoredModel`, :class:`~wml_deployer.CheckReport`, a comparison, an error, what
            :meth:`~wml_deployer.Deployer.history` returned, or scores: n rows with ``prediction`` and
            ``probability_<class>``.

    Returns:
        The view: a notebook draws it, ``print`` writes it as plain text.

    Raises:
        ConfigurationError: It is nothing of this kind.

    Example:
        >>> import pandas as pd
        >>> print(show(pd.DataFrame({"prediction": [0, 1], "probability_0": [0.9, 0.3], "probability_1": [0.1, 0.7]})))
        Scores
          Rows  2
        <BLANKLINE>
        What was predicted:
          Prediction  Rows          Mean probability of it
          0           █████░░░░░ 1  0.9
          1           █████░░░░░ 1  0.7
        <BLANKLINE>
        The first 2 rows:
          Row  Prediction  0                 1
          0    0           █████████░ 0.900  █░░░░░░░░░ 0.100
          1    1           ███░░░░░░░ 0.300  ███████░░░ 0.700

    """
    if isinstance(value, View):
        return value
    own = getattr(type(value), "_view", None)
    if own is not None:
        view: View = own(value)
        return view
    return _frame(value, set(getattr(value, "columns", ())))


def plot_scores(scores: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Plot how probabilities are distributed over the rows, class by class, or a regression's predictions.

    Args:
        scores: n rows with ``prediction`` and, for a classifier, ``probability_<class>``; eight classes are drawn.
        axes: Where to draw; a new figure if not given.

    Returns:
        The axes. They need matplotlib (``pip install 'wml_deployer[plot]'``).

    Raises:
        ConfigurationError: matplotlib is not installed.

    Example:
        >>> import pandas as pd
        >>> from matplotlib.figure import Figure
        >>> scores = pd.DataFrame({"prediction": [0, 1], "probability_0": [0.9, 0.3], "probability_1": [0.1, 0.7]})
        >>> plot_scores(scores, axes=Figure().add_subplot()).get_xlabel()
        'Probability'

    """
    from wml_deployer._display.plots import scores_plot  # noqa: PLC0415 - importing this module is cheap

    return scores_plot(scores, axes)


def plot_history(history: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Plot which version was live when.

    Args:
        history: n changes, as :meth:`wml_deployer.Deployer.history` returns them.
        axes: Where to draw; a new figure if not given.

    Returns:
        The axes.

    Raises:
        ConfigurationError: matplotlib is not installed.

    Example:
        >>> import pandas as pd
        >>> from matplotlib.figure import Figure
        >>> when = pd.Timestamp("2026-01-31", tz="UTC")
        >>> history = pd.DataFrame({"when": [when], "to": ["v0.1"], "proof": ["passed"]})
        >>> plot_history(history, axes=Figure().add_subplot()).get_ylabel()
        'Version'

    """
    from wml_deployer._display.plots import history_plot  # noqa: PLC0415 - importing this module is cheap

    return history_plot(history, axes)


def plot_comparison(comparison: Comparison, *, axes: Axes | None = None) -> Axes:
    """Plot on how many rows two versions agree.

    Args:
        comparison: What :meth:`wml_deployer.Deployer.compare` returned.
        axes: Where to draw; a new figure if not given.

    Returns:
        The axes.

    Raises:
        ConfigurationError: matplotlib is not installed.

    Example:
        >>> import pandas as pd
        >>> from matplotlib.figure import Figure
        >>> from wml_deployer.reports import Comparison
        >>> seconds = {"live": 0.03, "candidate": 0.04}
        >>> comparison = Comparison("v0.1", "v0.2", 200, 0.995, pd.DataFrame([0]), pd.DataFrame(), seconds)
        >>> plot_comparison(comparison, axes=Figure().add_subplot()).get_title()
        'v0.2 beside v0.1: 99.50% agree'

    """
    from wml_deployer._display.plots import comparison_plot  # noqa: PLC0415 - importing this module is cheap

    return comparison_plot(comparison, axes)


def _frame(value: Any, columns: set[object]) -> View:
    if {"when", "action", "to", "proof"} <= columns:
        from wml_deployer._display.history import history_view  # noqa: PLC0415 - importing this module is cheap

        return history_view(value)
    if "prediction" in columns:
        from wml_deployer._display.scores import scores_view  # noqa: PLC0415 - importing this module is cheap

        return scores_view(value)
    raise ConfigurationError(
        f"There is no view of a {type(value).__name__}.",
        operation="show",
        next_step="Give a Deployer, a Deployment, a StoredModel, a CheckReport, a history, scores, or an error.",
    )
