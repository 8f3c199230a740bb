"""The catalogue of errors: it names each, and each is raised by a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from wml_deployer import errors

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "pages" / "reference" / "errors.md"
KINDS = [name for name in errors.__all__ if name not in {"Fault", "WMLDeployerError"}]
# Parents that exist to be caught; what is raised is one of their children.
PARENTS = {"ModelError"}


def expected_by_tests() -> set[str]:
    """Names of the errors that some test expects with ``pytest.raises``, or lists as the outcome of a case."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Name, ast.Attribute))
    }


def test_the_catalogue_has_every_error() -> None:
    """In the order of the module, each once."""
    rows = re.findall(r"^\| \[`(\w+)`\]", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sorted(KINDS) == sorted(rows)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - PARENTS))
def test_a_test_raises_it(kind: str) -> None:
    """An error that no test meets may say anything."""
    assert kind in expected_by_tests()
