"""Find the columns that a request changes on the way to the model, and say why.

A column that arrives with the same dtype and the same values cannot change an answer, so the model need not be asked
about it. Of one that does change, the reason says what to change in the pipeline or in the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "EXACT_INTEGERS",
    "Reason",
    "changed_columns",
    "large_integer_columns",
    "nullable_columns",
    "reason_of",
    "with_gaps",
]


@dataclass(frozen=True)
class Reason:
    """The reason why a column does not arrive as it was sent.

    Attributes:
        problem: What becomes of it.
        next_step: What to change, before the fit as well as in the rows that are scored.

    """

    problem: str
    next_step: str


def changed_columns(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[Any]:
    """List the columns that differ in dtype, in a value, or in the kind of a missing value.

    Args:
        ours: n rows × k columns as the local model gets them.
        theirs: The same rows and columns as the runtime makes them.

    """
    if _same_numbers(ours, theirs):
        return []
    return [name for name in ours if not _is_same(ours[name], theirs[name])]


def _same_numbers(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether all is equal and of one numeric dtype: the usual case, at a glance."""
    dtypes = {*ours.dtypes, *theirs.dtypes}
    if len(dtypes) != 1 or not isinstance(dtype := dtypes.pop(), np.dtype) or dtype.kind not in "iufb":
        return False
    return np.array_equal(ours.to_numpy(), theirs.to_numpy(), equal_nan=dtype.kind == "f")


def _is_same(ours: pd.Series[Any], theirs: pd.Series[Any]) -> bool:
    if ours.dtype != theirs.dtype or not ours.equals(theirs):
        return False
    if isinstance(ours.dtype, pd.CategoricalDtype):
        # To pandas the order of unordered categories does not matter, and to models it does.
        return ours.cat.categories.equals(theirs.cat.categories)
    # Objects may hold 1, 1.0 and True, which are equal, and None and NaN, which pandas takes to be.
    return ours.dtype != object or all(
        type(one) is type(other) for one, other in zip(ours.tolist(), theirs.tolist(), strict=True)
    )


def reason_of(name: Any, ours: pd.Series[Any], theirs: pd.Series[Any]) -> Reason:
    """Say why a column does not arrive as it was sent, and what to do about it.

    Args:
        name: Name of the column.
        ours: Its n values as the local model gets them.
        theirs: The same as the runtime makes them.

    """
    dtype: Any = ours.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Reason(
            "its categories are declared anew from the values of each request, so that one category has another code "
            "in each",
            f"Encode {name} inside the pipeline, with OneHotEncoder or OrdinalEncoder, and fit the model again.",
        )
    if dtype.kind in "mM":
        return _reason_of_times(f"frame[{name!r}]", dtype, theirs.dtype)
    is_text = isinstance(dtype, pd.StringDtype)
    if not is_text and (not isinstance(dtype, np.dtype) or dtype.kind in "iufb"):
        return _reason_of_dtypes(f"frame[{name!r}]", dtype, theirs.dtype)
    return _reason_of_objects(f"frame[{name!r}]", ours, theirs)


def _reason_of_times(column: str, dtype: Any, arrived: Any) -> Reason:
    if dtype.kind == "m":
        return Reason("durations arrive as text", f"Fit the model on numbers: {column} = {column}.dt.total_seconds().")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Reason(
            f"its time zone changes: {dtype} arrives as {arrived}",
            f"Fit the model on UTC without a zone: {column} = {column}.dt.tz_convert(None).",
        )
    return Reason(
        f"its dtype {dtype} arrives as {arrived}",
        f"Fit the model on dates in nanoseconds, and give the sample so: {column} = {column}.astype('datetime64[ns]').",
    )


def _reason_of_dtypes(column: str, dtype: Any, arrived: Any) -> Reason:
    """Explain numbers, and dtypes of pandas' own, which a runtime does not make of JSON."""
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and arrived.kind == "f":
        return Reason(
            "integers beyond 2**53 are rounded to doubles as soon as a request has a gap in the column",
            f"Make it text before the fit and before scoring: {column} = {column}.astype(str).",
        )
    plain = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}.get(dtype.kind, "object")
    return Reason(
        f"its dtype {dtype} arrives as {arrived}",
        f"Fit the model on the plain dtype, and give the sample so: {column} = {column}.astype({plain!r}).",
    )


def _reason_of_objects(column: str, ours: pd.Series[Any], theirs: pd.Series[Any]) -> Reason:
    pairs = zip(ours.tolist(), theirs.tolist(), strict=True)
    changed = [(one, other) for one, other in pairs if type(one) is not type(other)]
    if changed and all(_is_gap(one) and _is_gap(other) for one, other in changed):
        return Reason(
            f"a gap in text arrives as {_names(other for _, other in changed)}, where the model was given "
            f"{_names(one for one, _ in changed)}",
            f"Fill the gaps before the fit and before scoring: {column} = {column}.fillna('missing'). Or let the "
            "pipeline begin with FunctionTransformer(pandas.DataFrame.fillna, kw_args={'value': numpy.nan}), and fit "
            "it again.",
        )
    sent, came = _names(type(one) for one, _ in changed), _names(type(other) for _, other in changed)
    return Reason(
        f"values of the type {sent} arrive as {came}"
        if changed
        else f"its dtype {ours.dtype} arrives as {theirs.dtype}",
        f"Fit the model on text, numbers or dates (datetime64[ns]) in {column}, and score the same.",
    )


def _is_gap(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _names(values: Iterable[Any]) -> str:
    """Name types, or missing values, each once."""
    return ", ".join(sorted({value.__name__ if isinstance(value, type) else _gap_name(value) for value in values}))


def _gap_name(value: Any) -> str:
    return "NaN" if isinstance(value, float) else str(value)


EXACT_INTEGERS = 2**53
"""Beyond this, not every integer is a double."""


def nullable_columns(frame: pd.DataFrame) -> list[Any]:
    """List the columns without a gap whose dtype admits one: all but plain integers and booleans."""
    return [name for name in frame if not (_is_numpy(frame[name].dtype, "iub") or frame[name].isna().any())]


def large_integer_columns(frame: pd.DataFrame) -> list[Any]:
    """List the columns of plain integers that doubles would not hold exactly."""
    integers = [name for name in frame if _is_numpy(frame[name].dtype, "iu")]
    return [name for name in integers if frame[name].max() > EXACT_INTEGERS or frame[name].min() < -EXACT_INTEGERS]


def with_gaps(frame: pd.DataFrame, columns: Sequence[Any], rows: int) -> pd.DataFrame:
    """Return the first rows of a frame with a gap in each column: the first column's in the first row, and so on.

    Args:
        frame: n rows × k columns.
        columns: The columns that get a gap.
        rows: How many rows to return; after the last row of the frame its first one follows.

    """
    holed = frame.iloc[[row % len(frame) for row in range(rows)]].reset_index(drop=True)
    for row, name in enumerate(columns):
        holed[name] = holed[name].mask(holed.index == row % rows)
    return holed


def _is_numpy(dtype: Any, kinds: str) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in kinds
