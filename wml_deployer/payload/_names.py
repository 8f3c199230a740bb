"""Column names compared with the model's input fields, and the order in which columns are sent."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from numbers import Integral
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import Fault, SchemaError
from wml_deployer.payload._errors import first_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.schema import Schema

__all__ = ["arrange", "names_by_position"]

_TEXT = frozenset({str})


def arrange(labels: list[Any], schema: Schema | None) -> tuple[list[str], list[int] | None]:
    """Return field names in the model's order, and the positions of their columns.

    Args:
        labels: The k column labels as the caller has them.
        schema: The model's input; any columns will do without one.

    Returns:
        The field names as they are sent, and the positions of their columns; no positions where the columns
        stand in that order already.

    Raises:
        SchemaError: Labels are not names, or not those of the model.

    """
    names: list[str] = labels if _TEXT.issuperset(map(type, labels)) else _texts(labels)
    _require_valid_text(names)
    expected = [field.name for field in schema.fields] if schema else []
    if (not expected or names == expected) and len(set(names)) == len(names):
        return names, None
    if faults := [*_duplicates(names), *(_differences(names, schema) if schema and expected else ())]:
        raise SchemaError(
            f"The columns {'are not those of the model' if expected else 'cannot be told apart'}. Nothing was sent.",
            faults=first_faults(faults),
            next_step="Rename, add or drop the columns listed; their order does not matter.",
        )
    positions = {name: position for position, name in enumerate(names)}
    return expected, [positions[name] for name in expected]


def names_by_position(width: int, schema: Schema | None) -> list[str] | None:
    """The model's field names for rows that carry none, if the model was fitted on names.

    Raises:
        SchemaError: The rows are wider or narrower than the model.

    """
    expected = [field.name for field in schema.fields] if schema else []
    if not expected:
        return None
    if width != len(expected):
        raise SchemaError(
            f"Each row has {width} value{'' if width == 1 else 's'}, the model takes {len(expected)}.",
            next_step=f"Hand in rows of these fields, in this order: {_listed(expected)}.",
        )
    return expected


def _texts(labels: Sequence[Any]) -> list[str]:
    """Text and integers as text: IBM's contract names fields by text."""
    wrong = [label for label in labels if isinstance(label, bool) or not isinstance(label, (str, Integral))]
    if wrong:
        raise SchemaError(
            "Column names have to be text.",
            faults=first_faults(
                [Fault(f"column {label!r}", f"is a {type(label).__name__}", "text") for label in wrong]
            ),
            next_step="Rename the columns; levels of a MultiIndex are joined by "
            "frame.columns = ['_'.join(map(str, column)) for column in frame.columns].",
        )
    # A subclass of str may print itself differently.
    return [str.__str__(label) if isinstance(label, str) else str(label) for label in labels]


def _require_valid_text(names: list[str]) -> None:
    joined = "".join(names)
    if joined.isascii():
        return
    try:
        joined.encode()
    except UnicodeEncodeError:
        wrong = [name for name in names if any("\ud800" <= letter <= "\udfff" for letter in name)]
        raise SchemaError(
            "Column names have to be valid Unicode text.",
            faults=first_faults(
                [Fault(f"column {name!r}", "has a lone surrogate", "valid Unicode text") for name in wrong]
            ),
            next_step="Rename the columns.",
        ) from None


def _duplicates(names: list[str]) -> list[Fault]:
    return [
        Fault(f"column {name!r}", f"is there {count} times", "once")
        for name, count in Counter(names).items()
        if count > 1
    ]


def _differences(names: list[str], schema: Schema) -> list[Fault]:
    """Missing and unknown columns, each with the nearest name on the other side."""
    given, expected = dict.fromkeys(names), {field.name: field for field in schema.fields}
    unknown = [name for name in given if name not in expected]
    missing = [field for name, field in expected.items() if name not in given]
    faults = [
        Fault(f"column {field.name!r}", "is missing", _hint(field.name, unknown, field.dtype)) for field in missing
    ]
    absent = [field.name for field in missing]
    return faults + [Fault(f"column {name!r}", "is unknown to the model", _hint(name, absent, "")) for name in unknown]


def _hint(name: str, candidates: list[str], otherwise: str) -> str:
    folded = {candidate.casefold(): candidate for candidate in candidates}
    near = get_close_matches(name.casefold(), folded, n=1)
    return f"did you mean {folded[near[0]]!r}?" if near else otherwise


def _listed(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
