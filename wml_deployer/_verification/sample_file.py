"""Read rows from a file, with the types that the model was fitted on instead of guesses.

A CSV says nothing of types, and guesses are wrong where it matters: a postal code ``00123`` is not a number, and ``NA``
may be a country. All cells are read as text. A column becomes what ``--dtype`` says, or else what the fitted model
knows of it, or else numbers, but only if each cell reads the same after it was made one.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import ClientNotInstalledError, Fault, PayloadError
from wml_deployer.frameworks._schema import column_types

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from wml_deployer.schema import Field

__all__ = ["AS_TEXT", "PARQUET", "SampleFile", "read_sample_file", "reading", "refuse_dtypes", "refuse_long_lines"]

PARQUET = frozenset({".parquet", ".pq"})
"""Endings of Parquet files; any other file is CSV."""
AS_TEXT: dict[str, Any] = {"dtype": object, "keep_default_na": False, "na_values": [""]}
"""How pandas reads the cells of a CSV: as the text that they are; an empty one is a gap."""
_INTEGER = re.compile(r"-?(0|[1-9]\d*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_BOOLEANS = {"True": True, "False": False, "TRUE": True, "FALSE": False, "true": True, "false": False}
_NUMERIC_GAPS = frozenset({"NA", "N/A", "NaN", "nan", "NULL", "null", "None"})
"""Words for a gap among numbers. In a column of text they are text."""


@dataclass(frozen=True, eq=False)
class SampleFile:
    """The rows of a file, before the model says of which types they are.

    Attributes:
        path: The file, for messages.
        rows: n rows × k columns: of text if it is a CSV.
        is_text: Whether the types are still to be found.
        dtypes: The pandas dtype of a column by name, as the caller says.

    """

    path: Path
    rows: pd.DataFrame
    is_text: bool
    dtypes: Mapping[str, str]

    def typed(self, model: object) -> pd.DataFrame:
        """Return the rows with their types.

        Args:
            model: The fitted estimator.

        Raises:
            PayloadError: A column cannot be read as what it should be; all of them are listed.

        """
        return self._with_types(column_types(model) if self.is_text else {})

    def fitting(self, fields: Sequence[Field]) -> pd.DataFrame:
        """Return the rows with the types of a stored model's fields.

        A number that is not of its field's type becomes one of another type, and what is no number stays text, so that
        scoring refuses it by its row.

        Args:
            fields: The fields of the model.

        Raises:
            PayloadError: A column cannot be read as what it should be; all of them are listed.

        """
        types = {field.name: _nullable(field.dtype) for field in fields if field.name in self.rows and self.is_text}
        numbers = {name for name, (_, is_number) in types.items() if is_number}
        return self._with_types({name: dtype for name, (dtype, _) in types.items() if dtype}, lenient=numbers)

    def _with_types(self, found: Mapping[str, str], lenient: Collection[str] = ()) -> pd.DataFrame:
        known = {**found, **self.dtypes}
        columns, faults = {}, []
        for name in self.rows:
            dtype = known.get(str(name))
            try:
                columns[name] = self._column(name, dtype)
            except (ValueError, TypeError, OverflowError) as error:
                if name in lenient and name not in self.dtypes:
                    columns[name] = self._column(name, None)
                else:
                    faults.append(Fault(f"column {name!r}", str(error), dtype or ""))
        if faults:
            raise PayloadError(
                f"The rows of {self.path} cannot be read.",
                faults=tuple(faults),
                next_step="Correct the cells, or the types: --dtype NAME=TYPE.",
            )
        frame = self.rows.copy(deep=False)
        for name, column in columns.items():
            frame[name] = column
        return frame

    def _column(self, name: Any, dtype: str | None) -> Any:
        cells = self.rows[name]
        if not self.is_text:
            return cells if dtype is None else cells.astype(dtype)
        return _inferred(cells) if dtype is None else _converted(cells, dtype)


def read_sample_file(path: Path, dtypes: Mapping[str, str]) -> SampleFile:
    """Open a CSV or Parquet file of rows.

    Args:
        path: The file; ``.parquet`` and ``.pq`` are Parquet, anything else is CSV with one header line.
        dtypes: The pandas dtype of a column by name.

    Raises:
        PayloadError: It cannot be read, or has not the columns that have a dtype.

    """
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    is_text = path.suffix.lower() not in PARQUET
    with reading(path):
        rows = pd.read_csv(path, **AS_TEXT) if is_text else pd.read_parquet(path)
        refuse_long_lines(rows, is_text=is_text)
    refuse_dtypes(path, rows, dtypes)
    return SampleFile(path, rows, is_text, dtypes)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file of rows into errors of this library.

    Raises:
        PayloadError: It cannot be read.
        ClientNotInstalledError: It is Parquet, which needs a package of its own.

    """
    try:
        yield
    except ImportError as error:
        raise ClientNotInstalledError(
            f"Reading {path} needs pyarrow, which is not installed.",
            next_step="Install it (pip install pyarrow), or give a CSV file.",
        ) from error
    except (OSError, ValueError) as error:
        raise PayloadError(
            f"The rows of {path} cannot be read: {error}",
            next_step="Give a CSV file with one header line, or a Parquet file.",
        ) from error


