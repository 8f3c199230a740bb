"""Notebook views of handles, history, scores, reports and errors, each with a plain-text twin.

What the library hands out draws itself in a notebook; :func:`show` does it where nothing draws by itself. Nothing here
asks the service, and no view holds a token or key.
"""

from __future__ import annotations

from typing import Any

from wml_deployer._display.frames import Differences, History, Scores
from wml_deployer._display.history import history_view
from wml_deployer._display.scores import scores_view
from wml_deployer._display.view import View
from wml_deployer.errors import ConfigurationError

__all__ = ["Differences", "History", "Scores", "View", "show"]


def show(value: Any) -> View:
    """Make a view of anything that this library hands out.

    Args:
        value: A :class:`~wml_deployer.Deployer`, :class:`~wml_deployer.Deployment`,
            :class:`~wml_deployer.StoredModel`, :class:`~wml_deployer.CheckReport`, a comparison, differences, an
            error, a history, or scores, also in a plain frame: n rows with ``prediction`` and ``probability_<class>``.

    Returns:
        The view: a notebook draws it, ``print`` writes it as plain text.

    Raises:
        ConfigurationError: It is nothing of this kind.

    Example:
        >>> import pandas as pd
        >>> print(show(pd.DataFrame({"prediction": [0, 1], "probability_0": [0.9, 0.3], "probability_1": [0.1, 0.7]})))
        Scores 2 rows
        <BLANKLINE>
        What was predicted:
          Prediction  Rows          Mean probability
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


def _frame(value: Any, columns: set[object]) -> View:
    if {"when", "action", "to", "verification"} <= columns:
        return history_view(value)
    if "prediction" in columns:
        return scores_view(value)
    raise ConfigurationError(
        f"There is no view of a {type(value).__name__}.",
        operation="show",
        next_step="Give a Deployer, a Deployment, a StoredModel, a CheckReport, a history, scores, or an error.",
    )
