"""ONNX: graphs in ``.onnx`` files, or as ``onnx.ModelProto``, which runtimes of their own serve.

Everything is read from the graph itself: neither ``onnx`` nor ``onnxruntime`` need be installed.
"""

from __future__ import annotations

import mmap
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import PackagingError, UnsupportedModelError
from wml_deployer.frameworks._file_model import FileModel
from wml_deployer.frameworks._inspection import roots
from wml_deployer.frameworks._protobuf import Message, text_of, texts_of
from wml_deployer.reports import Finding
from wml_deployer.schema import ClassLabel, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FILE", "is_model_proto", "model_of_file", "model_of_proto"]

FILE = "model.onnx"
"""What the graph is called in the archive, whatever its file is called here: so the same graph is the same version."""

_RUNTIMES = (("onnxruntime_1.17", 21, 10), ("onnxruntime_1.16", 19, 9))
"""Model types, with the newest opset and the newest version of the file format that each takes, newest first."""

_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "object",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}
"""pandas' names of the element types of tensors."""

# Numbers of the fields that are read; https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_MODEL = {"ir_version": 1, "graph": 7, "opset_import": 8}
_GRAPH = {"node": 1, "initializer": 5, "input": 11}
_NODE = {"op_type": 4, "attribute": 5}
_ATTRIBUTE = {"name": 1, "ints": 8, "strings": 9}
_VALUE = {"name": 1, "type": 2}
_TENSOR_TYPE = {"elem_type": 1, "shape": 2}
_TENSOR = {"name": 8, "external_data": 13}
_OPSET = {"domain": 1, "version": 2}

_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier", "ZipMap"})


def is_model_proto(value: object) -> bool:
    """Whether an object is an ``onnx.ModelProto``."""
    return type(value).__name__ == "ModelProto" and "onnx" in roots(value)


def model_of_proto(proto: Any) -> FileModel:
    """Describe an ``onnx.ModelProto``.

    Args:
        proto: The model, with its weights.

    Raises:
        UnsupportedModelError: Its weights are in other files, or it is too large to be one message.

    """
    try:
        content: bytes = proto.SerializeToString()
    except ValueError as error:  # 2 GB are the most that a message may have
        raise UnsupportedModelError(
            f"The ONNX model cannot be written: {error}",
            next_step="Save it with onnx.save(model, path, save_as_external_data=True), and pass the path.",
        ) from error
    graph = Message(content).message(_MODEL["graph"])
    if any(_locations(graph)):
        raise UnsupportedModelError(
            "The ONNX model keeps weights in other files, and an object does not tell where they are.",
            next_step="Pass the path of its .onnx file.",
        )
    return _described("the ONNX model", Message(content), {FILE: content})


