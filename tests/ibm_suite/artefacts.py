"""Synthetic artefacts for IBM's functional suite: the wheel carries its tests, not the files that they upload."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING

import joblib
from sklearn import datasets, preprocessing, svm
from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = '''
def score_generator():
    """Return the scoring function."""
    def score(payload):
        block = payload["input_data"][0]
        return {"predictions": [{"fields": ["length"], "values": [[len(row)] for row in block["values"]]}]}
    return score

score = score_generator()
'''
# Nothing is to be fetched: what it asks for is there already.
CONDA = "name: test\nchannels:\n- defaults\ndependencies:\n- pip:\n  - scikit-learn\n"
SETUP = 'from setuptools import setup\nsetup(name="wmlsuitelib", version="1.0", py_modules=["wmlsuitelib"])\n'
PMML = """<?xml version="1.0" encoding="UTF-8"?>
<PMML xmlns="http://www.dmg.org/PMML-4_2" version="4.2">
  <Header/>
  <DataDictionary numberOfFields="5">
    <DataField name="Sepal.Length" optype="continuous" dataType="double"/>
    <DataField name="Sepal.Width" optype="continuous" dataType="double"/>
    <DataField name="Petal.Length" optype="continuous" dataType="double"/>
    <DataField name="Petal.Width" optype="continuous" dataType="double"/>
    <DataField name="Species" optype="categorical" dataType="string">
      <Value value="setosa"/><Value value="versicolor"/>
    </DataField>
  </DataDictionary>
  <TreeModel modelName="iris" functionName="classification" splitCharacteristic="multiSplit">
    <MiningSchema>
      <MiningField name="Sepal.Length"/><MiningField name="Sepal.Width"/>
      <MiningField name="Petal.Length"/><MiningField name="Petal.Width"/>
      <MiningField name="Species" usageType="target"/>
    </MiningSchema>
    <Node id="0" score="setosa" recordCount="100">
      <True/>
      <Node id="1" score="setosa" recordCount="50">
        <SimplePredicate field="Petal.Length" operator="lessOrEqual" value="2.45"/>
        <ScoreDistribution value="setosa" recordCount="50"/><ScoreDistribution value="versicolor" recordCount="0"/>
      </Node>
      <Node id="2" score="versicolor" recordCount="50">
        <SimplePredicate field="Petal.Length" operator="greaterThan" value="2.45"/>
        <ScoreDistribution value="setosa" recordCount="0"/><ScoreDistribution value="versicolor" recordCount="50"/>
      </Node>
    </Node>
  </TreeModel>
</PMML>
"""


def lay_out(directory: Path, credentials: dict[str, str], environment: str) -> None:
    """Make the working directory that the suite wants: config.ini and base/artifacts."""
    cos = {"endpoint_url": "https://127.0.0.1", "resource_instance_id": credentials.get("iam_serviceid_crn", "none")}
    lines = [f"[{environment}]", f"wml_credentials = {json.dumps(credentials)}", f"cos_credentials = {json.dumps(cos)}"]
    (directory / "config.ini").write_text("\n".join(lines), encoding="utf-8")
    artifacts = directory / "base" / "artifacts"
    _write(artifacts / "python_function" / "ai_function.gz", gzip.compress(FUNCTION.encode()))
    _write(artifacts / "python_function" / "ai_func_3.py.gz", gzip.compress(FUNCTION.encode()))
    _write(artifacts / "other" / "pkg_extension.yml", CONDA.encode())
    _write(artifacts / "other" / "pkg_extension.zip", _zip({"setup.py": SETUP, "wmlsuitelib.py": "ANSWER = 42\n"}))
    _write(artifacts / "tensorflow" / "tf-model-definition.zip", _zip({"mnist_mlp.py": "print('training')\n"}))
    _write(artifacts / "pmml" / "iris_chaid.xml", PMML.encode())
    _write(artifacts / "scikit-learn" / "scikit_model.tar.gz", _digits())
    for name in ("agaricus.txt.train", "agaricus.txt.test"):
        _write(directory / "base" / "datasets" / "xgboost" / name, _agaricus().encode())


def _digits() -> bytes:
    data = datasets.load_digits()
    model = Pipeline([("scaler", preprocessing.StandardScaler()), ("svc", svm.SVC(kernel="rbf"))])
    return _tar("scikit_model.pkl", _dump(model.fit(data.data, data.target)))


def _agaricus() -> str:
    """Rows in libsvm's format: as many features as the mushroom data set has."""
    rows = [f"{row % 2} {1 + row % 2}:1 {3 + row % 50}:1 126:1" for row in range(200)]
    return "\n".join(rows) + "\n"


def add_xgboost(directory: Path) -> None:
    """Add the booster that one of the tests uploads, and the data that the others train on; needs xgboost."""
    import xgboost  # noqa: PLC0415 - only where it is installed

    train = directory / "base" / "datasets" / "xgboost" / "agaricus.txt.train"
    data = xgboost.DMatrix(f"{train}?format=libsvm")
    # The tests name no format, which xgboost has come to ask for, unless the file is in its own.
    data.save_binary(str(train))
    booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic"}, data, num_boost_round=2)
    target = directory / "base" / "artifacts" / "xgboost" / "xgboost_model.tar.gz"
    _write(target, _tar("xgboost_model.pkl", _dump(booster)))


def add_network(directory: Path) -> None:
    """Add the network that a test uploads as PyTorch's, and the pictures that it scores; needs onnx."""
    import numpy as np  # noqa: PLC0415
    from onnx import TensorProto, helper  # noqa: PLC0415

    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 1, 28, 28])
    answer = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", 28])
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [-1, 28, 28])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Reshape", ["input", "shape"], ["flat"]),
        helper.make_node("ReduceSum", ["flat", "axes"], ["output"], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "mnist", [picture], [answer], [shape, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    target = directory / "base" / "artifacts" / "pytorch" / "mnist_pytorch.tar.gz"
    _write(target, _tar("mnist.onnx", model.SerializeToString()))
    pictures = directory / "base" / "datasets" / "pytorch" / "mnist.npz"
    pictures.parent.mkdir(parents=True, exist_ok=True)
    np.savez(pictures, x_test=np.zeros((2, 28, 28), dtype="float32"))


def add_keras(directory: Path) -> None:
    """Add the Keras models that the tests upload, in both of their wrappings; needs TensorFlow."""
    from tensorflow import keras  # noqa: PLC0415

    layers = [
        keras.layers.Input((28, 28, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(10, "softmax", name="dense_2"),
    ]
    model = keras.Sequential(layers)
    model.compile(loss="categorical_crossentropy")
    folder = directory / "base" / "artifacts" / "tensorflow"
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "keras_model.h5")
    content = (folder / "keras_model.h5").read_bytes()
    _write(folder / "keras_model.tgz", _tar("keras_model.h5", content))
    with zipfile.ZipFile(folder / "keras_model.h5.zip", "w") as archive:
        archive.write(folder / "keras_model.h5", "keras_model.h5")


def _dump(model: object) -> bytes:
    pickled = io.BytesIO()
    joblib.dump(model, pickled)
    return pickled.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _zip(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