def refuse_long_lines(rows: pd.DataFrame, *, is_text: bool) -> None:
    """Refuse lines of a CSV that have more cells than its header: pandas shifts them, so that a row's names do not fit.

    Raises:
        ValueError: There are such lines.

    """
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    if is_text and not isinstance(rows.index, pd.RangeIndex):
        raise ValueError(f"its lines have more cells than the {len(rows.columns)} of its header")


def refuse_dtypes(path: Path, rows: pd.DataFrame, dtypes: Mapping[str, str]) -> None:
    """Refuse types of columns that are not there, and types that do not exist.

    Raises:
        PayloadError: There are such; all of them are listed.

    """
    unknown = [name for name in dtypes if name not in rows.columns]
    if unknown:
        raise PayloadError(
            f"The rows of {path} do not have the columns of --dtype.",
            faults=tuple(Fault(f"column {name!r}", "is missing", _nearest(name, rows)) for name in unknown),
            next_step="Correct the names.",
        )
    _refuse_unknown_dtypes(dtypes)


def _nullable(dtype: str) -> tuple[str | None, bool]:
    """Return the dtype of pandas that takes a field's values and gaps, and whether they are numbers."""
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    try:
        kind = pd.api.types.pandas_dtype(dtype).kind
    except (TypeError, ImportError):
        # A schema that another program wrote has words of its own.
        return None, False
    if kind in "iu":
        return "Int64" if kind == "i" else "UInt64", True
    return "boolean" if kind == "b" else dtype, kind in "bf"


def _nearest(name: str, rows: pd.DataFrame) -> str:
    near = get_close_matches(name, map(str, rows.columns), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _refuse_unknown_dtypes(dtypes: Mapping[str, str]) -> None:
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    faults = []
    for name, dtype in dtypes.items():
        try:
            pd.api.types.pandas_dtype(dtype)
        except (TypeError, ImportError) as error:  # noqa: PERF203 - few columns have one
            faults.append(Fault(f"--dtype {name}={dtype}", str(error)))
    if faults:
        raise PayloadError(
            "A type is not known to pandas.",
            faults=tuple(faults),
            next_step="Give a pandas dtype, such as object for text, int64, float64, bool, category or datetime64[ns].",
        )


def _inferred(cells: pd.Series[Any]) -> Any:
    """Make numbers or booleans of cells that read the same afterwards; anything else stays text."""
    texts = [cell for cell in cells.dropna() if cell not in _NUMERIC_GAPS]
    if not texts:
        return cells.astype("float64") if cells.isna().all() else cells
    if all(map(_INTEGER.fullmatch, texts)):
        has_gaps = len(texts) < len(cells)
        fits = max(abs(int(text)) for text in texts) <= (_EXACT_INTEGERS if has_gaps else _MAX_INT64)
        return _converted(cells, "float64" if has_gaps else "int64") if fits else cells
    if all(map(_NUMBER.fullmatch, texts)):
        return _converted(cells, "float64")
    if len(texts) == len(cells) and _BOOLEANS.keys() >= set(texts):
        return _converted(cells, "bool")
    return cells


_PARSERS: dict[str, Callable[[str], Any]] = {"f": float, "b": _BOOLEANS.__getitem__}
_EXACT_INTEGERS = 2**53
_MAX_INT64 = 2**63 - 1


def _converted(cells: pd.Series[Any], dtype: str) -> Any:
    """Make cells of text a column of a dtype.

    Raises:
        ValueError: A cell is not of it.

    """
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    wanted: Any = pd.api.types.pandas_dtype(dtype)
    if wanted.kind == "M":
        return pd.to_datetime(cells).astype(wanted)
    if wanted.kind == "m":
        return pd.to_timedelta(cells).astype(wanted)
    if wanted.kind not in "iufb":
        return cells.astype(wanted)
    parse: Callable[[str], Any] = _PARSERS.get(wanted.kind, int)
    values: list[Any] = []
    for row, cell in cells.items():  # a chunk of a file goes on counting
        is_gap = not isinstance(cell, str) or cell in _NUMERIC_GAPS
        try:
            values.append(None if is_gap else parse(cell))
        except (ValueError, KeyError):
            raise ValueError(f"row {row} has {cell!r}, which is not {wanted}") from None
    if wanted.kind == "f":
        gaps = [float("nan") if value is None else value for value in values]
        return pd.Series(gaps, dtype=wanted, name=cells.name, index=cells.index)
    if None in values and not isinstance(wanted, pd.api.extensions.ExtensionDtype):
        raise ValueError(f"row {cells.index[values.index(None)]} has a gap, which {wanted} does not admit")
    return pd.Series(values, dtype=wanted, name=cells.name, index=cells.index)
