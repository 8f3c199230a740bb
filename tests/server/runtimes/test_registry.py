"""Model types lead to their runtimes, those of other packages, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.worker import scikit_learn
from wml_deployer.server.runtimes.worker.registry import find_runtime

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("model_type", ["scikit-learn_0.23", "scikit-learn_1.6"])
def test_own_runtime_is_found_whatever_the_version(model_type: str) -> None:
    """The version of the type does not choose the runtime."""
    assert scikit_learn is find_runtime(model_type)


def test_other_packages_add_runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point named as the type, without its version, is the runtime."""
    (tmp_path / "spark_runtime.py").write_text("def load(request):\n    return lambda payload: {'predictions': []}\n")
    metadata = tmp_path / "spark_runtime-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: spark-runtime\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[wml_deployer.runtimes]\nmllib = spark_runtime\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert "spark_runtime" == getattr(find_runtime("mllib_3.4"), "__name__", None)


def test_unknown_type_is_a_load_error() -> None:
    """The error says how one adds a runtime."""
    with pytest.raises(LoadError, match=r"'spss-modeler_18\.2'.*'spss-modeler'.*wml_deployer\.runtimes"):
        find_runtime("spss-modeler_18.2")
