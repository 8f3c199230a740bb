"""A framework of its own: all that the library has to know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wml_deployer.errors import UnsupportedModelError
from wml_deployer.frameworks._framework import Framework

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__version__ = "2.5.1"


class Constant:
    """A model that answers one number."""

    def __init__(self, answer: float | None = None, columns: Sequence[str] = ()) -> None:
        self.answer = answer
        self.columns = columns
        self.calls = 0
        self.version = __version__

    def predict(self, rows: Sequence[Any]) -> list[float | None]:
        """Answer it."""
        self.calls += 1
        return [self.answer] * len(rows)


class Wrapper:
    """What a service loads."""

    def __init__(self, model: Constant) -> None:
        self.model = model


def without_calls(model: Constant) -> Any:
    return type(model), (model.answer, model.columns)


class Toy(Framework):
    """Models of the toy framework."""

    name = "toy"
    package = __name__.partition(".")[0]
    aliases = ("py-toy",)
    bundled = ("toybox",)
    file_name = "toy_model.pkl"
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {f"{__name__}.Constant": without_calls}

    def is_model(self, value: object) -> bool:
        """Whether it is a constant."""
        return isinstance(value, Constant)

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse one without an answer."""
        if model.answer is None:
            raise UnsupportedModelError("The constant has no answer.", next_step="Give it one.")

    def as_stored(self, model: Any) -> object:
        """Wrap it."""
        return Wrapper(model)

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return the names that it was given."""
        names: Sequence[str] = model.columns
        return names

    def saved_version(self, classes: Collection[str], state: Mapping[str, Any]) -> str | None:
        """Read what the constant noted."""
        return state.get("version") if f"{__name__}.Constant" in classes else None
