"""Model types lead to their runtimes, those of other packages, too."""

from __future__ import annotations

import os
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.worker import scikit_learn
from wml_deployer.server.runtimes.worker.registry import find_runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("model_type", ["scikit-learn_0.23", "scikit-learn_1.6"])
def test_own_runtime_is_found_whatever_the_version(model_type: str) -> None:
    """The version of the type does not choose the runtime."""
    assert scikit_learn is find_runtime(model_type)


RUNTIME = """\
def load(request):
    answer = float((request.directory / "model.txt").read_text())
    return lambda payload: {"predictions": [{"values": [[answer] for _ in payload["input_data"][0]["values"]]}]}
"""


def test_other_packages_add_runtimes(
    serving: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point named as the type, without its version, is the runtime, and serves in a worker like the others."""
    (tmp_path / "spark_runtime.py").write_text(RUNTIME)
    metadata = tmp_path / "spark_runtime-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: spark-runtime\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[wml_deployer.runtimes]\nmllib = spark_runtime\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    artifact = tmp_path / "model.tar.gz"
    with tarfile.open(artifact, "w:gz") as archive:
        (tmp_path / "model.txt").write_text("2.5")
        archive.add(tmp_path / "model.txt", "model.txt")

    assert "spark_runtime" == getattr(find_runtime("mllib_3.4"), "__name__", None)
    with serving(artifact, tmp_path, model_type="mllib_3.4", fork_server=None) as served:
        assert [[2.5], [2.5]] == served.predict([[1], [2]])["predictions"][0]["values"]


def test_unknown_type_is_a_load_error() -> None:
    """The error says how one adds a runtime."""
    with pytest.raises(LoadError, match=r"'unheard-of_1\.0'.*'unheard-of'.*wml_deployer\.runtimes"):
        find_runtime("unheard-of_1.0")


@pytest.mark.parametrize(
    ("model_type", "name"),
    [("mllib_3.4", "Spark ML"), ("spss-modeler_18.2", "SPSS Modeler"), ("do-docplex_22.1", "decision optimization")],
)
def test_type_that_only_the_real_service_serves_is_named(model_type: str, name: str) -> None:
    """Users are told what it is that is not served here."""
    with pytest.raises(LoadError, match=f"no runtime for {name} models") as caught:
        find_runtime(model_type)

    assert "model_type_not_served" == caught.value.code


@pytest.mark.parametrize("model_type", ["onnxruntime_1.16", "pytorch-onnx_2.1", "pmml_4.2.1", "python", "xgboost_2.0"])
def test_every_type_of_the_table_has_its_runtime(model_type: str) -> None:
    """Each type that is served leads to a module that loads."""
    assert callable(find_runtime(model_type).load)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime whose package is not installed says what to install."""
    # An entry of None is how Python itself is told that a module cannot be imported.
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "wml_deployer.server.runtimes.worker.onnx_runtime", raising=False)

    with pytest.raises(LoadError, match="'onnxruntime', which is missing: pip install onnxruntime") as caught:
        find_runtime("onnxruntime_1.16")

    assert "missing_package" == caught.value.code
