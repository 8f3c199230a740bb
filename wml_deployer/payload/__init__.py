"""Encode rows of any kind as request bodies, and decode scoring answers as DataFrames.

>>> import pandas as pd
>>> from wml_deployer.payload import encode, to_frame
>>> frame = pd.DataFrame({"age": [31, 52], "income": [2150.5, None]}, index=["ana", "rui"])
>>> encode(frame)
b'{"input_data":[{"fields":["age","income"],"values":[[31,2150.5],[52,null]]}]}'
>>> rows = [[1, [0.25, 0.75]], [0, [0.5, 0.5]]]
>>> answer = {"predictions": [{"fields": ["prediction", "probability"], "values": rows}]}
>>> to_frame(answer, classes=["bad", "good"], index=frame.index)
     prediction  probability_bad  probability_good
ana           1             0.25              0.75
rui           0             0.50              0.50

How values are sent:

=========================================================  =====================================================
value                                                      JSON
=========================================================  =====================================================
integers of up to 64 bits, also beside floats              the same integer
floats                                                     the same double; a float32 as the double of its value
NaN, None, NaT, ``pandas.NA``, a missing category          ``null``
booleans, text                                             the same
UUIDs, members of enumerations                             their text; their values
dates with time                                            ISO 8601 text with the zone's offset, if there is one;
                                                           all of a column with the same fraction of a second
dates, times of day                                        ISO 8601 text
durations                                                  ISO 8601 durations (``"P1DT2H0M0S"``)
categories                                                 the values they stand for
``Decimal``                                                a number: whole ones exactly, others as nearest double
lists, tuples, arrays, mappings with text keys             arrays and objects of the same
infinities, integers beyond 64 bits, years outside 1 to    refused, naming column and row
9999, offsets with seconds, durations in months, bytes,
complex numbers, periods, intervals, any other object
=========================================================  =====================================================

The numbers of an answer are read exactly, integers of any size too. A column of an answer gets the dtype that holds its
values; nulls do not change it, but for the twin that pandas has for them:

=========================================================  =====================================================
values                                                     dtype, and with nulls among them
=========================================================  =====================================================
integers of up to 64 bits                                  ``int64`` or ``uint64``; ``Int64`` or ``UInt64``
floats, or floats and integers up to 2**53                 ``float64``, with NaN
booleans                                                   ``bool``; ``boolean``
text                                                       ``object``; ``string`` (from pandas 3 on ``str``, always)
anything else                                              ``object``
=========================================================  =====================================================
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import orjson
import pandas as pd

from wml_deployer.payload._answer import answer_columns, column_frame
from wml_deployer.payload._document import InputDocument, is_document, read_document
from wml_deployer.payload._errors import invalid
from wml_deployer.payload._fast_answer import fast_frame
from wml_deployer.payload._frames import arrow_table, frame_table
from wml_deployer.payload._rows import rows_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.payload._arrow import ArrowFrame, Backend
    from wml_deployer.payload._table import Table
    from wml_deployer.schema import ClassLabel, Schema

__all__ = ["decode", "encode", "to_frame", "to_input_data"]

_ROWS = (list, tuple, Mapping, np.ndarray, pd.Series, pd.Index)

FEW_BYTES = 512
"""Up to this size, making a list for each row costs less than what :mod:`~wml_deployer.payload._fast_answer` does."""

# Integers of 19 digits and more may be beyond 64 bits, where orjson makes doubles of them.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * len(str(2**63))
_LONG_INTEGER = re.compile(rb"[\[,:\s]-?\d{%d,}(?![.eE\d])" % len(_MANY_DIGITS))


def prepare(data: object, *, schema: Schema | None = None) -> Table | InputDocument:
    """Check rows completely, before any of them is written or sent.

    Args:
        data: n rows x k fields as a DataFrame of pandas or polars, a table of pyarrow, a relation of DuckDB or whatever
            else has the Arrow stream protocol; a numpy array (structured and masked ones too), a list of rows or of
            mappings; a single row as a mapping, a Series, a flat list or array (of a model with one column, these are
            the values of that column); or a finished ``{"input_data": [...]}``,
            whose values are checked and which is otherwise left as it is. It is read again when the rows are
            written, and never changed.
        schema: The model's input. Columns are put in its order; rows without names are taken to be in it.

    Returns:
        The rows, ready to be written whole or in parts: ``rows`` tells how many, ``index`` their labels,
        ``encode(start, stop)`` writes the body of some of them.

    Raises:
        SchemaError: Columns are missing, unknown to the model or there twice, or rows are too wide or too narrow;
            all of it is listed.
        PayloadError: Values cannot be sent; all of them are listed, by column and row.

    Example:
        >>> rows = prepare([[1, 2.5], [3, None], [5, 6.5]])
        >>> rows.rows
        3
        >>> rows.encode(1, 2)
        b'{"input_data":[{"values":[[3,null]]}]}'

    """
    if schema is not None and len(schema.fields) == 1:
        data = _one_column(data, schema.fields[0].name)
    if isinstance(data, pd.DataFrame):
        return frame_table(data, schema)
    if is_document(data):
        return read_document(data)
    frame = other_frame(data)
    return rows_table(data, schema) if frame is None else arrow_table(frame, schema)


def other_frame(data: object) -> ArrowFrame | None:
    """Read a frame of another library than pandas; None for rows of any other kind.

    Args:
        data: Anything. A lazy frame or a relation is computed, and a stream is read to its end: once.

    Raises:
        PayloadError: It cannot be computed or read.
        SchemaError: Two of its columns have one name.
        ClientNotInstalledError: It takes pyarrow to read it, which is not installed.

    """
    if isinstance(data, (*_ROWS, pd.DataFrame)):
        return None
    from wml_deployer.payload._arrow import read_arrow  # noqa: PLC0415 - deferred: most rows do without narwhals

    return read_arrow(data)


def _one_column(data: object, name: str) -> object:
    """Make n rows of a series, a flat list or an array of the values of a model's only column."""
    if isinstance(data, pd.Series) and data.index.tolist() != [name]:
        return data.to_frame(name)
    if isinstance(data, list) and data and not any(isinstance(value, _ROWS) for value in data):
        return [[value] for value in data]
    if isinstance(data, np.ndarray) and data.ndim == 1 and data.dtype.names is None:
        return data.reshape(-1, 1)
    return data


