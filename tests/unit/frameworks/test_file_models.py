"""Models in their framework's own format, described without the libraries of these."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import onnx
import pytest
import skl2onnx
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as LightGBMFloats
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from wml_deployer.errors import PackagingError, UnsupportedModelError
from wml_deployer.frameworks import file_model
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(90, 3))
LABELS = np.where(ROWS[:, 0] > 0, "stay", "go")
INPUT = [("input", FloatTensorType([None, 3]))]
PMML = """<?xml version="1.0"?>
<PMML xmlns="http://www.dmg.org/PMML-4_2" version="4.2"><Header/>
<DataDictionary>
  <DataField name="age" optype="continuous" dataType="integer"/>
  <DataField name="plan" optype="categorical" dataType="string"/>
  <DataField name="left" optype="categorical" dataType="string">
    <Value value="no"/><Value value="yes"/><Value value="?" property="missing"/>
  </DataField>
</DataDictionary>
<TreeModel functionName="classification"><MiningSchema>
  <MiningField name="age"/><MiningField name="plan" usageType="active"/><MiningField name="left" usageType="target"/>
</MiningSchema><Node score="no"><True/></Node></TreeModel></PMML>
"""


def converted(model: Any, labels: Any = LABELS, **options: Any) -> onnx.ModelProto:
    """A graph of a model that is fitted on the rows."""
    options = {"initial_types": INPUT, "target_opset": 15, **options}
    made: onnx.ModelProto = skl2onnx.convert_sklearn(model.fit(ROWS, labels), **options)
    return made


def graph(*inputs: Any, opset: int = 17, ir_version: int = 8) -> onnx.ModelProto:
    """A graph that passes its first input on."""
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    nodes = [helper.make_node("Identity", [inputs[0].name], ["output"])]
    made = helper.make_graph(nodes, "passing", list(inputs), [output])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def tensor(name: str, *shape: Any, kind: int = TensorProto.FLOAT) -> Any:
    """An input."""
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.mark.parametrize("options", [{"zipmap": True}, {"zipmap": False}])
@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=2), SVC()], ids=repr)
def test_classes_of_text_are_read_from_the_graph(model: Any, options: dict[str, bool]) -> None:
    """Whichever node has the labels."""
    found = file_model(converted(model, options=options))

    assert found is not None
    assert ("go", "stay") == found.schema.classes


def test_classes_of_numbers_are_read_from_the_graph() -> None:
    """LightGBM's converter writes them into its forest; negative ones are integers of 64 bits."""
    labels = np.where(LABELS == "go", -1, 7)
    forest = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(ROWS, labels)
    found = [
        file_model(converted(DecisionTreeClassifier(), labels)),
        file_model(
            convert_lightgbm(
                forest, initial_types=[("input", LightGBMFloats([None, 3]))], zipmap=False, target_opset=15
            )
        ),
    ]

    assert [(-1, 7)] * 2 == [each.schema.classes for each in found if each]


def test_regressor_has_no_classes() -> None:
    """Nothing is made up."""
    found = file_model(converted(LinearRegression(), ROWS[:, 0]))

    assert found is not None
    assert () == found.schema.classes


def test_inputs_of_one_value_a_row_are_columns() -> None:
    """As scikit-learn's converter writes them for a frame, with the names and types of its columns."""
    encode = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(np.array([["a", 1], ["b", 2]], dtype=object), [0, 1])
    inputs = [("plan", StringTensorType([None, 1])), ("visits", Int64TensorType([None, 1]))]
    found = file_model(skl2onnx.convert_sklearn(model, initial_types=inputs, target_opset=15))

    assert found is not None
    assert (Field("plan", "object"), Field("visits", "int64")) == found.schema.fields
    assert found.schema.named


@pytest.mark.parametrize(
    "inputs",
    [[tensor("pixels", "rows", 3, 8, 8)], [tensor("one", "rows", 3)], [tensor("a", None, 3), tensor("b", None, 2)]],
    ids=["images", "table", "two-tables"],
)
def test_tensors_are_not_columns(inputs: list[Any]) -> None:
    """Their columns have no names."""
    found = file_model(graph(*inputs))

    assert found is not None
    assert () == found.schema.fields


def test_weights_that_old_graphs_list_as_inputs_are_none() -> None:
    """Before version 4 of the format they had to be listed."""
    made = graph(tensor("rows", None, 1), tensor("weights", 1, 1))
    made.graph.initializer.append(helper.make_tensor("weights", TensorProto.FLOAT, [1, 1], [2.0]))
    found = file_model(made)

    assert found is not None
    assert () == found.schema.fields


