"""Keras models and SavedModels as they are stored, against TensorFlow itself."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import encode
from wml_deployer.server.runtimes.worker.payload import decode
from wml_deployer.server.runtimes.worker.registry import Request

tf = pytest.importorskip("tensorflow", reason="a quarter of a gigabyte, in a session of its own")

from wml_deployer.server.runtimes.worker.tensorflow_keras import load  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# TensorFlow and Keras warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = [[0.5, 0.0, 1.0], [-0.75, 1.0, 2.0]]


def answer_of(folder: Path, *blocks: dict[str, Any]) -> Any:
    """The blocks that answer some blocks, by default the one of ROWS."""
    score = load(Request(folder, "tensorflow_rt24.1", "runtime-24.1-py3.11", Bounds(2**25, 100)))
    return decode(encode(score({"input_data": list(blocks) or [{"values": ROWS}]})))["predictions"]


def network(units: int, activation: str) -> Any:
    """A tiny Keras model of one layer named by what it does."""
    layers = [tf.keras.Input(shape=(3,)), tf.keras.layers.Dense(units, activation=activation, name=activation)]
    return tf.keras.Sequential(layers)


def predicted(model: Any) -> list[list[float]]:
    """What Keras itself answers."""
    rows: list[list[float]] = model.predict_on_batch(np.array(ROWS, dtype=np.float32)).tolist()
    return rows


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("keeps_its_name", [True, False])
def test_keras_file_is_found_by_what_it_holds(name: str, keeps_its_name: bool, tmp_path: Path) -> None:
    """Both formats, in an archive or uploaded as a single file."""
    model = network(4, "softmax")
    model.save(tmp_path / name)
    if not keeps_its_name:
        (tmp_path / name).rename(tmp_path / "content")
    expected = [[row, int(np.argmax(row)), row] for row in predicted(model)]

    assert [
        {"id": "softmax", "fields": ["prediction", "prediction_classes", "probability"], "values": expected}
    ] == answer_of(tmp_path)


def test_single_output_has_classes_of_zero_and_one(tmp_path: Path) -> None:
    """Prediction, class and probability are lists of one, as recorded."""
    model = network(1, "sigmoid")
    model.save(tmp_path / "model.keras")
    expected = [[row, [int(row[0] > 0.5)], row] for row in predicted(model)]

    assert expected == answer_of(tmp_path)[0]["values"]


def test_zipped_keras_file_is_unpacked(tmp_path: Path) -> None:
    """IBM's samples upload keras_model.h5.zip."""
    model = network(4, "softmax")
    model.save(tmp_path / "keras_model.h5")
    with zipfile.ZipFile(tmp_path / "content", "w") as archive:
        archive.write(tmp_path / "keras_model.h5", "keras_model.h5")
    (tmp_path / "keras_model.h5").unlink()

    assert predicted(model) == [row[0] for row in answer_of(tmp_path)[0]["values"]]


class Module(tf.Module):  # type: ignore[misc, name-defined]
    """A model with two outputs, one of text."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="rows")])  # type: ignore[untyped-decorator]
    def serve(self, rows: Any) -> dict[str, Any]:
        """Answer the column of the largest value, as a number and as text."""
        classes = tf.argmax(rows, axis=1)
        return {"classes": classes, "names": tf.strings.as_string(classes)}


def test_saved_model_answers_a_block_an_output(tmp_path: Path) -> None:
    """Blocks are named by the outputs, without fields; values are flat where the output is; bytes are text."""
    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.serve)

    assert [{"id": "classes", "values": [2, 2]}, {"id": "names", "values": ["2", "2"]}] == answer_of(tmp_path)


def test_saved_keras_model_answers_with_its_signature(tmp_path: Path) -> None:
    """Keras exports a SavedModel with a serving signature."""
    model = network(4, "softmax")
    model.export(str(tmp_path / "saved"))
    (block,) = answer_of(tmp_path)

    assert np.allclose(predicted(model), block["values"], atol=1e-6)


@pytest.mark.skipif(
    getattr(tf.keras, "__version__", "2.14").startswith("3."), reason="Keras 3 does not read SavedModels"
)
def test_saved_model_of_keras_2_answers_as_keras_does(tmp_path: Path) -> None:
    """IBM's client saves Keras models this way."""
    model = network(4, "softmax")
    model.save(tmp_path / "saved", save_format="tf")
    (block,) = answer_of(tmp_path)

    assert ["prediction", "prediction_classes", "probability"] == block["fields"]


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    """The folder of a model that adds two inputs."""
    left, right = tf.keras.Input(shape=(1,), name="left"), tf.keras.Input(shape=(1,), name="right")
    tf.keras.Model([left, right], tf.keras.layers.Add(name="sum")([left, right])).save(tmp_path / "model.keras")
    return tmp_path


def test_several_inputs_are_a_block_each(two_inputs: Path) -> None:
    """Blocks say by their id which input they are for."""
    blocks = {"id": "right", "values": [[2.0]]}, {"id": "left", "values": [[1.5]]}

    assert [3.5] == answer_of(two_inputs, *blocks)[0]["values"][0][0]


def test_missing_input_is_named(two_inputs: Path) -> None:
    """The error says which input no block is for."""
    with pytest.raises(PredictionError, match=r"inputs \['right'\]"):
        answer_of(two_inputs, {"id": "left", "values": [[1.5]]})


@pytest.mark.parametrize(("values", "words"), [([[1.0]], "shape"), ([["a", "b", "c"]], "takes numbers")])
def test_wrong_values_are_refused(values: list[Any], words: str, tmp_path: Path) -> None:
    """TensorFlow's own words where it has any."""
    network(4, "softmax").save(tmp_path / "model.keras")

    with pytest.raises(PredictionError, match=words) as caught:
        answer_of(tmp_path, {"values": values})

    assert (400, "invalid_input_argument") == (caught.value.status, caught.value.code)


def test_damaged_file_is_a_load_error(tmp_path: Path) -> None:
    """TensorFlow's own words are passed on."""
    (tmp_path / "model.h5").write_bytes(b"\x89HDF and no more")

    with pytest.raises(LoadError, match="TensorFlow cannot load the model"):
        answer_of(tmp_path)


def test_model_is_served_by_a_worker(serving: Callable[..., Any], tmp_path: Path) -> None:
    """TensorFlow starts within the limits of a worker process."""
    model = network(4, "softmax")
    model.save(tmp_path / "model.keras")
    with serving(tmp_path / "model.keras", tmp_path, model_type="tensorflow_rt24.1") as served:
        (block,) = served.predict(ROWS)["predictions"]

    assert np.allclose(predicted(model), [row[2] for row in block["values"]], atol=1e-6)
