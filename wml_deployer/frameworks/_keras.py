"""Keras, whatever computes for it: its models go live as functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import roots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Keras"]


def _model_by_its_weights(model: Any) -> Any:
    """Keras pickles an archive, which has the time in it."""
    return type(model), (model.to_json(), model.get_weights())


class Keras(Framework):
    """Models of ``keras``, or of the Keras in TensorFlow."""

    name = "keras"
    package = "keras"
    is_served = False
    is_carried = True
    call = "keras"
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "keras.src.models.model.Model": _model_by_its_weights,
        "keras.src.engine.training.Model": _model_by_its_weights,  # before Keras 3
    }

    def is_model(self, value: object) -> bool:
        """Whether it is a model, and not a layer of one."""
        return "keras" in roots(value) and hasattr(value, "predict")

    def refuse_unfitted(self, model: Any) -> None:
        """Take it as it is: a model has weights from its first build on."""
