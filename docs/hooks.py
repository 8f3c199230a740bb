"""Fill the site's generated parts from the source, so that they cannot go stale, and keep it free of third parties."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).parents[1] / "wml_deployer"
MAP = "<!-- map of the library -->"
SERVER_MAP = "<!-- map of the embedded service -->"
ROUTES = "<!-- routes of the embedded service -->"
ABSENT = "<!-- what the embedded service does not have -->"
SPECIFICATIONS = "<!-- specifications of the embedded service -->"
SURFACE = "<!-- what IBM's clients ask for -->"
EXTERNAL = re.compile(r"""<(?:script|link|img|iframe|source|video)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")
CLASSIC = Path(__file__).parent / "classic_surface.txt"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the marks of a page by what they stand for."""
    parts: dict[str, Callable[[], str]] = {
        MAP: partial(draw_map, PACKAGE),
        SERVER_MAP: partial(draw_map, PACKAGE / "server"),
        ROUTES: draw_routes,
        ABSENT: draw_absent,
        SPECIFICATIONS: draw_specifications,
        SURFACE: draw_surface,
    }
    for mark, draw in parts.items():
        if mark in markdown:
            markdown = markdown.replace(mark, draw())
    return markdown


def on_post_page(output: str, page: Any, **_: object) -> str:
    """Refuse a page that would load anything from another site, which would then learn who reads the docs."""
    # The notebooks have no formulas, and their template loads MathJax from a content network.
    output = re.sub(r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", "", output, flags=re.DOTALL)
    tags = [tag[0] for tag in EXTERNAL.finditer(output) if "canonical" not in tag[0]]
    if tags:
        from mkdocs.exceptions import PluginError  # noqa: PLC0415 - tests read this file without mkdocs

        raise PluginError(f"{page.file.src_path} loads from elsewhere: {', '.join(tags)}")
    return output


def draw_map(folder: Path) -> str:
    """A table of a package's modules, ground floor first: the floor, the module, and what it holds."""
    rows = sorted((floor_of(path), name_of(path), path) for path in modules_of(folder))
    lines = ["| floor | module | holds |", "| --: | --- | --- |"]
    return "\n".join([*lines, *(f"| {floor} | `{name}` | {summary(path)} |" for floor, name, path in rows)])


def draw_routes() -> str:
    """What the embedded service answers, a table for each of its parts."""
    return "\n".join(line for part in iter_modules([str(PACKAGE / "server")]) for line in draw_part(part.name))


def draw_part(name: str) -> Iterator[str]:
    """The heading and the table of one part; nothing for a part without routes."""
    if not (PACKAGE / "server" / name / "responses.py").is_file():
        return
    package = import_module(f"wml_deployer.server.{name}")
    yield f"\n### {(package.__doc__ or '').partition(':')[0].rstrip('.')}\n"
    yield from ("| | | |", "| --- | --- | --- |")
    for route in import_module(f"{package.__name__}.responses").ROUTES:
        yield f"| {route.method} | `{route.path}` | {described(route)} |"


def draw_absent() -> str:
    """What the clients can ask the real service for and the embedded one does not have, with the reason."""
    lines = ["| not there | paths | why |", "| --- | --- | --- |"]
    for part in import_module("wml_deployer.server.http.not_served").MISSING_PARTS:
        paths = ", ".join(f"`{path}`" for path in part.paths)
        lines.append(f"| {part.name} | {paths} | {part.reason} |")
    return "\n".join(lines)


def draw_surface() -> str:
    """Every request of both clients' classic surface, and what the embedded service does with it."""
    rows = (f"| {asked.method} `{asked.path}` | {asked.here} | {asked.why} |" for asked in classic_surface())
    return "\n".join(["| request | here | |", "| --- | --- | --- |", *rows])


@dataclass(frozen=True)
class Asked:
    """A request that one of IBM's clients can make: ``served``, ``refused`` with a reason, or ``absent``."""

    method: str
    path: str
    here: str
    why: str


def classic_surface() -> Iterator[Asked]:
    """The requests of both clients' classic surface, in the order of their paths."""
    routes = import_module("wml_deployer.server.app.application").ROUTES
    served = {(route.method, pattern(route.path)): described(route) for route in routes}
    for line in CLASSIC.read_text("utf-8").splitlines():
        method, path = line.split()
        known = served.get((method, pattern(path)))
        part = import_module("wml_deployer.server.http.not_served").missing_part(pattern(path))
        if known is not None:
            yield Asked(method, path, "served", known)
        elif part is not None:
            yield Asked(method, path, "refused", f"{part.name}. {part.reason}")
        else:
            yield Asked(method, path, "absent", "The client has the address, and no part of it asks for it.")


def pattern(path: str) -> str:
    """A path whose variable parts have no names."""
    return re.sub(r"{[^}]*}", "*", path)


def described(route: Any) -> str:
    """The first line of what a route's handler says of itself."""
    handler = route.handler.func if isinstance(route.handler, partial) else route.handler
    return (handler.__doc__ or "").partition("\n")[0]


def draw_specifications() -> str:
    """The base software specifications that are not retired: state, successor and libraries."""
    catalogue = import_module("wml_deployer.server.specifications.catalogue")
    lines = ["| software specification | state | successor | libraries |", "| --- | --- | --- | --- |"]
    for name, state in sorted(catalogue.STATES.items()):
        libraries = ", ".join(f"{one} {version}" for one, version in catalogue.PACKAGES.get(name, {}).items())
        lines.append(f"| `{name}` | {state} | {catalogue.REPLACEMENTS.get(name, '')} | {libraries} |")
    return "\n".join(lines)


def modules_of(folder: Path) -> list[Path]:
    """The modules of a package: the embedded service is a house of its own, and the top is only a list of names."""
    inside = (path for path in folder.rglob("*.py") if path != PACKAGE / "__init__.py")
    return [path for path in inside if folder == PACKAGE / "server" or PACKAGE / "server" not in path.parents]


def name_of(path: Path) -> str:
    """A module as a reader looks for it; a package by its folder."""
    return path.relative_to(PACKAGE).as_posix().removesuffix("__init__.py").removesuffix(".py")


def summary(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(documentation.partition("\n\n")[0].split()).replace("|", "\\|")


@cache
def floor_of(path: Path) -> int:
    """How many modules stand below this one: the longest chain of imports down to the ground."""
    return max((1 + floor_of(below) for below in imported_by(path)), default=0)


def imported_by(path: Path) -> set[Path]:
    """The modules of the package that a module imports when it runs, at the top or on demand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {node for branch in ast.walk(tree) if is_for_types(branch) for node in ast.walk(branch)}
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node not in skipped)
    names = (f"{node.module}.{alias.name}" for node in imports if node.module for alias in node.names)
    return {found for name in names if (found := locate(name)) and found != path}


def is_for_types(node: ast.AST) -> bool:
    """Whether a branch is there for type checkers only."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def locate(name: str) -> Path | None:
    """The file of a dotted name, or of the module that defines it."""
    parts = name.split(".")
    while parts and parts[0] == PACKAGE.name:
        stem = PACKAGE.parent.joinpath(*parts)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
        parts.pop()
    return None
