"""Answer requests in this process as the service's runtimes do.

A native runtime knows three things: the model, the input schema that was stored with it, and the JSON of a request.
From the JSON it makes a DataFrame if the schema says so or the model was fitted on one, and otherwise a bare array.
Values change on the way there: JSON has neither NaN nor categories nor durations. A Python function reads the request
itself, with the very module that is stored.

The embedded service follows the same rules in a package of its own that shares no code with this one; a property test
holds the two together.
"""

from __future__ import annotations

import gzip
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from wml_deployer._functions.loader import outputs
from wml_deployer._functions.outputs import values_of
from wml_deployer._verification import user_code
from wml_deployer.frameworks import default_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wml_deployer._functions.loader import ModelFunction
    from wml_deployer.packaging import Carrier, Package
    from wml_deployer.schema import Schema

__all__ = [
    "FunctionRuntime",
    "NativeRuntime",
    "UnreadableColumnError",
    "answer",
    "array_of",
    "arrays_of",
    "frame_of",
    "written",
]


class UnreadableColumnError(ValueError):
    """A column of a request is not of the dtype that the input schema declares.

    Attributes:
        column: Its name.
        message: What is wrong with it.

    """

    def __init__(self, column: str, problem: str) -> None:
        """Keep the name beside the message."""
        super().__init__(problem)
        self.column, self.message = column, problem


class NativeRuntime:
    """A model as a native runtime serves it.

    Args:
        model: The fitted estimator.
        schema: The input schema that is stored with it.
        call: How it is asked, as its framework says.

    """

    def __init__(self, model: Any, schema: Schema, call: str = "predict") -> None:
        """Keep them; nothing is called yet."""
        self._model, self._call = model, call
        self._names = [field.name for field in schema.fields]
        self._as_frame = bool(schema.fields) and schema.named
        self._dtypes = {field.name: field.dtype for field in schema.fields} if self._as_frame else {}

    def read(self, body: bytes) -> Any:
        """Return what the runtime calls the model with: a frame or an array of n rows × k columns.

        Args:
            body: A request body with one block of rows.

        Raises:
            ValueError: The runtime would refuse the rows.

        """
        block = orjson.loads(body)["input_data"][0]
        fields = block.get("fields")
        if self._as_frame or (fields is not None and hasattr(self._model, "feature_names_in_")):
            return frame_of(block["values"], fields or self._names, self._dtypes)
        return array_of(block["values"])

    def answer(self, body: bytes, arrived: Any) -> bytes:
        """Return what the runtime answers to the rows of a request that it has read.

        A runtime starts with the library's own settings, whatever this process has set.
        """
        del body
        with default_settings():
            return answer(self._model, arrived, self._call)


