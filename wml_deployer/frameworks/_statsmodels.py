"""statsmodels: what ``fit`` returns. It goes live as a function."""

from __future__ import annotations

from typing import Any

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import roots

__all__ = ["Statsmodels"]


class Statsmodels(Framework):
    """Results of ``statsmodels``, of formulas as well as of arrays."""

    name = "statsmodels"
    package = "statsmodels"
    is_served = False

    def is_model(self, value: object) -> bool:
        """Whether it is a model of statsmodels, or what its fit returned."""
        return "statsmodels" in roots(value)

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a model in place of its results: its own ``predict`` wants the parameters as well."""
        if not hasattr(model, "params"):
            raise UnsupportedModelError(
                f"{type(model).__name__} is a model, not the results of its fit.",
                next_step="Pass what .fit() returned.",
            )
