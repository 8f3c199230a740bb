"""ONNX models as IBM's samples convert and score them, against the models that they were converted from."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import onnx
import onnxmltools
import pandas as pd
import pytest
import skl2onnx
from onnx import TensorProto, helper
from onnxmltools.convert.common.data_types import FloatTensorType as LightGBMFloats
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.answers import encode
from wml_deployer.server.runtimes.worker.onnx_runtime import load
from wml_deployer.server.runtimes.worker.payload import decode
from wml_deployer.server.runtimes.worker.registry import Request

if TYPE_CHECKING:
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(90, 3))
LABELS = np.digitize(ROWS[:, 0], [-0.5, 0.5])
SCORED = [[0.5, 0.0, 1.0], [-0.75, 1.0, 2.0]]
FLOATS = [("input", FloatTensorType([None, 3]))]


def answer_of(model: Any, folder: Path, *blocks: dict[str, Any], model_type: str = "onnxruntime_1.16") -> Any:
    """The blocks that answer some blocks, by default the one of SCORED."""
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    score = load(Request(folder, model_type, "onnxruntime_opset_19", Bounds(2**20, 10)))
    return decode(encode(score({"input_data": list(blocks) or [{"values": SCORED}]})))["predictions"]


def network(*outputs: str, rank: int = 2) -> onnx.ModelProto:
    """A model each of whose outputs doubles its one input."""
    shape: list[str | int | None] = ["rows", *[3] * (rank - 1)]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("input", *outputs)]
    nodes = [helper.make_node("Add", ["input", "input"], [name]) for name in outputs]
    graph = helper.make_graph(nodes, "doubles", info[:1], info[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_converted_classifier_answers_maps_of_probabilities(tmp_path: Path) -> None:
    """scikit-learn's converter names two outputs; the second is a map of class to probability a row."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(ROWS, LABELS)
    label, probability = answer_of(skl2onnx.convert_sklearn(model, initial_types=FLOATS), tmp_path)

    expected = [{str(index): value for index, value in enumerate(row)} for row in model.predict_proba(SCORED)]

    assert {"id": "output_label", "values": model.predict(SCORED).tolist()} == label
    assert "output_probability" == probability["id"]
    assert [pytest.approx(row) for row in expected] == probability["values"]


@pytest.mark.parametrize("name", ["model.zip", "content"])
def test_a_model_in_a_zip_archive_is_served(name: str, tmp_path: Path) -> None:
    """IBM's samples for converters zip the models; what is uploaded as a single file has lost its name."""
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("folder/model.onnx", network("doubled").SerializeToString())
    score = load(Request(tmp_path, "onnxruntime_1.17", "onnxruntime_opset_21", Bounds(2**20, 10)))
    answer = decode(encode(score({"input_data": [{"values": SCORED}]})))["predictions"]

    assert [{"id": "doubled", "values": [[2 * value for value in row] for row in SCORED]}] == answer


def test_a_damaged_zip_archive_fails_to_load(tmp_path: Path) -> None:
    """It is told as such."""
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("model.onnx", network("doubled").SerializeToString())
    content = bytearray((tmp_path / "model.zip").read_bytes())
    content[60] ^= 255
    (tmp_path / "model.zip").write_bytes(content)

    with pytest.raises(LoadError, match="cannot be unpacked"):
        load(Request(tmp_path, "onnxruntime_1.17", "onnxruntime_opset_21", Bounds(2**20, 10)))


def test_converted_lightgbm_answers_labels_and_probabilities(tmp_path: Path) -> None:
    """LightGBM through ONNX has a flat block of labels and a block of rows of probabilities."""
    model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, verbose=-1, n_jobs=1).fit(ROWS, LABELS)
    converted = onnxmltools.convert_lightgbm(model, initial_types=[("input", LightGBMFloats([None, 3]))], zipmap=False)
    label, probabilities = answer_of(converted, tmp_path)

    assert {"id": "label", "values": np.asarray(model.predict(np.array(SCORED))).tolist()} == label
    assert "probabilities" == probabilities["id"]
    assert np.allclose(model.predict_proba(np.array(SCORED)), probabilities["values"], atol=1e-6)


