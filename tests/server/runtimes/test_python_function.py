"""Deployed functions: what IBM's client stores runs, and what goes wrong in it is told with its line."""

from __future__ import annotations

import gzip
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.runtimes.conftest import Served
from wml_deployer.server.runtimes.archive import Bounds
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.worker.python_function import load
from wml_deployer.server.runtimes.worker.registry import Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAYLOAD = {"input_data": [{"fields": ["multiplication"], "values": [[2.0, 2.0], [99.0, 99.0]]}]}

SCORE = """
def score(payload):
    rows = payload["input_data"][0]["values"]
    return {"predictions": [{"fields": ["product"], "values": [[a * b] for a, b in rows]}]}
"""

MAKER = """
def multiplier(factor=3, name='product'):
    import json
    def score(payload):
        rows = json.loads(json.dumps(payload))["input_data"][0]["values"]
        return {"predictions": [{"fields": [name], "values": [[a * b * factor] for a, b in rows]}]}
    return score
"""


def loaded(code: str, folder: Path) -> Callable[[dict[str, Any]], Any]:
    """The scoring function of some source."""
    (folder / "function.py").write_text(textwrap.dedent(code))
    return load(Request(folder, "python", "runtime-24.1-py3.11", Bounds(2**20, 10)))


def test_function_named_score_is_called_with_the_payload(tmp_path: Path) -> None:
    """The whole request goes in, and what comes out is the answer."""
    answer = loaded(SCORE, tmp_path)(PAYLOAD)

    assert {"predictions": [{"fields": ["product"], "values": [[4.0], [9801.0]]}]} == answer


@pytest.mark.parametrize("code", [MAKER, f"{MAKER}\n\nscore = multiplier()"], ids=["alone", "as the client stores it"])
def test_function_with_parameters_makes_the_score(code: str, tmp_path: Path) -> None:
    """The inner function keeps the parameters of the outer one."""
    answer = loaded(code, tmp_path)(PAYLOAD)

    assert {"predictions": [{"fields": ["product"], "values": [[12.0], [29403.0]]}]} == answer


def test_answer_may_be_anything_inside_predictions(tmp_path: Path) -> None:
    """Blocks without fields, and values that are no rows, are the function's choice."""
    answer = loaded("def score(payload): return {'predictions': [{'values': '3.0.0'}]}", tmp_path)(PAYLOAD)

    assert {"predictions": [{"values": "3.0.0"}]} == answer


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def score(payload:\n    pass", r"SyntaxError: .* \(line 1\)"),
        ("import a_package_that_is_not_there", r"ModuleNotFoundError: .*\(line 1\)"),
        ("x = 1\n\ny = x / 0", r"ZeroDivisionError: division by zero \(line 3\)"),
        ("def make():\n    raise OSError('no disk')", r"OSError: no disk \(line 2\)"),
        ("score = 3", "neither a function 'score'"),
        ("def make(required): pass", "neither a function 'score'"),
        ("def one(): return None", "neither a function 'score'"),
        ("def one(): return print\ndef two(): return print", "neither a function 'score'"),
    ],
)
def test_code_that_cannot_serve_is_a_load_error(code: str, words: str, tmp_path: Path) -> None:
    """The error says what is wrong and on which line."""
    with pytest.raises(LoadError, match=words) as caught:
        loaded(code, tmp_path)

    assert "function_load_failed" == caught.value.code


def test_error_of_the_function_is_told_with_its_line(tmp_path: Path) -> None:
    """A name that was lost when the function was stored shows where it is missed."""
    score = loaded("def score(payload):\n    return lost_global", tmp_path)

    with pytest.raises(PredictionError, match=r"NameError: name 'lost_global' is not defined \(line 2\)") as caught:
        score(PAYLOAD)

    assert (400, "function_failed") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize("answer", ["None", "[1]", "{}", "{'predictions': 1}"])
def test_answer_without_predictions_is_refused(answer: str, tmp_path: Path) -> None:
    """The service's contract is a dictionary with predictions."""
    score = loaded(f"def score(payload): return {answer}", tmp_path)

    with pytest.raises(PredictionError, match="'predictions'") as caught:
        score(PAYLOAD)

    assert "invalid_function_output" == caught.value.code


def test_modules_of_an_archive_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders beside the function are packages to it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside_the_function").mkdir()
    (tmp_path / "beside_the_function" / "__init__.py").write_text("FACTOR = 5\n")
    code = "from beside_the_function import FACTOR\ndef score(payload): return {'predictions': [{'values': FACTOR}]}"

    assert {"predictions": [{"values": 5}]} == loaded(code, tmp_path)(PAYLOAD)


def test_function_is_served_in_its_own_folder(serving: Callable[..., Any], tmp_path: Path) -> None:
    """A gzipped source, as the client uploads it, is served; files that it writes stay with the deployment."""
    artifact = tmp_path / "function.py.gz"
    artifact.write_bytes(gzip.compress(WRITING.encode()))
    with serving(artifact, tmp_path, model_type="python") as served:
        assert isinstance(served, Served)
        answer = served.predict([[1]])

    assert str(tmp_path) in answer["predictions"][0]["values"]


WRITING = """
import os
def score(payload):
    open("notes.txt", "w").close()
    return {"predictions": [{"values": os.path.abspath("notes.txt")}]}
"""
