"""Models that answer in the shape of a recording, as a client would upload them."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

from tests.server.conftest import archive

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = np.random.default_rng(7).normal(size=(60, 4))
LABELS = (ROWS[:, 0] > 0).astype(int)


def labelled_by_text() -> bytes:
    """A classifier with text labels and probabilities."""
    return archive(LogisticRegression(solver="newton-cg").fit(ROWS, np.where(LABELS, "Risk", "No Risk")))


def labelled_by_number() -> bytes:
    """A classifier with number labels and probabilities."""
    return archive(LogisticRegression(solver="newton-cg").fit(ROWS, LABELS))


def without_probability() -> bytes:
    """A classifier that has no probabilities."""
    return archive(SVC().fit(ROWS, LABELS))


def regressor() -> bytes:
    """A regressor with one output."""
    return archive(LinearRegression().fit(ROWS, ROWS[:, 0]))


def regressor_of_tables() -> bytes:
    """A regressor whose predictions are a table of one column."""
    return archive(LinearRegression().fit(ROWS, ROWS[:, :1]))


def function(recorded: dict[str, Any]) -> bytes:
    """A function that answers what was recorded."""
    answer = json.dumps(json.dumps({"predictions": recorded["predictions"]}))
    source = f"import json\n\ndef score(payload):\n    return json.loads({answer})\n"
    return gzip.compress(source.encode())


def network(recorded: dict[str, Any]) -> bytes:
    """An ONNX model with outputs named and shaped as the recorded blocks are."""
    nodes, outputs = [], []
    for number, block in enumerate(recorded["predictions"]):
        name, first = block.get("id", f"output {number}"), block["values"][0]
        if isinstance(first, dict):
            nodes.append(
                helper.make_node("ZipMap", ["input"], [name], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3])
            )
            value = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
            outputs.append(helper.make_value_info(name, helper.make_sequence_type_proto(value)))
        elif isinstance(first, list):
            nodes.append(helper.make_node("Identity", ["input"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 4]))
        else:
            nodes.append(helper.make_node("ArgMax", ["input"], [name], axis=1, keepdims=0))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, ["rows"]))
    entry = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 4])]
    graph = helper.make_graph(nodes, "recorded", entry, outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return content


def saved(save: Callable[[Path], None]) -> bytes:
    """What a framework has written into an empty folder, packed as the clients pack it."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=packed, mode="w:gz") as archive:
        save(Path(folder))
        for path in Path(folder).iterdir():
            archive.add(path, path.name)
    return packed.getvalue()


def keras_digits(recorded: dict[str, Any]) -> bytes:
    """A Keras classifier of ten classes, whose last layer has the recorded name."""
    keras = pytest.importorskip("tensorflow", reason="a quarter of a gigabyte, in a session of its own").keras
    last = keras.layers.Dense(10, activation="softmax", name=recorded["predictions"][0].get("id", "dense_2"))
    model = keras.Sequential([keras.Input(shape=(4,)), last])
    return saved(lambda folder: model.save(folder / "model.keras"))


def saved_digits(recorded: dict[str, Any]) -> bytes:
    """A SavedModel whose signature has the recorded outputs."""
    tf = pytest.importorskip("tensorflow", reason="a quarter of a gigabyte, in a session of its own")

    def outputs(rows: Any) -> dict[str, Any]:
        scores = tf.tile(rows, [1, 3])[:, :10]
        ordered = tf.strings.as_string(tf.argsort(scores, direction="DESCENDING"))
        several = {"scores": scores, "classes": ordered}
        return several if len(recorded["predictions"]) > 1 else {"classes": tf.argmax(scores, axis=1)}

    module = tf.Module()
    module.serve = tf.function(outputs, input_signature=[tf.TensorSpec([None, 4], tf.float32, name="rows")])
    return saved(lambda folder: tf.saved_model.save(module, str(folder / "saved"), signatures=module.serve))


