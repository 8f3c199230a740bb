"""Misspelt arguments are answered with what was meant."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer import Deployer, Deployment
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def deployer(tmp_path: Path) -> Deployer:
    """Open a project; nothing is started for it."""
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")
    return Deployer.local(path)


@pytest.mark.parametrize(
    ("verb", "given", "meant"),
    [
        ("deploy", "smaple", "sample"),
        ("update", "unpickel", "unpickle"),
        ("rollback", "reasons", "reason"),
        ("score", "batch_size", "batch_rows"),
        ("prune", "names", "named"),
        ("candidate", "specifications", "specification"),
        ("delete", "cascading", "cascade"),
    ],
)
def test_verb_says_what_was_meant(verb: str, given: str, meant: str, deployer: Deployer) -> None:
    """A keyword argument that a verb does not know is answered with the nearest one, and with all that there are."""
    with pytest.raises(TypeError, match=rf"{verb}\(\) has no argument '{given}': did you mean '{meant}'\? It takes "):
        getattr(deployer, verb)(**{given: None})


def test_what_resembles_nothing_lists_all(deployer: Deployer) -> None:
    """Nothing is suggested that is nothing like it."""
    with pytest.raises(TypeError, match=r"^rollback\(\) has no argument 'xyz'\. It takes to, reason, timeout\.$"):
        deployer.rollback(xyz=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("method", [Deployer.deploy, Deployer.score, Deployment.score, LocalServer.fault])
def test_signature_and_help_stay(method: Any) -> None:
    """Completion and ``?`` show the verb itself."""
    assert "self" == next(iter(inspect.signature(method).parameters))
    assert "Args:" in (inspect.getdoc(method) or "")


def test_deployer_can_be_pasted(deployer: Deployer, tmp_path: Path) -> None:
    """Its representation is the call that opens the same project."""
    assert f"Deployer.local({str(tmp_path / 'metadata.yaml')!r})" == repr(deployer)
    assert repr(deployer) == repr(eval(repr(deployer), {"Deployer": Deployer}))
