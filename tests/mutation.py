"""Change the library in small ways, one at a time, and print the changes that no test notices.

Run it as a script: ``python tests/mutation.py --sample 300 --seed 1``. Each mutant is made in a copy of the package,
and gets the tests that cover its module, the fastest first, until one fails. Where no test does, the mutant survives: a
test is missing, or the change makes no difference. ``--at FILE:LINE`` tries every mutant of a line instead of a sample.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SECONDS = 240
"""After which a mutant counts as noticed: it hangs."""
_ROLLOUT = (
    *("tests/unit/rollout", "tests/unit/deployer", "tests/contract/test_rollouts.py", "tests/contract/test_history.py"),
    *("tests/contract/test_candidates.py", "tests/contract/test_odd_moves.py", "tests/contract/test_putting_right.py"),
    *("tests/contract/test_lifecycle.py", "tests/contract/test_stale_file.py", "tests/contract/test_switching.py"),
)
_SERVER = ("tests/server/test_refusals.py", "tests/server/test_lifecycle.py", "tests/server/test_wire.py")
TESTS: dict[str, tuple[str, ...]] = {
    "payload": ("tests/unit/payload",),
    "metadata": ("tests/unit/metadata",),
    "_transport": ("tests/unit/transport",),
    "_scoring": ("tests/unit/scoring", "tests/contract/test_scoring.py"),
    "_rollout": _ROLLOUT,
    "server/artifacts": (*_SERVER, "tests/server/test_serving.py"),
    "server/assets": ("tests/server/test_assets.py", *_SERVER),
    "server/deployments": ("tests/server/test_deployments.py", "tests/server/test_serving.py", *_SERVER),
    "server/http": (
        "tests/server/test_bounds.py",
        "tests/server/test_tokens.py",
        *_SERVER,
        "tests/server/test_assets.py",
    ),
    "server/jobs": ("tests/server/test_jobs.py", *_SERVER),
    "server/runtimes": ("tests/server/runtimes/test_archive.py",),
    "server/spaces": ("tests/server/test_spaces.py", *_SERVER),
    "server/specifications": ("tests/server/test_specifications.py", "tests/server/test_programs.py", *_SERVER),
    "server/storage": ("tests/server/test_format.py", "tests/server/test_spaces.py", *_SERVER),
}
"""Part of the package -> the tests that cover it, the fastest first."""
HEAVY = ("pytest", "pandas", "sklearn.linear_model", "sklearn.ensemble", "httpx", "requests", "pydantic")
"""Imported once, before the processes that run tests are forked; nothing of the library."""
_TURNED: dict[type[ast.AST], Any] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}


@dataclass(frozen=True)
class Mutant:
    """A change of one file: what stands between two offsets, and what takes its place."""

    path: Path
    line: int
    start: int
    end: int
    text: str

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]

    def describe(self) -> str:
        before = self.path.read_bytes()[self.start : self.end].decode()
        shown = [" ".join(text.split())[:100] for text in (before, self.text)]
        return f"{self.path.relative_to(ROOT)}:{self.line}: {shown[0]}  ->  {shown[1]}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    left_out = set(_left_out(tree))
    node: Any
    for node in ast.walk(tree):
        if id(node) in left_out or not hasattr(node, "lineno"):
            continue
        for text in _changed(node):
            yield Mutant(path, node.lineno, *_extent(node, starts), text)
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            # Nothing is caught.
            yield Mutant(path, node.lineno, *_extent(node.type, starts), "()")


def _extent(node: Any, starts: list[int]) -> tuple[int, int]:
    """Where a node begins and ends in the file."""
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def _left_out(tree: ast.Module) -> Iterator[int]:
    """Nodes that are not mutated: annotations, docstrings, decorators, what errors say, lists of names."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts += [node.returns, *node.decorator_list]
            parts += [each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg)]
        elif isinstance(node, ast.AnnAssign):
            parts += [node.annotation]
        elif isinstance(node, ast.JoinedStr):
            parts += [node]
        elif isinstance(node, ast.Raise):
            parts += [*ast.walk(node)][1:]
        elif (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING") or (
            isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
        ):
            parts += [node]
        for part in parts:
            yield from map(id, ast.walk(part) if part is not None else ())


