"""Commands on the past of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import CREDENTIALS, PROJECT, TIMEOUT
from wml_deployer._command_line.command import Result, command, open_project

if TYPE_CHECKING:
    import argparse

__all__ = ["history"]


@command("tell what was live, when, and why", PROJECT, CREDENTIALS, TIMEOUT)
def history(given: argparse.Namespace) -> Result:
    """List what was live."""
    with open_project(given) as deployer:
        rows = [{str(name): value for name, value in row.items()} for row in deployer.history().to_dict("records")]
    return Result(rows, None if rows else "Nothing was live yet.")