def to_input_data(data: object, *, schema: Schema | None = None) -> dict[str, Any]:
    """Make the request document of rows that ``client.deployments.score`` of IBM's clients takes.

    Args:
        data: n rows x k fields, as :func:`prepare` takes them.
        schema: The model's input.

    Returns:
        ``{"input_data": [{"fields": [k names], "values": [n rows]}]}`` of plain Python values that the json module
        writes as they are; no ``fields`` where neither the rows nor the schema name them. The format is that of
        https://cloud.ibm.com/apidocs/machine-learning, where names and values have to be in the same order.

    Raises:
        SchemaError: The columns are not the model's.
        PayloadError: Values cannot be sent.

    Example:
        >>> to_input_data({"age": 31, "name": "Ana"})
        {'input_data': [{'fields': ['age', 'name'], 'values': [[31, 'Ana']]}]}

    """
    document: dict[str, Any] = orjson.loads(encode(data, schema=schema))
    return document


def encode(data: object, *, schema: Schema | None = None) -> bytes:
    """Write the request body of rows: the JSON text of :func:`to_input_data`, several times faster.

    Args:
        data: n rows x k fields, as :func:`prepare` takes them.
        schema: The model's input.

    Returns:
        UTF-8 JSON text.

    Raises:
        SchemaError: The columns are not the model's.
        PayloadError: Values cannot be sent.

    Example:
        >>> encode([[1, float("nan")]])
        b'{"input_data":[{"values":[[1,null]]}]}'

    """
    return prepare(data, schema=schema).encode()


