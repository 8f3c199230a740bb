"""Frames that hold Arrow data: those of polars, pyarrow and DuckDB, and any object with the Arrow stream protocol.

They are read column by column, without a frame of pandas in between. Numbers, dates with time and durations become
NumPy arrays, mostly without a copy; text, and integers with gaps, become Python values a slice at a time, when they
are written. Scores go back the same way: whoever hands in a frame of polars gets one.

narwhals has one name for what polars and pyarrow call differently. It imports neither; pyarrow is only imported to read
what it has not made itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals import dependencies

from wml_deployer.errors import ClientNotInstalledError, ConfigurationError, InvalidResponseError, PayloadError
from wml_deployer.payload._columns import CheckedColumn, out_of_range
from wml_deployer.payload._errors import KINDS, Refusal
from wml_deployer.payload._names import arrange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ArrowFrame", "Backend", "arrow_scores", "read_arrow"]

_Library = Literal["polars", "pyarrow"]
Backend = Literal["pandas", "polars", "pyarrow"]
"""Libraries whose frames scores can be."""

_NOT_ARROW = (pd.DataFrame, pd.Series, pd.Index, np.ndarray, list, tuple, Mapping)
_SINGLE_VALUES = "a number, text, a boolean, a date or a missing value"
_CONTAINERS = (list, tuple, dict, np.ndarray)
_INTEGERS = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64)
_COUNTS = (nw.Boolean, *_INTEGERS)
_SCORE_TYPES: Mapping[str, Any] = {"i": nw.Int64, "u": nw.UInt64, "f": nw.Float64, "b": nw.Boolean}
"""The types of scores, by the kind of the dtype that they have in pandas."""


@dataclass(frozen=True, eq=False)
class ArrowFrame:
    """A frame of another library, all rows of which are in memory.

    Attributes:
        frame: n rows × k columns of polars or pyarrow.
        origin: What the caller handed in, whose kind the scores are to have.

    """

    frame: nw.DataFrame[Any]
    origin: Any

    @property
    def names(self) -> list[str]:
        """The k names."""
        return self.frame.columns

    def __len__(self) -> int:
        """Return n."""
        return len(self.frame)

    def columns(self, order: Sequence[int] | None) -> list[Any]:
        """Return the columns, in this order if there is one, as :mod:`wml_deployer.payload._columns` reads them."""
        columns = list(self.frame.iter_columns())
        return [_sent_column(column) for column in (columns if order is None else [columns[at] for at in order])]

    def take(self, positions: Sequence[int]) -> ArrowFrame:
        """Return some of the rows."""
        return ArrowFrame(self.frame[list(positions), :], self.origin)

    def split(self, keep: Sequence[str]) -> tuple[ArrowFrame, ArrowFrame]:
        """Return the columns of these names, and all others."""
        kept, others = self.frame.select(*keep), self.frame.drop(*keep)
        return ArrowFrame(kept, self.origin), ArrowFrame(others, self.origin)

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows with the values that scikit-learn makes of such a frame.

        Integers with gaps are floats and text is objects, as in the arrays that it asks these libraries for.
        """
        columns = {place: _local_column(column) for place, column in enumerate(self.frame.iter_columns())}
        frame: pd.DataFrame = pd.DataFrame(columns, index=pd.RangeIndex(len(self)))
        return frame.set_axis(pd.Index(self.names, dtype=object), axis=1)

    def give_back(self, scores: pd.DataFrame, beside: ArrowFrame | None = None) -> Any:
        """Return scores in the library of these rows.

        Args:
            scores: n rows, in the order of the rows.
            beside: n rows of columns to stand before the scores, if there are some.

        Raises:
            InvalidResponseError: The library cannot hold a column.

        """
        is_polars = self.frame.implementation is nw.Implementation.POLARS
        given = _native_frame(scores, "polars" if is_polars else "pyarrow")
        if beside is not None:
            given = nw.concat([beside.frame, given], how="horizontal")
        native = given.to_native()
        if type(self.origin).__name__ == "RecordBatch":
            return self.origin.from_arrays([column.combine_chunks() for column in native.columns], native.column_names)
        return _relation(self.origin, native) if type(self.origin).__name__ == "DuckDBPyRelation" else native


def read_arrow(data: object) -> ArrowFrame | None:
    """Read a frame that holds Arrow data; None for anything else.

    Args:
        data: Anything. A lazy frame or a relation is computed, and a stream is read to its end: once.

    Raises:
        PayloadError: It cannot be computed or read.
        SchemaError: Two columns have one name.
        ClientNotInstalledError: It takes pyarrow to read it, which is not installed.

    """
    if isinstance(data, ArrowFrame):
        return data
    if isinstance(data, _NOT_ARROW):
        return None
    if dependencies.is_polars_dataframe(data):
        native: Any = data
    elif dependencies.is_polars_lazyframe(data):
        native = _computed(data)
    elif hasattr(data, "__arrow_c_stream__") and not dependencies.is_polars_series(data):
        native = _table(data)
        arrange(native.column_names, None)  # names the columns that are there twice
    else:
        return None
    return ArrowFrame(nw.from_native(native, eager_only=True), data)


