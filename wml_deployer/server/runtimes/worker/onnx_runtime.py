"""ONNX models, including those converted from PyTorch, LightGBM, CatBoost, TensorFlow and scikit-learn.

Each output of the model is a block of the response, with its name as ``id`` and without fields; the only output of a
``pytorch-onnx_*`` model has no ``id`` either (both recorded).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from wml_deployer.server.runtimes.archive import only_file, unzip
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import to_values
from wml_deployer.server.runtimes.worker.inputs import to_array
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks, require_width

if TYPE_CHECKING:
    from wml_deployer.server.runtimes.worker.registry import Request, Score

__all__ = ["load"]

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


def load(request: Request) -> Score:
    """Open an inference session on the processor.

    Raises:
        LoadError: There is not exactly one ``.onnx`` file, or ONNX Runtime cannot load it.

    """
    unzip(request.directory, request.bounds)
    path = only_file(request.directory, (".onnx",))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise LoadError("model_load_failed", f"ONNX Runtime cannot load the model: {error}") from error
    is_named = not request.model_type.startswith("pytorch-onnx") or len(session.get_outputs()) > 1
    return _Session(session, is_named=is_named).score


class _Session:
    """An inference session, and the conversion of payloads to its inputs."""

    def __init__(self, session: Any, *, is_named: bool) -> None:
        self._session = session
        self._is_named = is_named
        self._dtypes = {each.name: _DTYPES.get(each.type, np.float32) for each in session.get_inputs()}
        self._outputs = [each.name for each in session.get_outputs()]

    def score(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": [block for feed in self._feeds(payload) for block in self._run(feed)]}

    def _feeds(self, payload: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one feed for each block with all inputs, or one for all blocks if each of them is an input."""
        blocks = input_blocks(payload)
        if len(self._dtypes) > 1 and {block.id for block in blocks} == set(self._dtypes):
            return [{str(block.id): self._tensor(str(block.id), block.values) for block in blocks}]
        return [self._feed(block) for block in blocks]

    def _feed(self, block: Block) -> dict[str, Any]:
        if len(self._dtypes) == 1:
            (name,) = self._dtypes
            return {name: self._tensor(name, block.values)}
        fields = block.fields or list(self._dtypes)
        missing = [name for name in self._dtypes if name not in fields]
        if missing:
            raise PredictionError(
                400, "invalid_input_argument", f"The model's inputs {missing} are not among 'fields'."
            )
        require_width(block.values, len(fields))
        columns = {name: [[row[index]] for row in block.values] for index, name in enumerate(fields)}
        return {name: self._tensor(name, columns[name]) for name in self._dtypes}

    def _tensor(self, name: str, values: list[Any]) -> Any:
        dtype = self._dtypes[name]
        array = to_array(values)
        if array.dtype.kind == "O" and dtype is not np.str_:
            raise PredictionError(
                400, "invalid_input_argument", f"The model's input {name!r} takes numbers, but 'values' contains text."
            )
        return array.astype(dtype)

    def _run(self, feed: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            outputs = self._session.run(self._outputs, feed)
        except Exception as error:
            raise PredictionError(400, "invalid_input_argument", str(error)) from error
        blocks = [{"id": name, "values": _values(output)} for name, output in zip(self._outputs, outputs, strict=True)]
        return blocks if self._is_named else [{"values": block["values"]} for block in blocks]


def _values(output: Any) -> Any:
    """Convert arrays to lists; maps of class to probability are kept."""
    return to_values(output) if isinstance(output, np.ndarray) else output
