"""Commands about the program and the embedded service."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import CREDENTIALS, PROJECT, TIMEOUT
from wml_deployer._command_line.command import Result, command, open_project

if TYPE_CHECKING:
    import argparse

__all__ = ["console", "installed", "version"]

_PACKAGES = ("ibm-watson-machine-learning", "ibm-watsonx-ai", "numpy", "pandas", "scikit-learn")


@command("give a link to the console of the embedded service", PROJECT, CREDENTIALS, TIMEOUT)
def console(given: argparse.Namespace) -> Result:
    """Give a link to the console, which lets its first visitor in."""
    with open_project(given) as deployer:
        link = deployer.console_link()
    return Result({"url": link}, link)


@command("tell the versions of this program and of what it works with")
def version(given: argparse.Namespace) -> Result:  # noqa: ARG001 - it takes no arguments
    """Tell versions, for reports of faults."""
    others = {name: installed(name) for name in _PACKAGES}
    document = {"wml_deployer": installed("wml_deployer"), "python": platform.python_version(), **others}
    return Result(document, "\n".join(f"{name}: {number or 'not installed'}" for name, number in document.items()))


def installed(package: str) -> str | None:
    """Return the version of an installed package, or ``None``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
