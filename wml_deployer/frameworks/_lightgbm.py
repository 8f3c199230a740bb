"""LightGBM, which no runtime of the service carries: it goes live as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import roots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["LightGBM"]


def _booster_by_its_trees(booster: Any) -> Any:
    """How it was trained and evaluated is lost in a copy; its trees, and how many of them predict, are not."""
    return type(booster), (booster.model_to_string(num_iteration=-1), max(booster.best_iteration, 0))


def _estimator_without_threads(model: Any) -> Any:
    """``set_params`` keeps everything a second time, ``n_jobs`` included."""
    function, arguments, state = model.__reduce_ex__(4)[:3]
    others = {name: value for name, value in state.get("_other_params", {}).items() if name != "n_jobs"}
    return function, arguments, {**state, "_other_params": others}


class LightGBM(Framework):
    """Models of ``lightgbm``: a Booster, or an estimator around one."""

    name = "lightgbm"
    package = "lightgbm"
    is_served = False
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "lightgbm.basic.Booster": _booster_by_its_trees,
        "lightgbm.sklearn.LGBMModel": _estimator_without_threads,
    }

    def is_model(self, value: object) -> bool:
        """Whether it is one of LightGBM's models."""
        return "lightgbm" in roots(value)

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a Booster without trees; LightGBM's estimators are scikit-learn's kind."""
        if not model.num_trees():
            raise UnsupportedModelError("The Booster is not trained.", next_step="Train it first: lightgbm.train(...).")

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return the names of the training data; LightGBM numbers the columns of an array."""
        booster = getattr(model, "booster_", model)
        names: list[str] = booster.feature_name()
        return None if names == [f"Column_{place}" for place in range(len(names))] else names

    def name_as_kept(self, name: str) -> str:
        """Write underscores for spaces, as LightGBM does."""
        return name.replace(" ", "_")

    def categorical(self, step: Any) -> Sequence[bool]:
        """Say which columns had pandas categories: the Booster keeps these as lists, in the order of the columns."""
        booster = getattr(step, "booster_", step)
        if not self.is_model(booster) or not getattr(booster, "pandas_categorical", None):
            return ()
        infos = booster.dump_model(num_iteration=1)["feature_infos"]
        return [bool(infos.get(name, {}).get("values")) for name in booster.feature_name()]
