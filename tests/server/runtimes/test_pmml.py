"""PMML documents, evaluated in a real virtual machine inside a real worker."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import jpype
import pytest

from wml_deployer.server.runtimes import LoadError, PredictionError
from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.worker.pmml import load
from wml_deployer.server.runtimes.worker.registry import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.runtimes.conftest import Served

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="needs a Java runtime")

IRIS = """<?xml version="1.0" encoding="UTF-8"?>
<PMML version="4.2" xmlns="http://www.dmg.org/PMML-4_2">
  <Header/>
  <DataDictionary numberOfFields="3">
    <DataField name="Petal.Length" optype="continuous" dataType="double"/>
    <DataField name="Petal.Width" optype="continuous" dataType="double"/>
    <DataField name="Species" optype="categorical" dataType="string">
      <Value value="setosa"/><Value value="versicolor"/>
    </DataField>
  </DataDictionary>
  <TreeModel functionName="classification" splitCharacteristic="binarySplit">
    <MiningSchema>
      <MiningField name="Petal.Length"/><MiningField name="Petal.Width"/>
      <MiningField name="Species" usageType="target"/>
    </MiningSchema>
    <Output>
      <OutputField name="$R-Species" optype="categorical" dataType="string" feature="predictedValue"/>
      <OutputField name="$RC-Species" optype="continuous" dataType="double" feature="probability"/>
      <OutputField name="$RP-setosa" optype="continuous" dataType="double" feature="probability" value="setosa"/>
      <OutputField name="$RI-Species" optype="categorical" dataType="string" feature="entityId"/>
    </Output>
    <Node id="0" score="setosa" recordCount="100"><True/>
      <Node id="1" score="setosa" recordCount="50">
        <SimplePredicate field="Petal.Length" operator="lessOrEqual" value="2.45"/>
        <ScoreDistribution value="setosa" recordCount="50"/><ScoreDistribution value="versicolor" recordCount="0"/>
      </Node>
      <Node id="2" score="versicolor" recordCount="50">
        <SimplePredicate field="Petal.Length" operator="greaterThan" value="2.45"/>
        <ScoreDistribution value="setosa" recordCount="1"/><ScoreDistribution value="versicolor" recordCount="49"/>
      </Node>
    </Node>
  </TreeModel>
</PMML>
"""
ANSWER = {
    "fields": ["$R-Species", "$RC-Species", "$RP-setosa", "$RI-Species"],
    "values": [["setosa", 1.0, 1.0, "1"], ["versicolor", 0.98, 0.02, "2"]],
}


@pytest.fixture(scope="module")
def served(serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The document, deployed."""
    folder = tmp_path_factory.mktemp("pmml")
    (folder / "iris.xml").write_text(IRIS)
    with serving(folder / "iris.xml", folder, model_type="pmml_4.2.1") as served:
        yield served


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        (["Petal.Length", "Petal.Width"], [[1.4, 0.2], [5.0, 1.1]]),
        (["Petal.Width", "Petal.Length"], [[0.2, 1.4], [1.1, 5.0]]),
        (None, [[1.4, 0.2], [5.0, 1.1]]),
    ],
    ids=["in order", "in another order", "without names"],
)
def test_answer_has_the_documents_output_fields(fields: list[str] | None, values: list[Any], served: Served) -> None:
    """Names, order and types are the document's."""
    assert {"predictions": [ANSWER]} == served.predict(values, fields)


def test_rows_that_do_not_fit_the_fields_are_refused(served: Served) -> None:
    """PMML4S would take the missing columns for missing values."""
    with pytest.raises(PredictionError, match="it has 1 values for 2 columns"):
        served.predict([[1.4]], ["Petal.Length", "Petal.Width"])


def test_document_that_is_no_pmml_is_a_load_error(serving: Callable[..., Any], tmp_path: Path) -> None:
    """The evaluator's own words are passed on."""
    (tmp_path / "model.xml").write_text("<PMML/>")

    with (
        pytest.raises(LoadError, match="'version' is missing"),
        serving(tmp_path / "model.xml", tmp_path, model_type="pmml_4.2.1"),
    ):
        pass


def test_missing_java_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""

    def find_nothing() -> str:
        raise jpype.JVMNotFoundException("No JVM shared library file")

    # JPype looks in more places than a test can take away.
    monkeypatch.setattr("jpype._core.getDefaultJVMPath", find_nothing)
    (tmp_path / "model.xml").write_text(IRIS)

    with pytest.raises(LoadError, match=r"need a Java runtime.*JAVA_HOME"):
        load(Request(tmp_path, "pmml_4.2.1", "pmml-3.0_4.3", Bounds(2**20, 10)))
