"""The package's modules as syntax trees: structure is read, not run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wml_deployer


@pytest.fixture(scope="session")
def trees() -> dict[str, ast.Module]:
    """Dotted name of each module -> its syntax tree; a package stands under its own name."""
    package = Path(wml_deployer.__file__).parent
    files = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py"))
    }
    return {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in files.items()}
