"""Read the rows of a sample: what ``score`` sends of them, and what the local model is called with.

``score`` and a sample share one reader, :func:`wml_deployer.payload.prepare`, which decides what counts as rows and
refuses the rest. The local model needs the same rows before they became JSON, as a DataFrame with the dtypes that the
caller gave them. A sample for a function of the user's own has payloads in place of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from wml_deployer._verification import user_code
from wml_deployer._verification.sample import Part, Rehearsal, Sample
from wml_deployer.errors import InvalidResponseError, ModelError, PayloadError
from wml_deployer.payload import decode, encode, other_frame, prepare
from wml_deployer.reports import Finding
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._verification.runtimes import FunctionRuntime

__all__ = ["MAX_ROWS", "SampleRows", "as_array", "read_rows", "rehearse_payloads", "thin_out"]

MAX_ROWS = 1000
"""More rows find nothing that these do not, and keep an unverified version at the endpoint for longer."""


@dataclass(frozen=True, eq=False)
class SampleRows:
    """The n rows of a sample, at most a thousand.

    Attributes:
        frame: n rows × k columns with the caller's dtypes, in the order in which they are sent.
        named: Whether the rows came with the names of their columns; otherwise the frame's columns are numbered.

    """

    frame: pd.DataFrame
    named: bool

    def encode(self, schema: Schema, frame: pd.DataFrame | None = None) -> bytes:
        """Return the request body of the rows, or of a frame made from them.

        Args:
            schema: The model's input, as ``score`` will know it.
            frame: Some of the rows; all of them if not given.

        Raises:
            PayloadError: A value cannot be sent.

        """
        rows = self.frame if frame is None else frame
        # Columns without names go by position.
        return encode(rows if self.named or schema.fields else rows.to_numpy(), schema=schema)


def read_rows(data: Any, schema: Schema, *, texts: bool = False) -> SampleRows:
    """Read the rows of a sample.

    Of more than a thousand rows a thousand are taken, evenly spread over all of them.

    Args:
        data: n rows × k fields, in any form that ``score`` takes.
        schema: The columns that the model was fitted on, if it names any.
        texts: Whether the model takes a series of texts: then a series or a flat list is n rows of one column.

    Raises:
        SchemaError: The columns are not those of the model.
        PayloadError: It holds no rows, or values that cannot be sent.

    """
    other = other_frame(data)
    if other is not None:
        other = other if len(other) <= MAX_ROWS else other.take(_spread(len(other)))
        prepare(other, schema=schema)  # refuses what a frame of pandas may hold
        data = other.to_pandas()
    if getattr(data, "ndim", 2) > 2:  # noqa: PLR2004 - rows and columns
        raise PayloadError(
            f"A sample of {data.ndim} dimensions is not a table, which is what such models are rehearsed with.",
            next_step="Give rows of k values, and let the model bring them into its own shape; or export it to ONNX.",
        )
    if texts and not isinstance(data, pd.DataFrame):
        series = pd.Series(data)
        data = series.to_frame("text" if series.name is None else series.name)
    data = thin_out(data)
    document = orjson.loads(prepare(data, schema=schema).encode())
    blocks = document["input_data"]
    if len(blocks) != 1 or not blocks[0]["values"]:
        raise PayloadError(
            "The sample holds no rows." if len(blocks) == 1 else f"The sample holds {len(blocks)} tables.",
            next_step="Give a few dozen rows of what the model was fitted on, as one table.",
        )
    names = blocks[0].get("fields")
    frame = _local_frame(data, names)
    if frame is None:
        frame = pd.DataFrame(blocks[0]["values"], columns=names)
    named = bool(schema.fields) or (names is not None and all(isinstance(label, str) for label in frame.columns))
    if names is not None:
        labels = pd.Index([str(label) for label in frame.columns], name=frame.columns.name)
        frame = frame.set_axis(labels, axis=1)[names]
    return SampleRows(frame.reset_index(drop=True), named)


def as_array(data: Any) -> np.ndarray[Any, Any]:
    """Return the rows of a sample as an array of n rows, of two or more dimensions.

    Raises:
        PayloadError: They are not numbers.

    """
    if isinstance(data, Mapping):
        blocks = data.get("input_data") or [{}]
        data = blocks[0].get("values", [])
    array: np.ndarray[Any, Any] = np.atleast_2d(np.asarray(thin_out(data)))
    if array.dtype.kind not in "biuf" or not array.size:
        raise PayloadError(
            "The sample is not a table or tensor of numbers.", next_step="Give as sample= rows that the module takes."
        )
    return array


def thin_out(data: Any) -> Any:
    """Take a thousand rows, evenly spread over all, where there are more."""
    # A mapping or a Series is one row, whatever its length.
    single = isinstance(data, Mapping | pd.Series) or getattr(data, "ndim", 2) == 1
    count = len(data) if hasattr(data, "__len__") and not single else 1
    if count <= MAX_ROWS:
        return data
    positions = _spread(count)
    if isinstance(data, pd.DataFrame):
        return data.iloc[positions]
    if isinstance(data, list | tuple):
        return [data[position] for position in positions]
    return data[positions] if isinstance(data, np.ndarray) else data


def _spread(count: int) -> list[int]:
    return [index * count // MAX_ROWS for index in range(MAX_ROWS)]


def _local_frame(data: Any, names: list[str] | None) -> pd.DataFrame | None:
    """Make a frame of rows of any kind but finished documents, of which only the JSON is known."""
    if isinstance(data, pd.DataFrame):
        return data.copy(deep=False)
    if isinstance(data, np.ndarray):
        records = data.reshape(-1)
        if data.dtype.names:
            return pd.DataFrame({name: records[name] for name in data.dtype.names})
        return pd.DataFrame(np.atleast_2d(data), columns=names).infer_objects()
    if isinstance(data, pd.Series | Mapping):
        data = [data]
    if not isinstance(data, list | tuple) or (isinstance(data[0], Mapping) and "input_data" in data[0]):
        return None
    rows = [row.to_dict() if isinstance(row, pd.Series) else row for row in data]
    if isinstance(rows[0], Mapping):
        return pd.DataFrame(rows)
    several = isinstance(rows[0], list | tuple | np.ndarray | pd.Index)
    return pd.DataFrame([list(row) for row in rows] if several else [rows], columns=names).infer_objects()


CORRECT_ANSWER = (
    "Give payloads that the function takes, and let it answer {'predictions': [{'fields': [...], 'values': [rows]}]}."
)


def rehearse_payloads(score: Callable[[dict[str, Any]], Any], payloads: Any, runtime: FunctionRuntime) -> Rehearsal:
    """Rehearse how a function of the user's own would answer a sample of payloads.

    Args:
        score: The function here.
        payloads: A payload, ``{"input_data": [...]}``, or a list of such; or n rows, which make one payload.
        runtime: The function as it is stored.

    """
    several = isinstance(payloads, list | tuple) and all(map(_is_payload, payloads))
    parts, findings = list[Part](), list[Finding]()
    for place, payload in enumerate(payloads if several else [payloads]):
        name, body = f"payload {place}", encode(payload)
        try:
            local = _local_answer(score, body)
        except (ModelError, InvalidResponseError) as error:
            finding = Finding("error", "sample", f"{name}: {error.message}", CORRECT_ANSWER)
            return Rehearsal(None, (finding,), error.__cause__)
        try:
            stored = runtime.answer(body, None)
        except Exception as error:  # noqa: BLE001 - the user's own code, without what it left behind here
            stored = f"{type(error).__name__}: {error}".encode()
        if stored == local:
            parts.append(Part(name, body, local))
            continue
        shown = stored[:200].decode(errors="replace")
        next_step = "Let it depend on its payload alone, and on what it defines or imports itself."
        findings.append(Finding("error", name, f"the function as it is stored answers otherwise: {shown}", next_step))
    return Rehearsal(Sample(tuple(parts), Schema()), tuple(findings))


def _local_answer(score: Callable[[dict[str, Any]], Any], body: bytes) -> bytes:
    """Call the function here.

    Raises:
        ModelError: It raises, or its answer cannot be written as JSON.
        InvalidResponseError: Its answer is not a table of predictions.

    """
    with user_code("The function", CORRECT_ANSWER):
        answer = orjson.dumps(score(orjson.loads(body)), option=orjson.OPT_NON_STR_KEYS)
    decode(answer)
    return answer


def _is_payload(value: object) -> bool:
    return isinstance(value, Mapping) and "input_data" in value
