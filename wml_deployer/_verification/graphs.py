"""Rehearse models in their framework's own format, whose runtimes take tensors in place of frames.

An ONNX graph is run here by ONNX Runtime, where that is installed, as the service runs it: on a processor, in the types
of the graph. What it answers to all rows is what a deployment must answer; what it answers to parts of them must be the
same, which a graph for a fixed number of rows does not do. Of all others, and without ONNX Runtime, only the deployment
itself can tell: it must answer each part of the sample, and a part as it answers the same rows among all.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from wml_deployer._functions.outputs import values_of
from wml_deployer._verification import user_code
from wml_deployer._verification.agreement import agree
from wml_deployer._verification.rows import thin_out
from wml_deployer._verification.runtimes import array_of
from wml_deployer._verification.sample import UNKNOWN, Part, Rehearsal, Sample
from wml_deployer.errors import InvalidResponseError, ModelError, WMLDeployerError
from wml_deployer.frameworks._onnx import FILE
from wml_deployer.payload import decode, prepare
from wml_deployer.payload._document import InputDocument
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wml_deployer.frameworks._file_model import FileModel
    from wml_deployer.payload._table import Table

__all__ = ["OnnxRuntime", "rehearse_file"]

ALONE_ROWS = 5
"""Rows that travel alone, evenly spread over the sample."""

_SEVERAL = 3

SINGLE_PRECISION = 1e-5
"""How far a graph may be from what it was made from, relative to a value's size, or absolutely below one."""

_DTYPES: dict[str, type] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64,
    "tensor(uint32)": np.uint32,
    "tensor(uint16)": np.uint16,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.str_,
}

CORRECT_SAMPLE = "Give as sample= rows that the graph takes: as many values a row as its input has, of its type."


def rehearse_file(model: FileModel, rows: Any, original: Sequence[np.ndarray[Any, Any]] | None = None) -> Rehearsal:
    """Rehearse how the service would answer a sample.

    Args:
        model: The model.
        rows: n rows in any form that ``score`` takes, tensors of more dimensions among them.
        original: What the model answers to them that a graph was made from, an array for each output.

    Raises:
        PayloadError: The rows cannot be sent.

    """
    table = prepare(rows if _is_document(rows) else thin_out(rows), schema=model.schema)
    parts = list(_parts(table))
    graph = model.files.get(FILE)
    if graph is None or find_spec("onnxruntime") is None:
        unknown = tuple(Part(name, body, UNKNOWN, places) for name, body, places in parts)
        return Rehearsal(Sample(unknown, model.schema), (_unrehearsed(graph is not None),))
    try:
        runtime = OnnxRuntime(graph)
        if original is not None:
            _compare(runtime.outputs(parts[0][1]), original)
        answers = [runtime.answer(body) for _, body, _ in parts[:1]]
        whole = decode(answers[0], classes=model.schema.classes)
    except (ModelError, InvalidResponseError) as error:
        finding = Finding("error", "sample", error.message, error.next_step or CORRECT_SAMPLE)
        return Rehearsal(None, (finding,), error.__cause__)
    played = [Part(parts[0][0], parts[0][1], answers[0], parts[0][2])]
    for name, body, places in parts[1:]:
        try:
            answered = runtime.answer(body)
            alike = agree(
                decode(answered, classes=model.schema.classes), whole.iloc[list(places)].reset_index(drop=True)
            )
            problem = None if alike else f"{name} is answered otherwise than among all rows of the sample"
        except WMLDeployerError as error:
            problem = f"{name} is refused, and all rows together are not: {error.message}"
        if problem is not None:
            next_step = "Convert the model for any number of rows, with a dynamic first axis."
            return Rehearsal(None, (Finding("error", "rows", problem, next_step),))
        played.append(Part(name, body, answered, places))
    return Rehearsal(Sample(tuple(played), model.schema))


def _compare(exported: Sequence[Any], original: Sequence[np.ndarray[Any, Any]]) -> None:
    """Compare a graph with what it was made from.

    Raises:
        ModelError: They differ by more than single precision explains.

    """
    if len(exported) == len(original):
        apart = [
            float(np.max(np.abs(theirs - ours) / np.maximum(1.0, np.abs(ours)), initial=0.0))
            if theirs.shape == ours.shape
            else np.inf
            for theirs, ours in zip(exported, original, strict=True)
        ]
        if max(apart) <= SINGLE_PRECISION:
            return
    raise ModelError("The exported graph answers otherwise than the module.", next_step="Give route='function'.")


