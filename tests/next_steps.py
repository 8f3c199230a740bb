"""The literal next steps of the package's errors, and what follows one of them to the letter.

A next step is literal if it holds code or a command: a call, an argument, a line for the shell. A test that follows one
is decorated with its text, where ``{}`` stands for what is filled in::

    @follows("Call deploy(model) first.")
    def test_deploy_first(step: Step, deployer: Deployer, model: Any) -> None:
        step.given_by(lambda: deployer.update(model))
        step.run("deploy(model)", deployer, model=model)
"""

from __future__ import annotations

import ast
import re
import shlex
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from packaging.requirements import Requirement

import wml_deployer
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FOLLOWED", "Step", "follows", "literal_next_steps"]

Test = TypeVar("Test", bound="Callable[..., None]")

FOLLOWED: dict[str, str] = {}
"""Next step -> the test that follows it."""

_LITERAL = re.compile(r"\w\(|\b[a-z_]+=|`|pip install|python -m|\btar -|\bgit |keyring |--\w")
_TAKE_A_NEXT_STEP = frozenset({"Fault", "Finding", "Reason", "_Diagnosis", "_add", "user_code"})
"""Calls with a next step among their positional arguments, which are not the first."""


def follows(*texts: str) -> Callable[[Test], Test]:
    """Say which next steps a test follows."""

    def decorate(test: Test) -> Test:
        for text in texts:
            FOLLOWED[text] = test.__name__
        return test

    return decorate


class Step:
    """A next step that an error gave.

    Args:
        texts: The texts that it may be, as the source has them.

    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._known = texts
        self.text = ""

    def given_by(self, call: Callable[[], Any]) -> WMLDeployerError:
        """Call what fails; take the next step of its error, or of one of the error's faults."""
        with pytest.raises(WMLDeployerError) as caught:
            call()
        self.choose([caught.value.next_step, *(fault.expected for fault in caught.value.faults)])
        return caught.value

    def choose(self, texts: list[str | None]) -> None:
        """Take the next step that this is about out of several."""
        parts = [r"(.|\n)+".join(map(re.escape, known.split("{}"))) for known in self._known]
        found = [text for text in texts if text and any(re.fullmatch(part, text) for part in parts)]
        assert found, (self._known, texts)
        self.text = found[0]

    def run(self, code: str, target: object = None, *, filled_in: str = "", **names: Any) -> Any:
        """Evaluate code that the next step has, word for word.

        Args:
            code: The code.
            target: What its functions are methods of.
            filled_in: What stands in the place of ``...``.
            names: What its names stand for.

        """
        assert code in self.text, (code, self.text)
        methods = {name: getattr(target, name) for name in dir(target)} if target is not None else {}
        code = code.replace("...", filled_in) if filled_in else code
        return eval(code, {**methods, **names})

    def execute(self, code: str, *, before: str = "", **names: Any) -> None:
        """Execute a statement that the next step has, word for word, after what is to stand before it."""
        assert code in self.text, (code, self.text)
        exec(before + code, names)

    def arguments(self, code: str, **names: Any) -> dict[str, Any]:
        """Return the arguments that the next step has, word for word."""
        assert code in self.text, (code, self.text)
        return dict(eval(f"dict({code})", names))

    def install(self) -> None:
        """See that what the next step installs is what is installed here, so that the call works afterwards."""
        command = re.search(r"pip install ([^;]*?)(?:\)?, or .*|; .*)?$", self.text)
        assert command is not None, self.text
        for text in shlex.split(command[1].removeprefix("--editable ")):
            requirement = Requirement(text)
            assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True), text


def literal_next_steps() -> set[str]:
    """Collect the literal next steps out of the package's sources."""
    sources = Path(wml_deployer.__file__).parent.rglob("*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources if "server" not in path.parts]
    return {text for tree in trees for text in _Module(tree).next_steps() if _LITERAL.search(text)}


class _Module:
    """A module, and what its names stand for.

    Args:
        tree: Its source.

    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    name = getattr(target, "id", getattr(target, "attr", ""))
                    self._values.setdefault(name, []).append(node.value)
            elif isinstance(node, ast.FunctionDef):
                returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
                self._values.setdefault(node.name, []).extend(returned)

    def next_steps(self) -> Iterator[str]:
        """Yield every text that is given as a next step, or as what is expected in place of a fault."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg in {"next_step", "expected"}:
                        yield from self._texts(keyword.value)
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                for argument in node.args[1:] if name in _TAKE_A_NEXT_STEP else ():
                    yield from self._texts(argument)
        for value in self._values.get("next_step", ()):
            yield from self._texts(value)

    def _texts(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> list[str]:
        """Return the texts that an expression can be, with ``{}`` for what is only known when it runs."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)]
        if isinstance(node, ast.BinOp):
            left, right = self._texts(node.left, seen) or ["{}"], self._texts(node.right, seen) or ["{}"]
            return [one + other for one in left for other in right]
        parts: list[ast.expr] = []
        name = ""
        if isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp | ast.Dict):
            parts = node.values
        elif isinstance(node, ast.Subscript):
            parts = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get":
            parts = [node.func.value, *node.args[1:]]  # type: ignore[attr-defined]
        elif isinstance(node, ast.Name | ast.Call):
            name = getattr(node, "id", getattr(getattr(node, "func", None), "id", ""))
            if name == "install_command":
                return ["python -m pip install {}"]
            parts = self._values.get(name, []) if name not in seen else []
        return [text for part in parts for text in self._texts(part, seen | {name})]
