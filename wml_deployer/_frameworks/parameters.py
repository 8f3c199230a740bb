"""What somebody set on an estimator: the parameters that are not their defaults."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["set_parameters"]

_LONGEST = 200


def set_parameters(estimator: Any) -> dict[str, str]:
    """Name the parameters of an estimator, and of those inside it, that differ from their defaults.

    Args:
        estimator: Anything with scikit-learn's ``get_params``; others have none.

    Returns:
        Value as text by name, as ``set_params`` takes it: ``{"logisticregression__C": "0.1"}``.

    """
    if not hasattr(estimator, "get_params"):
        return {}
    parameters = estimator.get_params(deep=True)
    found = {}
    for name, value in sorted(parameters.items()):
        owner, _, last = name.rpartition("__")
        holder = parameters.get(owner) if owner else estimator
        if _is_plain(value) and not _is_default(holder, last, value):
            found[name] = repr(value)[:_LONGEST]
        elif hasattr(value, "get_params") and owner == "":
            found[name] = type(value).__name__
    return found


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _is_default(holder: Any, name: str, value: Any) -> bool:
    signature = inspect.signature(type(holder).__init__).parameters
    default = signature[name].default if name in signature else inspect.Parameter.empty
    # XGBoost takes everything by keyword and shows None for what was not set.
    return bool(type(default) is type(value) and default == value) or (name not in signature and value is None)
