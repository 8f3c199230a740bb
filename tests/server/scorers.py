"""Models that answer in the shape of a recording, as a client would upload them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
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


Recipe = tuple[str, str, "Callable[[], bytes] | Callable[[dict[str, Any]], bytes]"]
SKLEARN = ("scikit-learn_1.6", "runtime-25.1-py3.12")
ONNX = ("onnxruntime_1.16", "onnxruntime_opset_19")

#: Type, software specification and content by recording.
RECIPES: dict[str, Any] = {
    "autoai__2": (*SKLEARN, labelled_by_text),
    "autoai_timeseries__1": (*SKLEARN, regressor_of_tables),
    "autoai_timeseries__2": (*SKLEARN, regressor),
    "autoai_ts_anomaly__1": (*SKLEARN, regressor_of_tables),
    "onnx_catboost_regressor__1": (*ONNX, network),
    "onnx_lightgbm__1": (*ONNX, network),
    "onnx_pytorch__1": (*ONNX, network),
    "onnx_sklearn_zipmap__1": (*ONNX, network),
    "onnx_tensorflow__1": (*ONNX, network),
    "onnx_xgboost__1": (*ONNX, network),
    "pytorch_onnx__1": ("pytorch-onnx_2.1", "runtime-24.1-py3.11", network),
    "sklearn_custom_library_regressor__1": (*SKLEARN, regressor),
    "sklearn_pipeline_strings__1": (*SKLEARN, labelled_by_text),
    "sklearn_regressor__1": (*SKLEARN, regressor),
    "sklearn_svc_no_proba__1": (*SKLEARN, without_probability),
    "xgboost_sklearn_api__1": (*SKLEARN, labelled_by_number),
    "xgboost_sklearn_api__2": (*SKLEARN, labelled_by_number),
}