def _computed(lazy: Any) -> Any:
    try:
        return lazy.collect()
    except Exception as error:
        raise _unreadable(lazy, error) from error


def _table(data: Any) -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ClientNotInstalledError(
            f"Reading a {type(data).__name__} needs pyarrow, which is not installed.",
            next_step="Install pyarrow, or hand in a frame of pandas or polars.",
        ) from error
    if isinstance(data, pa.Table):
        return data
    try:
        return pa.table(data)
    except Exception as error:  # whatever the library raises that computes it
        raise _unreadable(data, error) from error


def _unreadable(data: object, error: Exception) -> PayloadError:
    reason = " ".join(str(error).split())
    return PayloadError(f"A {type(data).__name__} cannot be read as a table: {reason}", next_step=KINDS)


def _sent_column(column: nw.Series[Any]) -> Any:
    """Return a column as it is checked and written: an array, Python values, or a column that needs no more checks."""
    dtype: Any = column.dtype
    is_count = dtype in _COUNTS
    if dtype.is_float() or (is_count and not column.null_count()):
        return column.to_numpy()  # gaps among floats are NaN there, which is written as null as well
    if is_count or dtype == nw.String:
        return CheckedColumn(_cells(column), is_number=is_count)
    if dtype.is_nested():
        return _refused(column, f"is of type {dtype}")
    read = next((read for kind, read in _READERS.items() if dtype == kind), _checked_cells)
    return read(column)


def _cells(column: nw.Series[Any]) -> Any:
    return lambda start, stop: column[start:stop].to_list()


def _categories(column: nw.Series[Any]) -> Any:
    """Return categories of text, each of which becomes a Python value once."""
    codes, labels = _coded(column)
    if not {str, type(None)}.issuperset(map(type, labels.values())):  # a dictionary of pyarrow holds values of any type
        return _checked_cells(column)
    return CheckedColumn(lambda start, stop: [labels[code] for code in codes[start:stop].to_list()])


def _coded(column: nw.Series[Any]) -> tuple[nw.Series[Any], dict[int | None, Any]]:
    """Return the codes of categories, and what each stands for."""
    native = column.to_native()
    if column.implementation is nw.Implementation.POLARS:
        found = native.unique(maintain_order=True)
        labels = dict(zip(found.to_physical().to_list(), found.to_list(), strict=True))
        return nw.from_native(native.to_physical(), series_only=True), labels
    import pyarrow as pa  # noqa: PLC0415 - it is the caller's

    unified = native.unify_dictionaries()
    codes = pa.chunked_array([chunk.indices for chunk in unified.chunks], native.type.index_type)
    known = unified.chunk(0).dictionary.to_pylist() if unified.num_chunks else []
    return nw.from_native(codes, series_only=True), {None: None, **dict(enumerate(known))}


def _moments(column: nw.Series[Any]) -> Any:
    """Return dates with time; of those with a zone, the array is in UTC."""
    dtype: Any = column.dtype
    values = column.to_numpy()
    if dtype.time_zone is None:
        return values
    try:
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(dtype.time_zone).array
    except (LookupError, ValueError):  # the libraries know zones by tables of their own
        problem = f"is in the time zone {dtype.time_zone!r}, which pandas does not know"
        return _refused(column, problem, "a zone of the IANA database")


def _dates(column: nw.Series[Any]) -> Any:
    days = column.to_numpy()
    if out_of_range(days).any():
        return days.astype("M8[s]")  # which is refused, row by row
    return CheckedColumn(lambda start, stop: days[start:stop].tolist())


def _times(column: nw.Series[Any]) -> CheckedColumn:
    nanoseconds = _nanoseconds(column)
    return CheckedColumn(lambda start, stop: [_clock(value) for value in nanoseconds[start:stop].tolist()])


def _nanoseconds(column: nw.Series[Any]) -> NDArray[np.int64]:
    """Return times of day in nanoseconds since midnight, -1 where there is none."""
    if column.implementation is nw.Implementation.PYARROW:
        column = nw.from_native(column.to_native().cast("time64[ns]"), series_only=True)
    nanoseconds: NDArray[np.int64] = column.cast(nw.Int64).fill_null(-1).to_numpy()
    return nanoseconds


def _clock(nanoseconds: int) -> str | None:
    """Write a time of day as ISO 8601 does, with as many digits as it needs."""
    if nanoseconds < 0:
        return None
    moment, finer = _time(nanoseconds), nanoseconds % 1_000
    return f"{moment.isoformat(timespec='microseconds')}{finer:03}" if finer else moment.isoformat()


def _time(nanoseconds: int) -> time:
    seconds, fraction = divmod(nanoseconds, 10**9)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, fraction // 1_000)


