"""Everything that cannot be sent, gathered before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wml_deployer.errors import Fault, PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["KINDS", "FaultLog", "Refusal", "capped"]

KINDS = "Hand in a DataFrame, a numpy array, a list of rows, a single row, or {'input_data': [...]}."
"""What to do about data that hold no rows."""

_ROWS_NAMED = 3
_FAULTS_NAMED = 20


class Refusal(NamedTuple):
    """Why a value cannot be sent, and what could be."""

    problem: str
    expected: str


class FaultLog:
    """Collects refused values by column; a million of one kind stay one line."""

    def __init__(self, index: pd.Index[Any] | None = None) -> None:
        """Name rows by the labels of ``index``, or by position where there is none."""
        self._index = index
        self._found: dict[tuple[str, Refusal], tuple[list[int], int]] = {}

    def add(self, column: str, rows: Iterable[int], refusal: Refusal) -> None:
        """Note that the values at these row positions of the column are refused."""
        positions = list(rows)
        if not positions:
            return
        named, count = self._found.get((column, refusal), ([], 0))
        missing = _ROWS_NAMED - len(named)
        self._found[column, refusal] = (named + positions[:missing], count + len(positions))

    def check(self) -> None:
        """Raise one error with all that was found, if anything was.

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
            faults=capped([self._fault(*found) for found in self._found.items()]),
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


def capped(faults: list[Fault]) -> tuple[Fault, ...]:
    """The first faults, and a last one that counts the rest."""
    if len(faults) <= _FAULTS_NAMED:
        return tuple(faults)
    rest = f"{len(faults) - _FAULTS_NAMED:,} further faults"
    return (*faults[:_FAULTS_NAMED], Fault(rest, "not listed", "mend the first ones and look again"))
