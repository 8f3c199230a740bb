"""The page on the architecture shows every package and module at the top, in its own words."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

import wml_deployer

PACKAGE = Path(wml_deployer.__file__).parent
PAGE = Path(os.environ.get("WML_DEPLOYER_CHECKOUT", Path(__file__).parents[2])) / "docs/pages/reference/architecture.md"


def summary(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    return f"{text.replace(chr(10), ' ').partition('. ')[0].rstrip('.')}."


def described(folder: Path) -> list[tuple[str, str]]:
    """Each package and module of a folder, with its summary."""
    packages = [(f"{path.parent.relative_to(PACKAGE)}/", path) for path in folder.glob("*/__init__.py")]
    modules = [(str(path.relative_to(PACKAGE)), path) for path in folder.glob("*.py") if path.name != "__init__.py"]
    return [(name, summary(path)) for name, path in packages + modules]


@pytest.mark.parametrize("folder", [PACKAGE, PACKAGE / "server"], ids=["library", "service"])
def test_map_is_complete_and_in_the_words_of_the_source(folder: Path) -> None:
    """What is added, renamed or described otherwise has its row."""
    rows: list[tuple[str, str]] = re.findall(
        r"^\| `([^`]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    inside = [row for row in rows if row[0].startswith("server/") and row[0] != "server/"]
    shown = inside if folder.name == "server" else [row for row in rows if row not in inside]

    assert sorted(described(folder)) == sorted(shown)


def test_files_that_the_page_names_are_there() -> None:
    """Whoever looks for something opens the right file at once."""
    after_the_maps = PAGE.read_text(encoding="utf-8").partition("## Two walks")[2]
    named = set(re.findall(r"`([\w/]+/[\w/]*|[\w/]*\w\.py)`", after_the_maps))
    inside = {name for name in named if not name.startswith("tests/")}

    assert [] == sorted(name for name in inside if not any(PACKAGE.rglob(name.rstrip("/"))))