def _checked_cells(column: nw.Series[Any]) -> Any:
    """Return decimals, objects and rarer types as Python values, which are checked one by one."""
    is_decimal = column.dtype == nw.Decimal and column.implementation is nw.Implementation.PYARROW
    try:
        # pyarrow makes arrays of decimals in half the time that it takes for lists.
        cells: list[Any] = column.to_numpy().tolist() if is_decimal else column.to_list()
    except Exception as error:
        raise _unreadable(column.to_native(), error) from error
    # Python's forms of intervals and maps are tuples and lists.
    if column.dtype == nw.Unknown and any(isinstance(cell, _CONTAINERS) for cell in cells):
        return _refused(column, f"is of type {next(type(cell).__name__ for cell in cells if cell is not None)}")
    return cells


def _refused(column: nw.Series[Any], problem: str, expected: str = _SINGLE_VALUES) -> CheckedColumn:
    """Refuse the values of a column; gaps are nulls in any type."""
    rows = np.flatnonzero(~column.is_null().to_numpy()).tolist()
    reason = Refusal(problem, expected)
    return CheckedColumn(lambda start, stop: [None] * (stop - start), refused=(rows, reason))


_READERS: Mapping[Any, Callable[[nw.Series[Any]], Any]] = {
    nw.Categorical: _categories,
    nw.Enum: _categories,
    nw.Date: _dates,
    nw.Datetime: _moments,
    nw.Duration: nw.Series.to_numpy,
    nw.Time: _times,
}


def _local_column(column: nw.Series[Any]) -> Any:
    """Return a column as a model is to have it: in memory that it may write to."""
    dtype: Any = column.dtype
    if dtype.is_float() or dtype in _INTEGERS or (dtype == nw.Boolean and not column.null_count()):
        return np.array(column.to_numpy())
    if dtype == nw.Duration or (dtype == nw.Datetime and dtype.time_zone is None):
        return np.array(column.to_numpy())
    if dtype == nw.Datetime:
        return _moments(column)
    if dtype == nw.Time:
        cells: list[Any] = [None if value < 0 else _time(value) for value in _nanoseconds(column).tolist()]
    elif dtype == nw.Date:
        cells = column.to_numpy().tolist()
    else:
        cells = column.to_list()
    if dtype in (nw.Categorical, nw.Enum):
        known = dtype.categories if dtype == nw.Enum else dict.fromkeys(_coded(column)[1].values())
        return pd.Categorical(cells, categories=[label for label in known if label is not None])
    return pd.Series(cells, dtype=object)


def arrow_scores(scores: pd.DataFrame, backend: Backend) -> Any:
    """Return scores as a frame of polars or a table of pyarrow.

    Args:
        scores: n rows; their index is left out.
        backend: The library.

    Raises:
        ConfigurationError: It is another one.
        ClientNotInstalledError: It is not installed.
        InvalidResponseError: It cannot hold a column.

    """
    if backend not in ("polars", "pyarrow"):
        raise ConfigurationError(
            f"Scores cannot be made a frame of {backend!r}.", next_step="Give 'pandas', 'polars' or 'pyarrow'."
        )
    try:
        import_module(backend)
    except ImportError as error:
        raise ClientNotInstalledError(
            f"A frame of {backend} needs {backend}, which is not installed.", next_step=f"Install {backend}."
        ) from error
    return _native_frame(scores, backend).to_native()


def _native_frame(scores: pd.DataFrame, library: _Library) -> nw.DataFrame[Any]:
    names = [str(name) for name in scores.columns]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise _not_held(f"the column {twice[0]!r} twice", library)
    columns = [_score_column(name, scores.iloc[:, place], library) for place, name in enumerate(names)]
    # Told the library, narwhals would not see that these are its own columns, and ask pyarrow to carry them.
    return nw.from_dict({column.name: column for column in columns}) if columns else nw.from_dict({}, backend=library)


def _score_column(name: str, column: pd.Series[Any], library: _Library) -> nw.Series[Any]:
    """Make a column of scores; NaN in pandas, which stands for null there, is null."""
    dtype = _SCORE_TYPES.get(column.dtype.kind)
    if isinstance(column.dtype, np.dtype) and dtype is not None and not column.hasnans:
        return nw.new_series(name, np.ascontiguousarray(column.to_numpy()), dtype, backend=library)
    cells = [None if gap else cell for cell, gap in zip(column.tolist(), column.isna().tolist(), strict=True)]
    if dtype is None and {str, type(None)}.issuperset(map(type, cells)):
        dtype = nw.String
    try:
        made = nw.new_series(name, cells, dtype, backend=library)
        is_exact = dtype is not None or made.to_list() == cells
    except Exception:  # noqa: BLE001 - each library has errors of its own
        is_exact = False
    if not is_exact:
        raise _not_held(f"the values of the column {name!r}", library)
    return made


def _not_held(what: str, library: _Library) -> InvalidResponseError:
    return InvalidResponseError(
        f"A frame of {library} cannot hold {what} of the answer.",
        next_step="Score a DataFrame of pandas, which can.",
    )


def _relation(rows: Any, scores: Any) -> Any:  # noqa: ARG001 - DuckDB finds the table by its name
    """Return a table as a relation on the connection of another one, which DuckDB does not name."""
    return rows.query("the_rows_of_these_scores", "SELECT * FROM scores")