def _changed(node: Any) -> Iterator[str]:  # noqa: C901 - one branch a kind of node
    """What could take the place of a node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _TURNED:
        turned = [_TURNED[type(node.ops[0])](), *node.ops[1:]]
        yield f"({ast.unparse(ast.Compare(node.left, turned, node.comparators))})"
    elif isinstance(node, ast.BoolOp):
        yield f"({ast.unparse(ast.BoolOp(_TURNED[type(node.op)](), node.values))})"
    elif isinstance(node, ast.BinOp) and type(node.op) in _TURNED and not _is_text(node):
        yield f"({ast.unparse(ast.BinOp(node.left, _TURNED[type(node.op)](), node.right))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield repr(node.value + 1)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "return None"
    elif isinstance(node, ast.Continue | ast.Break | ast.Raise | ast.AugAssign) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom)
    ):
        yield "pass"
    elif isinstance(node, ast.Call):
        if len(node.args) > 1 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
            swapped = [node.args[1], node.args[0], *node.args[2:]]
            yield ast.unparse(ast.Call(node.func, swapped, node.keywords))
        if node.keywords and node.keywords[-1].arg:
            yield ast.unparse(ast.Call(node.func, node.args, node.keywords[:-1]))
    elif isinstance(node, ast.If | ast.IfExp) and isinstance(node.test, ast.Name | ast.Call | ast.Attribute):
        kind: Any = type(node)
        inverted = kind(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield ast.unparse(inverted).replace("\n", "\n" + " " * node.col_offset)


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(each, ast.JoinedStr | ast.List | ast.Tuple) for each in (node.left, node.right))


def tests_of(path: Path) -> tuple[str, ...]:
    """The tests that cover a file."""
    part = path.relative_to(ROOT / "wml_deployer").as_posix()
    tests = next((tests for prefix, tests in TESTS.items() if part.startswith(f"{prefix}/")), ())
    return tuple(test for test in tests if (ROOT / test).exists())


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Put a mutant into the copy, run its tests in a process of their own, and take it out again."""
    target = copy / mutant.path.relative_to(ROOT)
    source = mutant.path.read_bytes()
    target.write_bytes(mutant.apply(source))
    # The compiled module is told from another by whole seconds and its size.
    for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*"):
        compiled.unlink()
    try:
        return _run(tests_of(mutant.path), copy) != 0
    finally:
        target.write_bytes(source)
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*"):
            compiled.unlink()


def _run(tests: tuple[str, ...], copy: Path) -> int:
    child = os.fork()
    if not child:
        os.setsid()
        _be_pytest(tests, copy)
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.05)
    else:
        status = 1
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    return status


def _be_pytest(tests: tuple[str, ...], copy: Path) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    os.chdir(copy)
    sys.path[0] = str(copy)
    os.environ["PYTHONPATH"] = str(copy)
    code = 1
    try:
        pytest = importlib.import_module("pytest")
        code = pytest.main(
            ["-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout", "60", *tests]
        )
    finally:
        os._exit(int(code))


def main() -> None:
    """Try the mutants, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--part", action="append", help="a part of the package, such as payload; all of them if not given"
    )
    parser.add_argument("--at", action="append", default=[], help="FILE:LINE, every mutant of it")
    parser.add_argument("--minutes", type=float, default=1e9, help="when to stop, whatever is left")
    given = parser.parse_args()
    parts = given.part or [part for part in TESTS if part != "server/runtimes" or given.at]
    files = sorted({path for part in parts for path in (ROOT / "wml_deployer" / part).rglob("*.py")})
    found = [mutant for path in files for mutant in mutants(path)]
    if given.at:
        places = {(str(ROOT / place.rpartition(":")[0]), int(place.rpartition(":")[2])) for place in given.at}
        chosen = [mutant for mutant in found if (str(mutant.path), mutant.line) in places]
    else:
        chosen = random.Random(given.seed).sample(found, min(given.sample, len(found)))
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    ends = time.monotonic() + 60 * given.minutes
    noticed = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "site"))
        for tests in sorted({tests_of(mutant.path) for mutant in chosen}):
            if _run(tests, copy):
                parser.error(f"These tests fail, or take too long, without any change: {' '.join(tests)}")
        for mutant in chosen:
            if time.monotonic() > ends:
                break
            started = time.monotonic()
            is_killed = is_noticed(mutant, copy)
            tried += 1
            noticed += is_killed
            state = "noticed" if is_killed else "SURVIVES"
            print(f"{state} {time.monotonic() - started:5.1f} s  {mutant.describe()}", flush=True)
    print(f"{noticed} of {tried} mutants were noticed; {len(found)} could be made.")


if __name__ == "__main__":
    main()