def frame_of(values: Sequence[Sequence[Any]], columns: Sequence[str], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Make the frame of a request's rows.

    Args:
        values: n rows of k JSON values.
        columns: The k column names.
        dtypes: The dtype that the input schema declares for a column.

    Returns:
        n rows × k columns; null is NaN among numbers and None among text.

    Raises:
        ValueError: A row does not have k values, or a column is not of its declared dtype.

    """
    if any(len(row) != len(columns) for row in values):
        raise ValueError(f"not all rows have {len(columns)} values")
    frame = pd.DataFrame(list(values), columns=list(columns))
    # Runtimes carry pandas 2, which has no dtype of its own for text, and dates in nanoseconds.
    for position, name in enumerate(columns):
        if isinstance(frame[name].dtype, pd.StringDtype):
            frame[name] = pd.Series([row[position] for row in values], dtype=object)
    for name in frame.columns.intersection(list(dtypes)):
        declared, column = dtypes[name], frame[name]
        try:
            if declared.startswith("datetime64"):
                dates = pd.to_datetime(column)
                frame[name] = dates.dt.as_unit("ns") if dates.dtype.kind == "M" else dates
            elif declared == "category":
                frame[name] = column.astype("category")
            elif declared.startswith("float") and not pd.api.types.is_float_dtype(column):
                frame[name] = column if pd.api.types.is_bool_dtype(column) else column.astype(np.dtype(declared))
        except (ValueError, TypeError) as error:
            raise UnreadableColumnError(name, f"it cannot be read as {declared}: {error}") from error
    return frame


def array_of(values: Sequence[Sequence[Any]]) -> np.ndarray[Any, Any]:
    """Make the array of a request's rows: numbers if all values are numbers or null, else Python objects.

    Args:
        values: n rows of k JSON values.

    Raises:
        ValueError: The rows are of different lengths.

    """
    if len({len(row) for row in values}) > 1:
        raise ValueError("not all rows have the same number of values")
    objects = np.array(values, dtype=object)
    kinds = {type(value) for value in objects.flat}
    if not kinds <= {int, float, bool, type(None)}:
        return objects
    return objects.astype(np.float64) if type(None) in kinds else np.array(values)


def answer(model: Any, given: Any, call: str = "predict") -> bytes:
    """Call a model and write its answer as a runtime does.

    Args:
        model: The fitted estimator, or a bare ``xgboost.Booster``.
        given: n rows × k columns. They are copied first: a model may change what it is given.
        call: How it is asked, as its framework says.

    Returns:
        The answer's JSON: ``prediction`` and, from classifiers with probabilities, ``probability``.

    """
    return written(outputs(model, given.copy(), call))


def written(columns: Mapping[str, Any]) -> bytes:
    """Write an answer as JSON.

    Args:
        columns: What a model returned for n rows, by the field of the answer.

    """
    values = list(zip(*map(values_of, columns.values()), strict=True))
    document = {"predictions": [{"fields": list(columns), "values": values}]}
    return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)


def arrays_of(column: Any) -> list[np.ndarray[Any, Any]]:
    """Return what a model returned as arrays: one, or one an output for probabilities of several outputs."""
    several = isinstance(column, list) and len(column) > 0 and getattr(column[0], "ndim", 0) > 1
    return [
        np.asarray(part.toarray() if hasattr(part, "toarray") else part) for part in (column if several else [column])
    ]


@contextmanager
def _importable(carrier: Carrier | None) -> Iterator[None]:
    """Let the package of a large model be imported within a block, as if it were installed."""
    if carrier is None:
        yield
        return
    sys.path.insert(0, str(carrier.folder))
    try:
        yield
    finally:
        sys.path.remove(str(carrier.folder))
        sys.modules.pop(carrier.module, None)


class FunctionRuntime:
    """A model as a function serves it.

    Args:
        package: What is stored of the function.

    Raises:
        ModelError: It raises when it is imported.

    """

    def __init__(self, package: Package) -> None:
        """Import the module, which loads the model."""
        module = ModuleType("deployed_function")
        source = gzip.decompress(package.path.read_bytes())
        what, next_step = "Importing the function", "See that the model can be unpickled."
        with user_code(what, next_step), _importable(package.carrier):
            exec(compile(source, "function.py", "exec"), module.__dict__)  # noqa: S102 - as the service does
        self._score = module.__dict__["score"]
        # A function of the user's own reads its payloads itself.
        self._function: ModelFunction = getattr(self._score, "__self__", None)  # type: ignore[assignment]  # not asked then

    def read(self, body: bytes) -> Any:
        """Return what the function calls the model with.

        Args:
            body: A request body with one block of rows.

        Raises:
            ValueError: The function would refuse the rows.

        """
        return self._function.read(orjson.loads(body)["input_data"][0])

    def answer(self, body: bytes, arrived: Any) -> bytes:
        """Return what the function answers to a request."""
        del arrived  # it may ask the model about parts of the rows
        return orjson.dumps(self._score(orjson.loads(body)), option=orjson.OPT_NON_STR_KEYS)
