"""Notebook views of handles, history, scores, reports and errors, each with a plain-text twin.

What the library hands out draws itself in a notebook; :func:`show` does it where nothing draws by itself. Nothing here
asks the service, and no view holds a token or key. Views are registered by type, so that errors and reports need not
know how they are drawn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import wml_deployer.display._reports  # noqa: F401 - it registers its views
from wml_deployer.display._view import View, view_of

if TYPE_CHECKING:
    from wml_deployer.display._frames import Differences, History, Scores, Spaces

__all__ = ["Differences", "History", "Scores", "Spaces", "View", "show"]


def show(value: Any) -> View:
    """Make a view of anything that this library hands out.

    Args:
        value: A :class:`~wml_deployer.Deployer`, :class:`~wml_deployer.Deployment`,
            :class:`~wml_deployer.StoredModel`, :class:`~wml_deployer.CheckReport`, a comparison, differences, an
            error, a history, spaces, or scores, also in a plain frame: n rows with ``prediction`` and
            ``probability_<class>``.

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
    import_module(f"{__name__}._frames")  # registers its views; deferred: pandas is slow to import
    return view_of(value)


def __getattr__(name: str) -> Any:
    """Import the frames when they are first used: pandas is slow to import."""
    if name not in {"Differences", "History", "Scores", "Spaces"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}._frames"), name)