@pytest.mark.parametrize(
    ("opset", "ir_version", "types"),
    [
        (15, 8, ("onnxruntime_1.17", "onnxruntime_1.16")),
        (19, 9, ("onnxruntime_1.17", "onnxruntime_1.16")),
        (20, 9, ("onnxruntime_1.17",)),
        (17, 10, ("onnxruntime_1.17",)),
        (21, 10, ("onnxruntime_1.17",)),
    ],
)
def test_opset_and_format_decide_the_runtimes(opset: int, ir_version: int, types: tuple[str, ...]) -> None:
    """Each takes those up to its own."""
    found = file_model(graph(tensor("rows", None, 3), opset=opset, ir_version=ir_version))

    assert found is not None
    assert (types, ()) == (found.types, found.findings)


def test_graph_that_no_runtime_takes_is_found() -> None:
    """Both reasons at once, each with the way out."""
    found = file_model(graph(tensor("rows", None, 3), opset=22, ir_version=11))

    assert found is not None
    assert ["target_opset=21", "model.ir_version = 10"] == [
        next(word for word in ("target_opset=21", "model.ir_version = 10") if word in finding.next_step)
        for finding in found.findings
    ]


def test_weights_in_other_files_go_along(tmp_path: Path) -> None:
    """As exporters write large models; an object alone does not tell where they are."""
    made = graph(tensor("rows", None, 1))
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1000, dtype=np.float32), "weights"))
    onnx.save(made, tmp_path / "big.onnx", save_as_external_data=True, location="big.data", size_threshold=0)
    found = file_model(tmp_path / "big.onnx")

    assert found is not None
    assert {"model.onnx": tmp_path / "big.onnx", "big.data": tmp_path / "big.data"} == found.files
    with pytest.raises(UnsupportedModelError, match="weights in other files"):
        file_model(onnx.load(tmp_path / "big.onnx", load_external_data=False))
    (tmp_path / "big.data").unlink()
    with pytest.raises(PackagingError, match=r"keeps weights in big\.data, and no such file"):
        file_model(tmp_path / "big.onnx")


@pytest.mark.parametrize("content", [b"", b"\x00", b"{}", b"\x3a\xff\xff", b"version https://git-lfs"], ids=repr)
@pytest.mark.parametrize("name", ["model.onnx", "model.pmml", "model.keras", "model.h5"])
def test_file_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """The error names it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PackagingError, match=name):
        file_model(tmp_path / name)


def test_pmml_tells_its_columns_and_classes(tmp_path: Path) -> None:
    """From its data dictionary; the target is not a column, a mark for gaps is not a class."""
    (tmp_path / "churn.pmml").write_text(PMML, encoding="utf-8")
    found = file_model(tmp_path / "churn.pmml")

    assert found is not None
    assert (Field("age", "int64"), Field("plan", "object")) == found.schema.fields
    assert ("no", "yes") == found.schema.classes


@pytest.mark.parametrize(("version", "best"), [("3.8.0", "tensorflow_rt25.1"), ("2.14.0", "tensorflow_rt24.1")])
def test_keras_that_saved_a_file_decides_the_runtimes(tmp_path: Path, version: str, best: str) -> None:
    """TensorFlow has Keras 3 since 2.16."""
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", f'{{"keras_version": "{version}"}}')
    found = file_model(tmp_path / "model.keras")

    assert found is not None
    assert (best, {"keras": version}) == (found.types[0], found.libraries)


def test_saved_model_tells_who_wrote_it(tmp_path: Path) -> None:
    """An older TensorFlow does not load it for sure."""
    # The version is field 5 of field 1 of field 2.
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\x0a\x0a\x08\x2a\x06" + b"2.15.0")
    found = file_model(tmp_path)

    assert found is not None
    assert (("tensorflow_rt25.1",), {"tensorflow": "2.15.0"}) == (found.types, found.libraries)


def test_no_library_is_imported_for_a_file(tmp_path: Path) -> None:
    """The graph tells everything."""
    onnx.save(converted(LogisticRegression()), tmp_path / "model.onnx")
    program = (
        "import sys; from wml_deployer.frameworks import file_model; "
        f"print(file_model({str(tmp_path / 'model.onnx')!r}).schema.classes, "
        "{'onnx', 'onnxruntime', 'numpy', 'sklearn'} & sys.modules.keys())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "('go', 'stay') set()" == said.stdout.strip()
