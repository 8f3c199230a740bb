"""The floors of the house: imports point down only, the server is sealed, IBM's packages have one door.

Every import counts, also those inside functions and those for type checkers: what is written is what is known.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Trees = dict[str, ast.Module]
    Graph = dict[str, set[str]]

# Ground floor first; a module may import only those before it. Private modules that are not named here stand wherever
# their imports put them, but nothing can climb through them.
FLOORS = (
    "errors",
    "progress",
    "schema",
    "monitoring",
    "reports",
    "server",
    "credentials",
    "metadata",
    "frameworks",
    "specifications",
    "packaging",
    "payload",
    "_transport",
    "_clients",
    "display",
    "_preflight",
    "_rollout",
    "_scoring",
    "scorer",
    "deployment",
    "batch",
    "deployer",
    "spaces",
    "mlflow_plugin",
    "testing",
    "__main__",
)
ROOT = "wml_deployer"
MOST_LINES = 450
SERVER = f"{ROOT}.server"
# Heavy, or not to be touched before somebody deploys.
NOT_AT_IMPORT = ("httpx", "ibm_watson_machine_learning", "ibm_watsonx_ai", "numpy", "pandas", "requests", "sklearn")


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Full dotted name of everything that a module imports, with the names taken ``from`` it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_inside(name: str, package: str) -> bool:
    """Whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def graph_of(trees: Trees) -> Graph:
    """Module -> modules of the package that it imports."""

    def module_of(target: str) -> str | None:
        return target if target in trees else next((n for n in [target.rpartition(".")[0]] if n in trees), None)

    return {name: {m for t in imported(name, tree) if (m := module_of(t))} for name, tree in trees.items()}


def cycle_from(start: str, graph: Graph) -> list[str]:
    """A way from a module back to itself; empty where there is none."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for following in graph[way[-1]]:
            if following == start:
                return [*way, start]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def storey(module: str) -> str:
    """The part of a module's name that FLOORS speaks of."""
    return module.split(".")[1] if "." in module else module


def reached(start: str, graph: Graph) -> set[str]:
    """Named floors that a module imports, itself or through private modules without a floor of their own."""
    found, todo, seen = set[str](), [start], {start}
    while todo:
        for following in graph[todo.pop()] - seen:
            seen.add(following)
            if storey(following) in FLOORS:
                found.add(storey(following))
            else:
                todo.append(following)
    return found - {storey(start)}


def test_no_import_cycle(trees: Trees) -> None:
    """No module imports itself by any way."""
    graph = graph_of(trees)

    assert [] == [" -> ".join(cycle) for name in graph if (cycle := cycle_from(name, graph))]


def test_floors_point_down(trees: Trees) -> None:
    """A module imports modules of lower floors only."""
    graph = graph_of(trees)
    floor = {name: number for number, name in enumerate(FLOORS)}
    climbs = [
        f"{name} -> {lower}"
        for name in graph
        if storey(name) in floor
        for lower in reached(name, graph)
        if floor[lower] > floor[storey(name)]
    ]

    assert [] == climbs


def test_every_public_module_has_a_floor(trees: Trees) -> None:
    """A new public module is given its place in FLOORS."""
    public = {storey(name) for name in trees if name != ROOT and not storey(name).startswith("_")}

    assert set() == public - set(FLOORS)


@pytest.mark.parametrize("name", [f"{ROOT}.errors", f"{ROOT}.reports"])
def test_ground_floor_imports_nothing_of_ours(name: str, trees: Trees) -> None:
    """Errors and reports do not know how they are drawn: views are registered by their type."""
    assert set() == graph_of(trees)[name]


def test_no_module_is_too_long(trees: Trees) -> None:
    """A module is one concept; one of more lines than this has grown into two."""
    last_lines = {
        name: max((getattr(node, "end_lineno", 0) for node in tree.body), default=0) for name, tree in trees.items()
    }

    assert {} == {name: lines for name, lines in last_lines.items() if lines > MOST_LINES}


def test_server_imports_nothing_of_the_rest(trees: Trees) -> None:
    """The embedded service shares no code with the library that it tests."""
    leaks = [
        f"{name} -> {target}"
        for name, tree in trees.items()
        if is_inside(name, SERVER)
        for target in imported(name, tree)
        if is_inside(target, ROOT) and not is_inside(target, SERVER)
    ]

    assert [] == leaks


def test_rest_imports_public_names_of_the_server(trees: Trees) -> None:
    """Nothing outside the embedded service knows its insides."""
    public = {f"{SERVER}.{name}" for name in exports(trees[SERVER])} if SERVER in trees else set[str]()
    intrusions = [
        f"{name} -> {target}"
        for name, tree in trees.items()
        if not is_inside(name, SERVER)
        for target in imported(name, tree)
        if is_inside(target, SERVER) and target not in public
    ]

    assert [] == intrusions


def exports(tree: ast.Module) -> list[str]:
    """The ``__all__`` of a module, as it is written."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def test_ibm_enters_by_one_door(trees: Trees) -> None:
    """IBM's packages are imported in ``_clients`` alone."""
    elsewhere = [
        f"{name} -> {target}"
        for name, tree in trees.items()
        if not is_inside(name, f"{ROOT}._clients")
        for target in imported(name, tree)
        if target.startswith("ibm_")
    ]

    assert [] == elsewhere


@pytest.mark.parametrize(
    "module", [ROOT, f"{ROOT}.errors", f"{ROOT}.credentials", f"{ROOT}.metadata", f"{ROOT}.deployer"]
)
def test_import_stays_light(module: str, trees: Trees) -> None:
    """Importing the package, or what configures it, loads neither IBM's packages nor the data libraries."""
    if module not in trees:
        pytest.skip(f"{module} is not written yet")
    code = f"import sys, {module}; print(*(name for name in {NOT_AT_IMPORT} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert "" == loaded.stdout.strip()


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, ["a", "b", "c", "a"]),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
    ],
)
def test_cycles_are_found(edges: Graph, expected: list[str]) -> None:
    """The search behind the cycle test finds a cycle where there is one, and only there."""
    assert expected == cycle_from("a", edges)


def test_climbing_through_private_modules_is_found() -> None:
    """A private module is no stairway: what it imports counts for those who import it."""
    graph: Graph = {
        f"{ROOT}.errors": {f"{ROOT}._helper"},
        f"{ROOT}._helper": {f"{ROOT}.deployer"},
        f"{ROOT}.deployer": set(),
    }

    assert {"deployer"} == reached(f"{ROOT}.errors", graph)
