"""TensorFlow SavedModels and Keras models.

The response of a Keras model has the fields ``prediction``, ``prediction_classes`` and ``probability``, in a block
named like the output layer; that of a SavedModel has a block without fields for each output of the serving signature
(both recorded).
"""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from wml_deployer.server.runtimes.archive import content_files, only_file, unpack_zip
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import to_values
from wml_deployer.server.runtimes.worker.inputs import to_array
from wml_deployer.server.runtimes.worker.payload import Block, input_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wml_deployer.server.runtimes.archive import Bounds
    from wml_deployer.server.runtimes.worker.registry import Request, Score

# TensorFlow reads this once, when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

__all__ = ["load"]

_KERAS = (".keras", ".h5", ".hdf5")
_HDF5 = b"\x89HDF"
_THRESHOLD = 0.5


def load(request: Request) -> Score:
    """Load a Keras file or a SavedModel.

    Raises:
        LoadError: The content is neither, or TensorFlow cannot load it.

    """
    _restore_names(request.directory, request.bounds)
    saved = next((path.parent for path in content_files(request.directory) if path.name == "saved_model.pb"), None)
    try:
        if saved is not None and not _is_keras_2(saved):
            return _signature(saved)
        return _keras(saved or only_file(request.directory, _KERAS))
    except LoadError:
        raise
    except Exception as error:
        raise LoadError("model_load_failed", f"TensorFlow cannot load the model: {error}") from error


def _restore_names(directory: Path, bounds: Bounds) -> None:
    """Add the suffix that Keras needs to a single uploaded file, which has lost its name, and unpack zip archives."""
    for path in list(content_files(directory)):
        if path.suffix == "" and _starts_with(path, _HDF5):
            path.rename(path.with_suffix(".h5"))
        elif path.suffix in {"", ".zip"} and zipfile.is_zipfile(path):
            if "model.weights.h5" in zipfile.ZipFile(path).namelist():
                path.rename(path.with_suffix(".keras"))
            else:
                unpack_zip(path, directory, bounds)
                path.unlink()


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _is_keras_2(saved: Path) -> bool:
    """Return whether a SavedModel is a Keras model that this version of TensorFlow can load as such."""
    # Older versions have no __version__.
    is_keras_2 = getattr(tf.keras, "__version__", "2").startswith("2")
    return is_keras_2 and (saved / "keras_metadata.pb").is_file()


def _keras(path: Path) -> Score:
    model = tf.keras.models.load_model(path, compile=False)
    dtypes = {tensor.name.partition(":")[0]: _dtype(tensor.dtype) for tensor in model.inputs}
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])

    def run(tensors: Mapping[str, Any]) -> list[dict[str, Any]]:
        outputs = model.predict_on_batch(list(tensors.values()) if len(tensors) > 1 else next(iter(tensors.values())))
        outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return [_keras_block(name, np.asarray(output)) for name, output in zip(names, outputs, strict=True)]

    return _scoring(dtypes, run)


def _keras_block(name: str, output: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return the block of an output; classes are indexes of the largest value, or whether the only one is over 0.5."""
    classes = output.argmax(axis=-1) if output.shape[-1] > 1 else (output > _THRESHOLD).astype(np.int32)
    values = to_values(output)
    rows = [list(row) for row in zip(values, to_values(classes), values, strict=True)]
    return {"id": name, "fields": ["prediction", "prediction_classes", "probability"], "values": rows}


def _signature(saved: Path) -> Score:
    loaded = tf.saved_model.load(str(saved))
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise LoadError(
            "invalid_model_content", f"The SavedModel has no signature 'serving_default', only {list(signatures)}."
        )
    function = signatures["serving_default"]
    dtypes = {name: _dtype(spec.dtype) for name, spec in function.structured_input_signature[1].items()}

    def run(tensors: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Keep the model alive: the function has only weak references to its variables.
        _ = loaded
        outputs = function(**{name: tf.constant(tensor) for name, tensor in tensors.items()})
        # The outputs of a signature have no order.
        return [{"id": name, "values": _text(output.numpy())} for name, output in sorted(outputs.items())]

    return _scoring(dtypes, run)


def _scoring(dtypes: Mapping[str, Any], run: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> Score:
    """Return the function that predicts each feed of a payload."""

    def score(payload: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": [block for feed in _feeds(input_blocks(payload), dtypes) for block in _run(run, feed)]}

    return score


def _run(run: Callable[[Mapping[str, Any]], list[dict[str, Any]]], feed: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return run(feed)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise PredictionError(400, "invalid_input_argument", str(error)) from error


def _feeds(blocks: list[Block], dtypes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a feed for each block, or one for all blocks if each is one input."""
    if len(dtypes) == 1:
        ((name, dtype),) = dtypes.items()
        return [{name: _tensor(name, block, dtype)} for block in blocks]
    by_id = {block.id: block for block in blocks}
    missing = [name for name in dtypes if name not in by_id]
    if missing:
        raise PredictionError(
            400, "invalid_input_argument", f"The model's inputs {missing} are not among the blocks' 'id'."
        )
    return [{name: _tensor(name, by_id[name], dtype) for name, dtype in dtypes.items()}]


def _tensor(name: str, block: Block, dtype: Any) -> Any:
    array = to_array(block.values)
    if array.dtype.kind == "O" and dtype is not np.object_:
        raise PredictionError(
            400, "invalid_input_argument", f"The model's input {name!r} takes numbers, but 'values' contains text."
        )
    return array.astype(dtype)


def _dtype(dtype: Any) -> Any:
    return tf.as_dtype(dtype).as_numpy_dtype


def _text(output: np.ndarray[Any, Any]) -> list[Any]:
    """Convert an output to lists; text is bytes in TensorFlow."""
    return to_values(np.char.decode(output.astype(np.bytes_), "utf-8") if output.dtype.kind == "O" else output)
