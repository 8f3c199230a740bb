"""Any object with ``predict``: it goes live as a function."""

from __future__ import annotations

from typing import Any

from wml_deployer.frameworks._framework import Framework

__all__ = ["Predictor"]


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