def iris_tree(recorded: dict[str, Any]) -> bytes:
    """A PMML document of a tree with the recorded output fields."""
    if shutil.which("java") is None:
        pytest.skip("needs a Java runtime")
    features = {"$R": "predictedValue", "$RC": "probability", "$RP": "probability", "$RI": "entityId"}
    species = ("setosa", "versicolor", "virginica")
    outputs = []
    for field in recorded["predictions"][0]["fields"]:
        start, _, name = field.partition("-")
        kind = 'optype="continuous" dataType="double"' if start in ("$RC", "$RP") else 'optype="categorical"'
        value = f' value="{name}"' if name in species else ""
        outputs.append(f'<OutputField name="{field}" {kind} feature="{features[start]}"{value}/>')
    nodes = [
        f'<Node id="{number}" score="{name}" recordCount="50">'
        f'<SimplePredicate field="length" operator="lessOrEqual" value="{limit}"/>'
        + "".join(f'<ScoreDistribution value="{other}" recordCount="{50 * (other == name)}"/>' for other in species)
        + "</Node>"
        for number, (name, limit) in enumerate(zip(species, (2.45, 4.75, 9.9), strict=True), start=1)
    ]
    columns = ("length", "width", "height", "depth")
    document = f"""<?xml version="1.0" encoding="UTF-8"?>
<PMML version="4.2" xmlns="http://www.dmg.org/PMML-4_2"><Header/><DataDictionary>
{"".join(f'<DataField name="{name}" optype="continuous" dataType="double"/>' for name in columns)}
<DataField name="Species" optype="categorical" dataType="string">
{"".join(f'<Value value="{name}"/>' for name in species)}</DataField></DataDictionary>
<TreeModel functionName="classification"><MiningSchema>
{"".join(f'<MiningField name="{name}"/>' for name in columns)}
<MiningField name="Species" usageType="target"/></MiningSchema><Output>{"".join(outputs)}</Output>
<Node id="0" score="setosa" recordCount="150"><True/>{"".join(nodes)}</Node></TreeModel></PMML>"""
    return document.encode()


SKLEARN = ("scikit-learn_1.6", "runtime-25.1-py3.12")
ONNX = ("onnxruntime_1.16", "onnxruntime_opset_19")

KERAS = ("tensorflow_rt24.1", "runtime-24.1-py3.11")

#: Type, software specification and content by recording.
RECIPES: dict[str, Any] = {
    "autoai__1": (*SKLEARN, labelled_by_text),
    "autoai__2": (*SKLEARN, labelled_by_text),
    "autoai_timeseries__1": (*SKLEARN, regressor_of_tables),
    "autoai_timeseries__2": (*SKLEARN, regressor),
    "autoai_ts_anomaly__1": (*SKLEARN, regressor_of_tables),
    **dict.fromkeys(("keras__1", "keras__2", "keras_horovod__1"), (*KERAS, keras_digits)),
    **dict.fromkeys(("keras_export_import__1", "keras_export_import__2"), (*KERAS, keras_digits)),
    "onnx_catboost_regressor__1": (*ONNX, network),
    "onnx_lightgbm__1": (*ONNX, network),
    "onnx_pytorch__1": (*ONNX, network),
    "onnx_sklearn_zipmap__1": (*ONNX, network),
    "onnx_tensorflow__1": (*ONNX, network),
    "onnx_xgboost__1": (*ONNX, network),
    "pmml__1": ("pmml_4.2.1", "pmml-3.0_4.3", iris_tree),
    "pytorch_onnx__1": ("pytorch-onnx_2.1", "runtime-24.1-py3.11", network),
    "sklearn_custom_library_regressor__1": (*SKLEARN, regressor),
    "sklearn_pipeline_strings__1": (*SKLEARN, labelled_by_text),
    "sklearn_regressor__1": (*SKLEARN, regressor),
    "sklearn_svc_no_proba__1": (*SKLEARN, without_probability),
    **dict.fromkeys(("tensorflow_savedmodel__1", "tensorflow_savedmodel__2"), (*KERAS, saved_digits)),
    "tensorflow_two_blocks__1": (*KERAS, saved_digits),
    "xgboost_sklearn_api__1": (*SKLEARN, labelled_by_number),
    "xgboost_sklearn_api__2": (*SKLEARN, labelled_by_number),
}
