"""The base of the typed models: frozen, no key unknown, and every fault at once in an error of this library.

pydantic's own error shows the values it was given, secrets among them; here it never leaves.
"""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from wml_deployer.errors import ConfigurationError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

__all__ = ["StrictModel", "kind_of"]

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (date, "a date"),
    (str, "a text"),
    ((list, tuple), "a list"),
    (dict, "a mapping"),
    (type(None), "nothing"),
)
_EXPECTED = {
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "path_type": "a path",
    "string_type": "a text",
    "tuple_type": "a list",
}


def kind_of(value: Any) -> str:
    """Name the kind of a value in words of YAML, never the value itself.

    Example:
        >>> kind_of(0.1), kind_of(["a"])
        ('a number', 'a list')

    """
    return next((name for types, name in _KINDS if isinstance(value, types)), type(value).__name__)


class StrictModel(BaseModel):
    """A frozen model whose constructor raises this library's error, with all faults and no value."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        protected_namespaces=(),
        ser_json_inf_nan="constants",  # some releases write an infinite class label as nothing
    )

    error: ClassVar[type[ConfigurationError]]
    """What the constructor raises."""

    def __init__(self, /, **data: Any) -> None:
        """Check everything, then keep it."""
        faults = list(self.contradictions(data))
        try:
            super().__init__(**data)
        except ValidationError as error:
            faults = [*_faults(error, self), *faults]
        # Raised out here, not where pydantic's error is being handled: as a context, it would bring the values along.
        del data
        if faults:
            raise self.error(f"{type(self).__name__} cannot be made of this.", faults=tuple(faults))

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Say which keys are at odds with each other, whatever else is wrong with them."""
        del data
        return ()

    @classmethod
    def unknown(cls, key: str) -> Fault:
        """Say what may be meant by a key that is not known."""
        near = get_close_matches(key.casefold(), cls.model_fields, n=1)
        known = ", ".join(name for name in cls.model_fields if name != "kind")
        return Fault(key, "unknown key", f"did you mean {near[0]}?" if near else f"one of {known}")


def _faults(error: ValidationError, model: StrictModel) -> Iterable[Fault]:
    """Each of pydantic's findings, without the values."""
    for details in error.errors(include_url=False):
        below = details.get("ctx", {}).get("error")
        where = _where(details["loc"])
        if isinstance(below, ConfigurationError):
            yield from (Fault(f"{where}.{fault.where}", fault.problem, fault.expected) for fault in below.faults)
        elif details["type"] == "extra_forbidden":
            yield model.unknown(where)
        else:
            yield Fault(where, *_problem(details))


def _where(location: tuple[int | str, ...]) -> str:
    """Write a place as in Python: ``versions[2].digest``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def _problem(details: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong, and what would be right."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "fault":
        return context["problem"], context["expected"]
    if kind == "missing":
        return "missing", ""
    if expected := _EXPECTED.get(kind):
        return f"is {kind_of(details['input'])}", expected
    return details["msg"][0].lower() + details["msg"][1:], ""
