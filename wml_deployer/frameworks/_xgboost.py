"""XGBoost: its own Boosters are stored as ``xgboost_*``; its scikit-learn estimators are scikit-learn's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework
from wml_deployer.frameworks._inspection import descends

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["XGBoost"]

_VERSION = re.compile(
    rb'"version":\s*\[(\d+),\s*(\d+),\s*(\d+)\]|version\[#L\0{7}\x03((?:[iU].|I..|l....){3})', re.DOTALL
)
"""How a Booster's bytes name the version that wrote them, in JSON and in UBJSON: integers of one, two or four bytes."""


def _booster_by_its_trees(booster: Any) -> Any:
    """How it was told to run (threads, device) is not part of the model."""
    attributes = {name: value for name, value in vars(booster).items() if name != "handle"}
    return type(booster), (booster.save_raw("ubj"),), attributes


class XGBoost(Framework):
    """Boosters as ``xgboost.train`` returns them."""

    name = "xgboost"
    package = "xgboost"
    aliases = ("py-xgboost", "libxgboost", "xgboost-cpu")
    file_name = "xgboost_model.pkl"
    call = "xgboost"
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"xgboost.core.Booster": _booster_by_its_trees}

    def is_model(self, value: object) -> bool:
        """Whether it is a Booster, without the scikit-learn API."""
        return descends(value, "xgboost.core", "Booster")

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a Booster without trees."""
        from xgboost.core import XGBoostError  # noqa: PLC0415 - the object's own library, loaded already

        try:
            rounds = model.num_boosted_rounds()
        except XGBoostError:  # A Booster that has never seen data does not even count.
            rounds = 0
        if not rounds:
            raise UnsupportedModelError("The Booster is not trained.", next_step="Train it first: xgboost.train(...).")

    def as_stored(self, model: Any) -> object:
        """Wrap a Booster in a regressor, whose predict is the Booster's own, as IBM's client does."""
        from xgboost import XGBRegressor  # noqa: PLC0415 - the object's own library, loaded already

        wrapper = XGBRegressor()
        wrapper._Booster = model  # noqa: SLF001 - as IBM's XGBoostModelReader does
        return wrapper

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return the names that the training data had."""
        names: Sequence[str] | None = model.feature_names
        return names

    def categorical(self, step: Any) -> Sequence[bool]:
        """Ask the Booster, which remembers the kind of each column."""
        booster = step.get_booster() if hasattr(step, "get_booster") else step
        return [kind == "c" for kind in booster.feature_types or ()] if self.is_model(booster) else ()

    def saved_version(self, classes: Collection[str], state: Mapping[str, Any]) -> str | None:
        """Read it from the bytes that the Booster is pickled as."""
        content = state.get("handle") if "xgboost.core.Booster" in classes else None
        found = _VERSION.search(content) if isinstance(content, bytes | bytearray) else None
        if found is None:
            return None
        if found[1]:
            return b".".join(found.groups()[:3]).decode()
        numbers = re.findall(rb"[iU](.)|I(..)|l(....)", found[4], re.DOTALL)
        return ".".join(str(int.from_bytes(b"".join(each), "big")) for each in numbers)
