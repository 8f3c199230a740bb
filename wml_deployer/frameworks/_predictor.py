"""Any object that answers rows: it goes live as a function."""

from __future__ import annotations

from types import BuiltinFunctionType
from typing import Any

from wml_deployer.frameworks._framework import Framework

__all__ = ["CallableModel", "Predictor"]


class Predictor(Framework):
    """Objects that predict the way scikit-learn's estimators do, of whatever class."""

    name = "python"
    package = ""
    is_served = False

    def is_model(self, value: object) -> bool:
        """Whether it can be asked for predictions."""
        return callable(getattr(value, "predict", None))

    def refuse_unfitted(self, model: Any) -> None:
        """Take it as it is: nobody but its author knows what a fit leaves behind."""


class CallableModel(Framework):
    """Functions and other objects that answer rows when they are called."""

    name = "python"
    package = ""
    is_served = False
    call = "call"

    def is_model(self, value: object) -> bool:
        """Whether it can be called; a class is not a model, and neither is a function of Python itself."""
        return callable(value) and not isinstance(value, type | BuiltinFunctionType)

    def refuse_unfitted(self, model: Any) -> None:
        """Take it as it is."""