def _is_document(rows: Any) -> bool:
    return isinstance(rows, dict) and "input_data" in rows


def _parts(table: Table | InputDocument) -> Iterator[tuple[str, bytes, tuple[int, ...]]]:
    """Yield the requests of a sample: all rows, each half, and rows alone."""
    count = table.rows
    if isinstance(table, InputDocument):
        yield "the sample", table.encode(), ()
        return
    yield "all rows", table.encode(), tuple(range(count))
    if count > _SEVERAL:
        yield "the first half", table.encode(0, count // 2), tuple(range(count // 2))
        yield "the second half", table.encode(count // 2, count), tuple(range(count // 2, count))
    if count > 1:
        for place in sorted({index * count // ALONE_ROWS for index in range(ALONE_ROWS)}):
            yield f"row {place} alone", table.encode(place, place + 1), (place,)


def _unrehearsed(is_onnx: bool) -> Finding:
    problem = "the model is not run here, so only the deployment tells what it answers: it must answer the sample, and "
    problem += "a row alone as among the others"
    if is_onnx:
        return Finding(
            "warning", "sample", problem, "Install ONNX Runtime to rehearse it here: pip install onnxruntime"
        )
    return Finding(
        "warning", "sample", problem, "Compare the scores of some rows with the model's own, once it is live."
    )


class OnnxRuntime:
    """A graph as the service runs it.

    Args:
        graph: Its file, or its content.

    Raises:
        ModelError: ONNX Runtime cannot load it.

    """

    def __init__(self, graph: Path | bytes) -> None:
        """Load it."""
        import onnxruntime  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - an extra

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it refuses is raised as well
        with user_code("ONNX Runtime", "Convert the model again, and see that onnxruntime loads it."):
            self._session: Any = onnxruntime.InferenceSession(
                str(graph) if isinstance(graph, Path) else graph, options, providers=["CPUExecutionProvider"]
            )
        self._inputs = {each.name: _DTYPES.get(each.type, np.float32) for each in self._session.get_inputs()}
        self._outputs = [each.name for each in self._session.get_outputs()]

    def answer(self, body: bytes) -> bytes:
        """Return the answer to a request: a block for each output.

        Raises:
            ModelError: The graph does not take the rows.

        """
        predictions = [
            {"id": name, "values": values_of(output) if isinstance(output, np.ndarray) else output}
            for name, output in zip(self._outputs, self.outputs(body), strict=True)
        ]
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_NON_STR_KEYS)

    def outputs(self, body: bytes) -> list[Any]:
        """Return what the graph makes of a request: an array for each output, or maps of class to probability.

        Raises:
            ModelError: It does not take the rows.

        """
        blocks = orjson.loads(body)["input_data"]
        with user_code("The graph", CORRECT_SAMPLE):
            outputs: list[Any] = self._session.run(self._outputs, self._feed(blocks))
        return outputs

    def _feed(self, blocks: list[dict[str, Any]]) -> dict[str, Any]:
        """Give each input its tensor: the whole block, a column of it, or a block of its own."""
        if len(self._inputs) == 1:
            ((name, dtype),) = self._inputs.items()
            return {name: _tensor(blocks[0]["values"], dtype)}
        by_id = {block.get("id"): block["values"] for block in blocks}
        if by_id.keys() == self._inputs.keys():
            return {name: _tensor(by_id[name], dtype) for name, dtype in self._inputs.items()}
        fields = blocks[0].get("fields") or list(self._inputs)
        columns = pd.DataFrame(blocks[0]["values"], columns=fields, dtype=object)
        return {name: _tensor(columns[[name]].to_numpy().tolist(), dtype) for name, dtype in self._inputs.items()}


def _tensor(values: list[Any], dtype: type) -> Any:
    array = np.array(values) if _depth(values) > 2 else array_of(values)  # noqa: PLR2004 - rows and columns
    if array.dtype.kind in "OU" and dtype is not np.str_:
        raise ValueError("its input takes numbers, and there is text among the values")
    return array.astype(dtype)


def _depth(values: Any) -> int:
    return 1 + _depth(values[0]) if isinstance(values, list) and values else 0
