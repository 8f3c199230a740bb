"""What keeps a function from running on a software specification as it runs here."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from wml_deployer._preflight.pickled import pickled_findings
from wml_deployer._preflight.skew import skew_findings
from wml_deployer.frameworks import major_minor
from wml_deployer.frameworks._distributions import distributions_of_modules
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.frameworks import ModelProfile
    from wml_deployer.packaging import Package
    from wml_deployer.specifications import Specification

__all__ = ["function_findings"]

_PYTHON = re.compile(r"-py(\d+\.\d+)")


def function_findings(
    profile: ModelProfile, package: Package, specification: Specification, *, here: bool
) -> Iterator[Finding]:
    """Find what keeps a function from being imported, or lets it answer otherwise.

    Args:
        profile: What is known of the model.
        package: What is stored.
        specification: The runtime, with its packages.
        here: Whether the service has this process's Python and packages, as the embedded one does.

    """
    scan, own = package.scan(), list[Finding]()
    packages = {module.partition(".")[0] for module, _ in scan.globals}
    found = [*skew_findings(profile.libraries, specification, lambda: packages)]
    installed = distributions_of_modules()
    for finding in pickled_findings(scan, specification):
        # A module that nobody distributes is the user's own, and stays here.
        is_installed = finding.subject.partition(".")[0] in installed
        (found if is_installed else own).append(finding)
    if "cloudpickle" in packages:
        found += _python_findings(profile.python, specification)
    yield from own
    yield from (replace(finding, severity="warning") if here else finding for finding in found)


def _python_findings(python: str, specification: Specification) -> Iterator[Finding]:
    """Code that goes along by value is bytecode, which each minor release of Python writes in its own way."""
    named = _PYTHON.search(specification.name)
    there = specification.packages.get("python") or (named[1] if named else None)
    if there is not None and major_minor(there) != major_minor(python):
        yield Finding(
            "error",
            "python",
            f"classes or functions of this script go along as bytecode of Python {major_minor(python)}, and "
            f"{specification.name} has {major_minor(there)}",
            "Move them to a module of an installable package, or work with the Python of the runtime.",
        )
