"""PyTorch modules go live as ONNX graphs where they can be exported, and as functions otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from wml_deployer.errors import CheckError, UnsupportedModelError

if TYPE_CHECKING:
    from wml_deployer import Deployer

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]

ROWS = np.random.default_rng(0).normal(size=(40, 3))
IMAGES = np.random.default_rng(0).normal(size=(6, 2, 4, 4)).astype(np.float32)


def branching(*, heads: int = 1) -> Any:
    """A module of this script, whose code goes along: one that branches on its rows, or has two outputs."""

    class Branching(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch may not be installed
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, rows: Any) -> Any:
            if heads > 1:
                return self.layer(rows), torch.sigmoid(self.layer(rows))
            return self.layer(rows) if float(rows.abs().max()) < 100 else self.layer(rows / 100)

    torch.manual_seed(0)
    return Branching().eval()


def network(seed: int = 0) -> Any:
    """A module in three layers, out of training."""
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)).eval()


def answers(module: Any, rows: Any) -> Any:
    """What a module answers, as doubles."""
    with torch.no_grad():
        return module(torch.tensor(rows, dtype=torch.float32)).numpy().astype(np.float64)


def test_module_goes_live_as_a_graph_once(deployer: Deployer) -> None:
    """In single precision, on a runtime without PyTorch; the second release finds the same module."""
    report = deployer.check(network(), sample=ROWS)
    deployer.release(network(), sample=ROWS)
    deployer.release(network(), sample=ROWS)

    assert ("native", True) == (report.route, report.why.startswith("exported to ONNX"))
    assert np.allclose(answers(network(), ROWS), deployer.score(ROWS), rtol=1e-5, atol=1e-6)
    assert ["onnxruntime_1.17"] == [version.model_type for version in deployer.metadata.versions]


def test_module_goes_live_as_a_function_where_that_is_asked_for(deployer: Deployer) -> None:
    """It answers to the last bit as here, and once again the second release finds it."""
    for _ in range(2):
        deployer.release(network(), sample=ROWS, route="function")

    assert np.array_equal(answers(network(), ROWS), deployer.score(ROWS))
    assert ["function"] == [version.route for version in deployer.metadata.versions]


def test_other_weights_are_another_version(deployer: Deployer) -> None:
    """An update serves them."""
    deployer.release(network(), sample=ROWS)
    deployer.release(network(1), sample=ROWS)

    assert np.allclose(answers(network(1), ROWS), deployer.score(ROWS), rtol=1e-5, atol=1e-6)


def test_module_that_cannot_be_exported_goes_live_as_a_function(deployer: Deployer) -> None:
    """The check says why."""
    module = branching()
    report = deployer.check(module, sample=ROWS)
    deployer.release(module, sample=ROWS)

    assert ("function", "PyTorch cannot export it to ONNX") == (report.route, report.why.partition(":")[0])
    assert np.array_equal(answers(module, ROWS)[:, 0], deployer.score(ROWS)["prediction"])
    with pytest.raises(UnsupportedModelError, match=r"PyTorch cannot export it to ONNX"):
        deployer.store(module, sample=ROWS, route="native")


def test_module_without_a_sample_goes_live_as_a_function(deployer: Deployer) -> None:
    """A graph that was never compared is not trusted."""
    assert "not possible without a sample" in deployer.check(network()).why


def test_images_are_scored(deployer: Deployer) -> None:
    """Rows of any shape travel as nested lists."""
    nn = torch.nn
    module = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Flatten(), nn.Linear(27, 2)).eval()
    deployer.release(module, sample=IMAGES)

    assert np.allclose(answers(module, IMAGES), deployer.score(IMAGES), rtol=1e-5, atol=1e-6)


def test_module_of_two_outputs_has_a_block_for_each(deployer: Deployer) -> None:
    """Named as the graph names them."""
    module = branching(heads=2)
    deployer.release(module, sample=pd.DataFrame(ROWS, columns=list("abc")))
    scores = deployer.score(ROWS)

    assert (40, 2) == scores.shape
    assert np.allclose(1 / (1 + np.exp(-scores.iloc[:, 0])), scores.iloc[:, 1])


def test_module_in_training_is_refused(deployer: Deployer) -> None:
    """It would answer at random."""
    with pytest.raises(CheckError, match="is in training mode"):
        deployer.check(network().train(), sample=ROWS, strict=True)