def test_catboost_writes_what_is_served(tmp_path: Path) -> None:
    """CatBoost converts itself: a regressor answers a list of one a row, a classifier labels and probabilities."""
    catboost = pytest.importorskip("catboost", reason="a hundred megabytes, in a session of its own")
    settings = {"iterations": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    regressor = catboost.CatBoostRegressor(**settings).fit(ROWS, ROWS[:, 0])
    classifier = catboost.CatBoostClassifier(**settings).fit(ROWS, LABELS)
    for name, model in (("regressor.onnx", regressor), ("classifier.onnx", classifier)):
        model.save_model(str(tmp_path / name), format="onnx")

    (numbers,) = answer_of(onnx.load(tmp_path / "regressor.onnx"), make_folder(tmp_path / "first"))
    label, probabilities = answer_of(onnx.load(tmp_path / "classifier.onnx"), make_folder(tmp_path / "second"))

    assert "predictions" == numbers["id"]
    assert np.allclose(regressor.predict(SCORED).reshape(-1, 1), numbers["values"], atol=1e-5)
    assert {"id": "label", "values": classifier.predict(SCORED).ravel().tolist()} == label
    told = [[row[str(index)] for index in range(3)] for row in probabilities["values"]]
    assert np.allclose(classifier.predict_proba(SCORED), told, atol=1e-5)


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_converted_regressor_answers_rows(tmp_path: Path) -> None:
    """A prediction a row is a list of one."""
    model = LinearRegression().fit(ROWS, ROWS @ [1.0, 2.0, 3.0])
    (answer,) = answer_of(skl2onnx.convert_sklearn(model, initial_types=FLOATS), tmp_path)

    assert ["id", "values"] == list(answer)
    assert np.allclose(model.predict(SCORED).reshape(-1, 1), answer["values"], atol=1e-5)


def test_pytorch_model_answers_without_id(tmp_path: Path) -> None:
    """The one output of a model stored as pytorch-onnx has values alone."""
    assert [{"values": [[1.0, 0.0, 2.0], [-1.5, 2.0, 4.0]]}] == answer_of(
        network("output"), tmp_path, model_type="pytorch-onnx_2.1"
    )


def test_tensors_of_any_rank_go_in_and_out(tmp_path: Path) -> None:
    """An image is a list of lists a row."""
    values = [[[1.0, 2.0, 3.0]] * 3]

    assert [{"id": "output", "values": [[[2.0, 4.0, 6.0]] * 3]}] == answer_of(
        network("output", rank=3), tmp_path, {"values": values}
    )


def test_each_block_is_a_run(tmp_path: Path) -> None:
    """Two blocks of input for two outputs are four blocks of answer."""
    blocks = answer_of(network("first", "second"), tmp_path, {"values": SCORED[:1]}, {"values": SCORED[1:]})

    assert [("first", 1.0), ("second", 1.0), ("first", -1.5), ("second", -1.5)] == [
        (block["id"], block["values"][0][0]) for block in blocks
    ]


@pytest.fixture
def mixed(tmp_path: Path) -> Any:
    """A pipeline converted with an input a column, as a function of the blocks that it scores."""
    frame = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "city": ["Recife", "Natal", "Recife", "Natal"]})
    columns = make_column_transformer(
        (OneHotEncoder(), ["city"]), remainder="passthrough", force_int_remainder_cols=False
    )
    model = make_pipeline(columns, DecisionTreeClassifier(random_state=0)).fit(frame, [0, 1, 1, 0])
    types = [("age", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=types, options={"zipmap": False})
    return lambda *blocks: answer_of(converted, tmp_path, *blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        [{"fields": ["city", "age"], "values": [["Recife", 20.0], ["Recife", 40.0]]}],
        [{"values": [[20.0, "Recife"], [40.0, "Recife"]]}],
        [{"id": "age", "values": [[20.0], [40.0]]}, {"id": "city", "values": [["Recife"], ["Recife"]]}],
    ],
    ids=["by fields", "by position", "by block"],
)
def test_several_inputs_are_found(blocks: list[dict[str, Any]], mixed: Any) -> None:
    """Inputs are the columns of one block, or a block each."""
    assert [0, 1] == mixed(*blocks)[0]["values"]


def test_missing_input_is_named(mixed: Any) -> None:
    """The error says which input the fields lack."""
    with pytest.raises(PredictionError, match=r"model's inputs \['city'\] are not among 'fields'"):
        mixed({"fields": ["age"], "values": [[20.0]]})


def test_text_for_numbers_is_refused(tmp_path: Path) -> None:
    """The input is named."""
    with pytest.raises(PredictionError, match="'input' takes numbers"):
        answer_of(network("output"), tmp_path, {"values": [["a", "b", "c"]]})


def test_wrong_shape_is_refused_in_the_runtimes_words(tmp_path: Path) -> None:
    """ONNX Runtime says what it got and what it expected."""
    with pytest.raises(PredictionError, match=r"Got: 2 Expected: 3") as caught:
        answer_of(network("output"), tmp_path, {"values": [[1.0, 2.0]]})

    assert (400, "invalid_input_argument") == (caught.value.status, caught.value.code)


def test_file_that_is_no_model_is_a_load_error(tmp_path: Path) -> None:
    """ONNX Runtime's own words are passed on."""
    (tmp_path / "model.onnx").write_bytes(b"no protobuf")

    with pytest.raises(LoadError, match="ONNX Runtime cannot load the model"):
        load(Request(tmp_path, "onnxruntime_1.16", "onnxruntime_opset_19", Bounds(2**20, 10)))
