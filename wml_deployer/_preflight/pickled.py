"""Classes in a model's pickle that the runtime will not find when it loads it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wml_deployer.frameworks._distributions import distributions_of_modules
from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.packaging._pickles import PickleScan
    from wml_deployer.specifications import Specification

__all__ = ["pickled_findings"]

_SHOWN = 5


def pickled_findings(scan: PickleScan, specification: Specification) -> Iterator[Finding]:
    """Look for what a model's pickles import and a runtime does not have.

    Args:
        scan: What they import.
        specification: The runtime, with its packages where it lists them.

    """
    by_root: dict[str, list[str]] = {}
    for module, name in sorted(scan.globals):
        if "<" in name:  # <lambda> and <locals> are how Python names what cannot be imported
            yield _nameless(module, name)
        else:
            by_root.setdefault(module.partition(".")[0], []).append(f"{module}.{name}")
    for root, names in by_root.items():
        yield from _root_findings(root, names, specification)


def _root_findings(root: str, names: list[str], specification: Specification) -> Iterator[Finding]:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    if root in {"__main__", "__mp_main__"}:
        yield Finding(
            "error",
            shown,
            "it stands in the script or notebook that runs now, and the runtime cannot import that",
            "Move it to a module of an installable package, and add that to a specification as a package extension.",
        )
    elif not _is_carried(root, specification):
        # What an extension installs is not told: it may be this.
        yield Finding(
            "warning" if specification.extensions else "error",
            shown,
            f"the package {root} is not among those of {specification.name}",
            f"Derive a specification with a package extension that installs {root}, and pass specification=.",
        )


def _is_carried(root: str, specification: Specification) -> bool:
    if root in sys.stdlib_module_names:
        return True
    listed = {_plain(name) for name in specification.packages}
    names = {_plain(name) for name in _names_of(root)}
    # A module that nobody distributes is the user's own.
    return bool(names) and (not listed or bool(names & listed))


def _names_of(root: str) -> tuple[str, ...]:
    """What a runtime that has a package lists: the package, or a framework that brings it."""
    for framework in FRAMEWORKS:
        if root == framework.package or root in framework.bundled:
            return root, *framework.packages
    return ("pandas",) if root == "pandas" else distributions_of_modules().get(root, ())


def _nameless(module: str, name: str) -> Finding:
    return Finding(
        "error",
        f"{module}.{name}",
        "a function without a name of its own cannot be imported by the runtime",
        "Write it as a function at the top of a module.",
    )


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
