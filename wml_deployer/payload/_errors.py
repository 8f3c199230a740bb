"""The errors of encoding and decoding: refused values are collected and reported together, by column and row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wml_deployer.errors import Fault, InvalidResponseError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["KINDS", "FaultLog", "Refusal", "RefusedError", "first_faults", "invalid"]

KINDS = "Hand in a DataFrame, a numpy array, a list of rows, a single row, or {'input_data': [...]}."
"""The next step for data that hold no rows."""

_ROWS_NAMED = 3
_FAULTS_NAMED = 20


class Refusal(NamedTuple):
    """The reason why a value cannot be sent, and what could be sent instead."""

    problem: str
    expected: str


class RefusedError(Exception):
    """A value that cannot be sent, raised where its column and row are not known yet."""

    def __init__(self, refusal: Refusal) -> None:
        """Carry the reason up to where the column and the row are known."""
        super().__init__(refusal)
        self.refusal = refusal


class FaultLog:
    """Refused values by column; a million values refused for one reason make one fault."""

    def __init__(self, index: pd.Index[Any] | None = None) -> None:
        """Name rows by the labels of ``index``, or by position without one."""
        self._index = index
        self._found: dict[tuple[str, Refusal], tuple[list[int], int]] = {}

    def add(self, column: str, rows: Iterable[int], refusal: Refusal) -> None:
        """Add the values of a column at these row positions."""
        positions = list(rows)
        if not positions:
            return
        named, count = self._found.get((column, refusal), ([], 0))
        missing = _ROWS_NAMED - len(named)
        self._found[column, refusal] = (named + positions[:missing], count + len(positions))

    def check(self) -> None:
        """Raise one error that lists all refused values, if there are any.

        Raises:
            PayloadError: At least one value was refused.

        """
        if not self._found:
            return
        total = sum(count for _, count in self._found.values())
        noun = "1 value" if total == 1 else f"{total:,} values"
        raise PayloadError(
            f"{noun} cannot be sent: JSON has no form for what is listed here, or the model takes another kind. "
            "Nothing was sent.",
            faults=first_faults([self._fault(*found) for found in self._found.items()]),
            next_step="Replace these values, drop the rows, or leave missing ones empty: NaN, None and NaT go as null.",
        )

    def _fault(self, what: tuple[str, Refusal], where: tuple[list[int], int]) -> Fault:
        (column, refusal), (positions, count) = what, where
        rows = ", ".join(self._label(position) for position in positions)
        more = f" and {count - len(positions):,} more" if count > len(positions) else ""
        return Fault(f"{column}, row{'s' if count > 1 else ''} {rows}{more}", refusal.problem, refusal.expected)

    def _label(self, position: int) -> str:
        label = position if self._index is None else self._index[position]
        return repr(label.item() if isinstance(label, np.generic) else label)


def first_faults(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return the first faults, and one more that counts the rest."""
    if len(faults) <= _FAULTS_NAMED:
        return tuple(faults)
    rest = f"{len(faults) - _FAULTS_NAMED:,} further faults"
    return (*faults[:_FAULTS_NAMED], Fault(rest, "not listed", "mend the first ones and look again"))


def invalid(message: str) -> InvalidResponseError:
    """Make the error of an answer that does not have the expected shape."""
    return InvalidResponseError(
        message,
        next_step="Look at the answer's text: it may not come from a scoring service, or may have been cut off.",
    )
