"""Every example in a docstring runs, and every public function and class has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import wml_deployer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Recorder = Callable[[str, object], None]

MODULES = ["wml_deployer", *(found.name for found in pkgutil.walk_packages(wml_deployer.__path__, "wml_deployer."))]
# The package's own names are shown where they live; what is private, and the insides of the embedded service, explain
# themselves to contributors, not to users.
PUBLIC = [name for name in MODULES[1:] if not re.search(r"\._|\.server\.", name)]
PROMPT = re.compile(r"^\s*>>> ", re.MULTILINE)
IMPORT = re.compile(r"^\s*>>> (?:from|import) (\w+)", re.MULTILINE)


def load(name: str) -> ModuleType:
    """Import a module; skip the test where an optional package of others is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("wml_deployer"):
            raise
        pytest.skip(f"{name} needs {error.name}")


def needs_an_example(value: Any) -> bool:
    """Whether users call it: functions and classes, but not errors, which they catch."""
    return inspect.isroutine(value) or (inspect.isclass(value) and not issubclass(value, Exception))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, record_property: Recorder) -> None:
    """Each example of a module gives what it shows; none is skipped, and none is out of the runner's sight."""
    module = load(name)
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    written = len(PROMPT.findall(source))
    missing = [package for package in IMPORT.findall(source) if find_spec(package) is None]
    if missing:
        pytest.skip(f"the examples need {', '.join(missing)}")

    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.REPORT_NDIFF)

    record_property("examples run", results.attempted)
    assert (written, 0, 0) == (results.attempted, results.failed, getattr(results, "skipped", 0))


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name: str) -> None:
    """Whoever calls a public function or class is shown how."""
    module = load(name)
    values = {export: getattr(module, export) for export in getattr(module, "__all__", ()) if hasattr(module, export)}
    bare = [
        export for export, value in values.items() if needs_an_example(value) and not PROMPT.search(value.__doc__ or "")
    ]

    assert [] == bare


def test_there_are_modules_to_run() -> None:
    """The two tests above are not empty: the search finds the ground floor."""
    assert {"wml_deployer.errors", "wml_deployer.schema"} <= set(PUBLIC)