def model_of_file(path: Path) -> FileModel:
    """Describe an ``.onnx`` file, with the files beside it in which it keeps weights.

    Raises:
        PackagingError: It is not an ONNX model, or a file with its weights is missing.

    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise PackagingError(f"{path} is empty.", next_step="Save the model again.") from error
        # Views of the file are left when this returns, and with the last of them the file is closed.
        model = Message(memoryview(content))
        try:
            locations = sorted(set(_locations(model.message(_MODEL["graph"]))))
            return _described(str(path), model, {FILE: path, **_beside(path, locations)})
        except (ValueError, UnicodeDecodeError) as error:
            if isinstance(error, PackagingError):
                raise
            raise PackagingError(
                f"{path} is not an ONNX model: {error}", next_step="Save it again, with onnx.save(model, path)."
            ) from error


def _described(source: str, model: Message, files: Mapping[str, Path | bytes]) -> FileModel:
    graph = model.message(_MODEL["graph"])
    inputs = list(_inputs(graph))
    if not inputs:
        raise ValueError("it has no graph with inputs")
    # Columns are inputs of one value a row each; a single tensor has columns without names.
    named = len(inputs) > 1 and all(len(shape) == 2 and shape[1] == 1 for _, _, shape in inputs)  # noqa: PLR2004
    fields = tuple(Field(name, dtype) for name, dtype, _ in inputs) if named else ()
    opsets = [(text_of(each, _OPSET["domain"]), each.integer(_OPSET["version"])) for each in _opsets(model)]
    opset = max((version for domain, version in opsets if domain in {"", "ai.onnx"}), default=0)
    form = model.integer(_MODEL["ir_version"])
    types = tuple(name for name, newest, newest_form in _RUNTIMES if opset <= newest and form <= newest_form)
    return FileModel(
        source,
        types or (_RUNTIMES[0][0],),
        files,
        Schema(fields, _classes(graph), named=named),
        findings=() if types else tuple(_too_new(opset, form)),
        frameworks=("onnxruntime", "pytorch-onnx"),
    )


def _too_new(opset: int, form: int) -> Iterator[Finding]:
    name, newest, newest_form = _RUNTIMES[0]
    if opset > newest:
        yield Finding(
            "error",
            "opset",
            f"the graph has opset {opset}, and the newest runtime ({name}) takes {newest}",
            f"Convert the model with target_opset={newest}, or opset_version={newest} in torch.onnx.export.",
        )
    if form > newest_form:
        yield Finding(
            "error",
            "ir_version",
            f"the file has version {form} of the format, and the newest runtime ({name}) takes {newest_form}",
            f"Set model.ir_version = {newest_form} before it is saved.",
        )


def _opsets(model: Message) -> Iterator[Message]:
    return model.messages(_MODEL["opset_import"])


def _inputs(graph: Message) -> Iterator[tuple[str, str, list[int]]]:
    """Yield name, dtype and shape of each input; a size that is not fixed is 0. Old graphs list weights as inputs."""
    weights = {_name_of(tensor) for tensor in graph.messages(_GRAPH["initializer"])}
    for value in graph.messages(_GRAPH["input"]):
        name = text_of(value, _VALUE["name"])
        if name in weights:
            continue
        tensor = value.message(_VALUE["type"]).message(1)
        sizes = tensor.message(_TENSOR_TYPE["shape"]).messages(1)
        yield name, _DTYPES.get(tensor.integer(_TENSOR_TYPE["elem_type"]), ""), [size.integer(1) for size in sizes]


def _name_of(tensor: Message) -> str:
    return text_of(tensor, _TENSOR["name"])


def _locations(graph: Message) -> Iterator[str]:
    """Yield the names of the files, beside that of the graph, in which it keeps weights."""
    for tensor in graph.messages(_GRAPH["initializer"]):
        for entry in tensor.messages(_TENSOR["external_data"]):
            if text_of(entry, 1) == "location":
                yield text_of(entry, 2)


def _beside(path: Path, locations: list[str]) -> dict[str, Path]:
    outside = [name for name in locations if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    missing = [name for name in locations if name not in outside and not (path.parent / name).is_file()]
    if outside or missing:
        raise PackagingError(
            f"{path} keeps weights in {', '.join(outside or missing)}, "
            f"{'outside its folder' if outside else 'and no such file is beside it'}.",
            next_step="Save it whole, with onnx.save(model, path); or put the files beside it.",
        )
    return {name: path.parent / name for name in locations}


def _classes(graph: Message) -> tuple[ClassLabel, ...]:
    """Return the labels of a classifier; none where the graph has several with other ones."""
    found = set()
    for node in graph.messages(_GRAPH["node"]):
        if text_of(node, _NODE["op_type"]) in _CLASSIFIERS:
            found |= {labels for each in node.messages(_NODE["attribute"]) if (labels := _labels(each))}
    return found.pop() if len(found) == 1 else ()


def _labels(attribute: Message) -> tuple[ClassLabel, ...]:
    # A forest has attributes of millions of values: only those of these names are read to their end.
    if not text_of(attribute, _ATTRIBUTE["name"]).startswith("classlabels_"):
        return ()
    texts = tuple(texts_of(attribute, _ATTRIBUTE["strings"]))
    return texts or tuple(_integers(attribute))


def _integers(attribute: Message) -> Iterator[int]:
    for number, value in attribute:
        if number == _ATTRIBUTE["ints"]:
            # One by one, or packed into one field of varints, which is how a message of fields without numbers looks.
            packed = [value] if isinstance(value, int) else _unpacked(value)
            yield from (each - (1 << 64) if each >> 63 else each for each in packed)


def _unpacked(content: memoryview) -> list[int]:
    values, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            values.append(value)
            value = shift = 0
    return values
