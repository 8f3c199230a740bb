"""What is public is listed, sorted, documented and reachable."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import wml_deployer

if TYPE_CHECKING:
    from collections.abc import Iterator

    Trees = dict[str, ast.Module]

ROOT = "wml_deployer"


def sort_key(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
    """CONSTANTS, then Classes, then functions; numbers inside names by value: the order that ruff's RUF022 keeps."""
    kind = 0 if name.isupper() else 1 if name.lstrip("_")[:1].isupper() else 2
    return kind, [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def definitions(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Name and docstring of everything that a module defines at its top; a constant's is the string below it."""
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=False):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, ast.get_docstring(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            text = following.value if isinstance(following, ast.Expr) else None
            docstring = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else None
            yield from ((target.id, docstring) for target in targets if isinstance(target, ast.Name))


def exports(tree: ast.Module) -> list[str] | None:
    """The ``__all__`` of a module, as it is written; None where it has none."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def brought_in(tree: ast.Module) -> set[str]:
    """Names that a module imports from elsewhere, also those for type checkers."""
    statements = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias.asname or alias.name for node in statements for alias in node.names}


def imports_for_type_checkers(tree: ast.Module) -> dict[str, str]:
    """Name -> module it is imported from, for the imports under ``if TYPE_CHECKING``."""
    guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    froms = [node for block in guarded for node in block.body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: str(node.module) for node in froms if node.module != "typing" for alias in node.names}


def test_public_surface_is_the_lazy_table() -> None:
    """``wml_deployer.__all__`` lists exactly the names of the lazy table."""
    assert sorted(wml_deployer._HOMES) == sorted(wml_deployer.__all__)


def test_type_checkers_see_the_lazy_table(trees: Trees) -> None:
    """What type checkers import is what users get."""
    homes = {name: f"{ROOT}.{module}" for name, module in wml_deployer._HOMES.items()}

    assert homes == imports_for_type_checkers(trees[ROOT])


def test_lazy_names_are_exported_where_they_live(trees: Trees) -> None:
    """Each public name is in the ``__all__`` of its own module, too."""
    strays = [
        f"{module}.{name}"
        for name, module in wml_deployer._HOMES.items()
        if (tree := trees.get(f"{ROOT}.{module}")) is not None and name not in (exports(tree) or [])
    ]

    assert [] == strays


def test_public_names_can_be_had(trees: Trees) -> None:
    """Each public name whose module is there is an attribute of the package."""
    there = [name for name, module in wml_deployer._HOMES.items() if f"{ROOT}.{module}" in trees]

    assert [] == [name for name in there if not hasattr(wml_deployer, name)]


def test_dir_shows_the_public_names() -> None:
    """Completion in a notebook offers every public name before it is loaded."""
    assert set(wml_deployer.__all__) <= set(dir(wml_deployer))


def test_every_module_says_what_it_exports(trees: Trees) -> None:
    """A module that defines a public name has an ``__all__``."""
    silent = [
        name
        for name, tree in trees.items()
        if exports(tree) is None and any(not defined.startswith("_") for defined, _ in definitions(tree))
    ]

    assert [] == silent


def test_exports_are_sorted_and_single(trees: Trees) -> None:
    """Each ``__all__`` is sorted, and no name stands in it twice."""
    unsorted = [name for name, tree in trees.items() if (names := exports(tree)) and names != ordered(names)]

    assert [] == unsorted


def ordered(names: list[str]) -> list[str]:
    """The names once each, in the order that is kept."""
    return sorted(set(names), key=sort_key)


def test_exports_exist(trees: Trees) -> None:
    """Each name of an ``__all__`` is defined in its module, or imported into it."""
    missing = [
        f"{name}.{export}"
        for name, tree in trees.items()
        for export in exports(tree) or []
        if export not in dict(definitions(tree)) and export not in brought_in(tree)
    ]

    assert [] == missing


def test_exports_are_documented(trees: Trees) -> None:
    """Each name of an ``__all__`` has a docstring where it is defined."""
    silent = [
        f"{name}.{export}"
        for name, tree in trees.items()
        for export in exports(tree) or []
        if export in (known := dict(definitions(tree))) and not known[export]
    ]

    assert [] == silent
