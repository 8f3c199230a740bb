"""Requirements as a caller gives them: a list, a requirements file, or what the model's own classes need."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wml_deployer.errors import Fault, ModelError
from wml_deployer.frameworks._inspection import distributions_of_modules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["AUTO", "pins_of", "read_requirements"]

AUTO = "auto"
"""Asks for what the model's classes come from, at the versions of this process."""

_EXAMPLE = "requirements=['lightgbm==4.6.0']"


def read_requirements(
    given: Sequence[str] | str | os.PathLike[str] | None, imported: Collection[str]
) -> tuple[str, ...]:
    """Return requirements in the order of their names, each written in one way.

    Args:
        given: A list of requirements, the path of a requirements file, or ``"auto"``.
        imported: The top-level modules that loading the model imports, which ``"auto"`` looks at.

    Raises:
        ModelError: The file cannot be read, or a line is not a requirement; the faults name each.

    Example:
        >>> read_requirements(["NumPy >= 1.26", "lightgbm==4.6.0"], ())
        ('lightgbm==4.6.0', 'NumPy>=1.26')

    """
    if given is None:
        return ()
    if given == AUTO:
        return pins_of(imported)
    if isinstance(given, str | os.PathLike):
        source, lines = f" in {os.fspath(given)}", list(_lines_of(Path(given)))
    else:
        source, lines = "", [(f"requirement {number}", line) for number, line in enumerate(given, 1)]
    requirements, faults = [], []
    for where, line in lines:
        try:
            requirements.append(Requirement(line))
        except InvalidRequirement as error:  # noqa: PERF203 - all faults at once
            faults.append(Fault(where, f"{line!r} is not a requirement: {str(error).splitlines()[0]}", _expected(line)))
    if faults:
        raise ModelError(
            f"The requirements{source} cannot be used.",
            faults=tuple(faults),
            next_step=f"Write each as pip reads it, such as {_EXAMPLE}.",
        )
    return _ordered(requirements)


def pins_of(modules: Iterable[str]) -> tuple[str, ...]:
    """Require the distributions that modules come from, at the versions of this process.

    The standard library needs none. What is installed from a folder of this machine is the caller's own code, which no
    index has: it is left out, and goes along with ``code=``.

    Args:
        modules: Names of top-level modules.

    Example:
        >>> pins_of({"numpy", "json"})
        ('numpy==...',)

    """
    found = set()
    for module in set(modules) - sys.stdlib_module_names:
        for name in distributions_of_modules().get(module, ())[:1]:
            found.add(_pin(metadata.distribution(name)))
    return _ordered([Requirement(line) for line in found if line])


def _pin(distribution: metadata.Distribution) -> str | None:
    name = distribution.metadata["Name"]
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if "dir_info" in origin:
        return None
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{name} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    # A local version, such as 2.1+cpu, is a build of the same release, which an index may not have.
    return f"{name}=={distribution.version.partition('+')[0]}"


def _lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a requirements file that say something, each with where it stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        is_requirement = any(sign in str(path) for sign in "=<>~[")
        raise ModelError(
            f"The requirements {path} cannot be read: {error}",
            next_step=f"Give a list, such as requirements=[{str(path)!r}]."
            if is_requirement
            else f"Give the path of a requirements file, a list such as {_EXAMPLE}, or 'auto'.",
        ) from error
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        said = line.partition(" #")[0].strip()
        if said and not said.startswith("#"):
            yield f"line {number}", said


def _expected(line: str) -> str:
    if line.startswith("-"):
        return "a requirement: options of pip are not taken"
    return "a name, and a version if you like: lightgbm==4.6.0"


def _ordered(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    lines = {(canonicalize_name(one.name), str(one)) for one in requirements}
    return tuple(line for _, line in sorted(lines))
