"""CatBoost, which no runtime of the service carries: it goes live as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import roots

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CatBoost"]


class CatBoost(Framework):
    """Models of ``catboost``."""

    name = "catboost"
    package = "catboost"
    is_served = False
    call = "flat"

    def is_model(self, value: object) -> bool:
        """Whether it is one of CatBoost's models."""
        return "catboost" in roots(value)

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a model without trees."""
        if not model.is_fitted():
            raise UnsupportedModelError(f"{type(model).__name__} is not fitted.", next_step="Fit it first: .fit(X, y).")

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return the names of the fit; CatBoost numbers the columns of an array."""
        names = [str(name) for name in model.feature_names_]
        return None if names == [str(place) for place in range(len(names))] else names
