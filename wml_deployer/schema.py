"""The schema of a model: its input fields in order, and its classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

__all__ = ["ClassLabel", "Field", "Schema"]

ClassLabel = bool | int | float | str
"""A class label as JSON carries it."""

_NUMBERS = ("int", "uint", "float", "bool", "double")


@dataclass(frozen=True)
class Field:
    """One input column.

    Attributes:
        name: Column name, exactly as the model was fitted on it.
        dtype: Name of its pandas dtype (``"float64"``, ``"category"``, ``"object"``, ...).

    Example:
        >>> Field("age", "int64")
        Field(name='age', dtype='int64')

    """

    name: str
    dtype: str


@dataclass(frozen=True)
class Schema:
    """Input fields in the model's order and, for a classifier, its classes.

    Attributes:
        fields: The k input columns in the order the model was fitted on; empty where it was fitted without names.
        classes: Labels in the order of the answered probabilities (``classes_``); empty where there are none.
        named: Whether the model itself takes named columns. Otherwise it was fitted on a bare array, and the names are
            those of a sample: they put columns in order, and the model never sees them.

    Example:
        >>> schema = Schema(fields=(Field("age", "int64"), Field("sex", "category")), classes=("died", "survived"))
        >>> [field.name for field in schema.fields]
        ['age', 'sex']

    """

    fields: tuple[Field, ...] = ()
    classes: tuple[ClassLabel, ...] = ()
    named: bool = True

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Positions of the fields that the model was fitted on as numbers."""
        return tuple(position for position, field in enumerate(self.fields) if field.dtype.lower().startswith(_NUMBERS))
