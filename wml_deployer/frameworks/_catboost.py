"""CatBoost, which no runtime of the service carries."""

from __future__ import annotations

from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import roots

__all__ = ["CatBoost"]


class CatBoost(Framework):
    """Models of ``catboost``."""

    name = "catboost"
    package = "catboost"
    is_served = False

    def is_model(self, value: object) -> bool:
        """Whether it is one of CatBoost's models."""
        return "catboost" in roots(value)