@overload
def to_frame(
    response: object,
    *,
    classes: Sequence[ClassLabel] = ...,
    index: pd.Index[Any] | None = ...,
    backend: Literal["pandas"] = ...,
) -> pd.DataFrame: ...
@overload
def to_frame(
    response: object,
    *,
    classes: Sequence[ClassLabel] = ...,
    index: pd.Index[Any] | None = ...,
    backend: Backend,
) -> Any: ...
def to_frame(
    response: object,
    *,
    classes: Sequence[ClassLabel] = (),
    index: pd.Index[Any] | None = None,
    backend: Backend = "pandas",
) -> Any:
    """Make a frame of a scoring answer, whichever of the service's runtimes it comes from.

    Args:
        response: ``{"predictions": [...]}`` as the service answers it, its list of blocks, or the bare rows
            (``[[label, [probabilities]], ...]``) as a notebook prints them.
        classes: The labels of the k probabilities, in their order (``estimator.classes_``). Where there are as many
            probabilities, they name the columns; otherwise these are numbered.
        index: The labels of the n rows that were sent; numbered from 0 without. Only pandas has them.
        backend: The library of the frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.

    Returns:
        n rows. ``prediction`` and, from classifiers, ``probability_<class>``; predictions of several values become
        ``prediction_0``, ``prediction_1``, ... . Any other field keeps its name and its values. Of several blocks
        those with the same fields follow each other; others stand side by side, named by their ``id``. Numbers are
        those of the answer, bit for bit.

    Raises:
        InvalidResponseError: The answer has none of these shapes, rows of different widths, mixed kinds of
            predictions, or not as many rows as ``index``; or the library cannot hold it.
        ConfigurationError: There is no such library.
        ClientNotInstalledError: The library is not installed.

    Example:
        >>> to_frame({"predictions": [{"fields": ["prediction"], "values": [[4.125], [3.5]]}]})
           prediction
        0       4.125
        1       3.500

    """
    columns, rows = answer_columns(response, classes)
    return _in_library(column_frame(columns, rows, index), backend)


@overload
def decode(
    body: bytes,
    *,
    classes: Sequence[ClassLabel] = ...,
    index: pd.Index[Any] | None = ...,
    backend: Literal["pandas"] = ...,
) -> pd.DataFrame: ...
@overload
def decode(
    body: bytes, *, classes: Sequence[ClassLabel] = ..., index: pd.Index[Any] | None = ..., backend: Backend
) -> Any: ...
def decode(
    body: bytes,
    *,
    classes: Sequence[ClassLabel] = (),
    index: pd.Index[Any] | None = None,
    backend: Backend = "pandas",
) -> Any:
    """Make a frame of a scoring answer's bytes: :func:`to_frame`, several times faster for the usual answers.

    Args:
        body: The JSON text of the answer. NaN and infinities are read as Python's json module writes them.
        classes: The labels of the k probabilities, in their order.
        index: The labels of the n rows that were sent.
        backend: The library of the frame.

    Returns:
        n rows, as :func:`to_frame` gives them.

    Raises:
        InvalidResponseError: The bytes are not JSON, or not a scoring answer.

    Example:
        >>> decode(b'{"predictions":[{"fields":["prediction"],"values":[["good"],["bad"]]}]}')
          prediction
        0       good
        1        bad

    """
    frame = fast_frame(body, classes, index) if len(body) > FEW_BYTES else None
    scores = to_frame(_parsed(body), classes=classes, index=index) if frame is None else frame
    return _in_library(scores, backend)


def _in_library(scores: pd.DataFrame, backend: Backend) -> Any:
    if backend == "pandas":
        return scores
    from wml_deployer.payload._arrow import arrow_scores  # noqa: PLC0415 - deferred: most answers do without narwhals

    return arrow_scores(scores, backend)


def _parsed(body: bytes) -> Any:
    """Parse JSON, or what Python's json module writes, with exact integers."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise _not_json(body, error) from error
    else:
        if _MANY_DIGITS not in body.translate(_DIGITS) or not _LONG_INTEGER.search(body):
            return document
    try:
        return json.loads(body.decode(), parse_float=_double)
    except (ValueError, RecursionError) as error:
        raise _not_json(body, error) from error


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a double")
    return number


def _not_json(body: bytes, error: Exception) -> Exception:
    beginning = body[:60].decode(errors="replace")
    return invalid(f"The answer of {len(body):,} bytes is not JSON ({error}); it begins {beginning!r}.")
