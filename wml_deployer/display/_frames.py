"""Frames that know what they hold: a notebook draws them, and ``plot()`` plots what matters in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, overload

import pandas as pd
from pandas.plotting import PlotAccessor

from wml_deployer.display._handles import spaces_view
from wml_deployer.display._history import history_view
from wml_deployer.display._plots import history_plot, scores_plot
from wml_deployer.display._reports import differences_view
from wml_deployer.display._scores import scores_view
from wml_deployer.display._view import View, view_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

__all__ = ["Differences", "History", "Scores", "Spaces", "as_scores"]


class _Frame(pd.DataFrame):
    """A frame in every respect but how a notebook draws it; whatever is cut out of it is a plain frame."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        return view_of(self).html


class _OwnPlot(PlotAccessor):
    """The ``plot`` of such a frame: called, it plots what matters; all its methods are those of pandas."""

    def __init__(self, frame: pd.DataFrame, own: Callable[[pd.DataFrame, Axes | None], Axes]) -> None:
        super().__init__(frame)
        self._frame, self._own = frame, own

    @overload  # type: ignore[override]
    def __call__(self, *, ax: Axes | None = ...) -> Axes: ...
    @overload
    def __call__(self, *args: Any, ax: Axes | None = ..., **options: Any) -> Any: ...
    def __call__(self, *args: Any, ax: Axes | None = None, **options: Any) -> Any:
        """Plot what matters in the frame; with arguments of pandas, what pandas plots."""
        return super().__call__(*args, ax=ax, **options) if args or options else self._own(self._frame, ax)


class Scores(_Frame):
    """Scores: n rows with ``prediction`` and, for a classifier, ``probability_<class>`` for each class.

    ``plot()`` shows how the probabilities of each class, or a regression's predictions, are distributed.
    ``plot.hist()`` and the other plots of pandas are there as in every frame.

    Example:
        >>> from matplotlib.figure import Figure
        >>> scores = Scores({"prediction": [0, 1], "probability_0": [0.9, 0.3], "probability_1": [0.1, 0.7]})
        >>> scores.plot(ax=Figure().add_subplot()).get_xlabel()
        'Probability'

    """

    @property
    def plot(self) -> _OwnPlot:
        """Plot the distribution of the probabilities, with matplotlib (``pip install matplotlib``)."""
        return _OwnPlot(self, scores_plot)

    def _repr_html_(self) -> str:
        """Draw the view; several predictions to a row are a table as every frame is."""
        return super()._repr_html_() if "prediction" in self.columns else pd.DataFrame(self).to_html(max_rows=60)


def as_scores(frame: pd.DataFrame) -> Scores:
    """A frame that nobody else holds, made scores where it stands.

    Example:
        >>> type(as_scores(pd.DataFrame({"prediction": [0, 1]}))).__name__
        'Scores'

    """
    # As geopandas does it: a second frame on the same data would take as long as the decoding of a row.
    frame.__class__ = Scores
    return cast("Scores", frame)


class History(_Frame):
    """The history of a project: n changes of what was live, oldest first.

    ``plot()`` shows which version was live when.

    Example:
        >>> from matplotlib.figure import Figure
        >>> when = pd.Timestamp("2026-01-31", tz="UTC")
        >>> history = History({"when": [when], "action": ["deploy"], "to": ["v0.1"], "verification": ["passed"]})
        >>> history.plot(ax=Figure().add_subplot()).get_ylabel()
        'Version'

    """

    @property
    def plot(self) -> _OwnPlot:
        """Plot which version was live when, with matplotlib (``pip install matplotlib``)."""
        return _OwnPlot(self, history_plot)


class Differences(_Frame):
    """The differences of two versions: one row for each, indexed by part and name, with a column for each version.

    Example:
        >>> index = pd.MultiIndex.from_tuples([("libraries", "numpy")], names=["part", "name"])
        >>> Differences([["1.26.4", "2.2.1"]], index=index, columns=["v0.1", "v0.2"])["v0.2"].tolist()
        ['2.2.1']

    """


class Spaces(_Frame):
    """Deployment spaces: n rows with ``name``, ``id``, ``state``, ``runtime`` and ``role``.

    Example:
        >>> row = ("churn-staging", "3fa2", "active", "Watson Machine Learning", "admin")
        >>> Spaces([row], columns=["name", "id", "state", "runtime", "role"])["id"].tolist()
        ['3fa2']

    """


view_of.register(Scores, scores_view)
view_of.register(History, history_view)
view_of.register(Differences, differences_view)
view_of.register(Spaces, spaces_view)


@view_of.register(pd.DataFrame)
def _(frame: pd.DataFrame) -> View:
    """Show a plain frame, which may be a copy of one of the above, by its columns."""
    if {"when", "action", "to", "verification"} <= set(frame.columns):
        return history_view(frame)
    if {"name", "id", "state", "runtime", "role"} <= set(frame.columns):
        return spaces_view(frame)
    return scores_view(frame) if "prediction" in frame.columns else view_of.dispatch(object)(frame)
