"""Commands that check a model and store it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import (
    CREDENTIALS,
    MODEL,
    MODEL_OPTIONS,
    PROJECT,
    TIMEOUT,
    model_options,
)
from wml_deployer._command_line.command import Result, argument, command, open_project
from wml_deployer._command_line.output import EXIT_CHECKED

if TYPE_CHECKING:
    import argparse

__all__ = ["check"]


@command(
    "tell what would go wrong; nothing is uploaded",
    *(MODEL, PROJECT, CREDENTIALS, TIMEOUT, *MODEL_OPTIONS),
    argument("--isolated", action="store_true", help="prove it in a clean virtual environment as well"),
)
def check(given: argparse.Namespace) -> Result:
    """Find what would go wrong with a model."""
    options = model_options(given)
    with open_project(given) as deployer:
        report = deployer.check(given.model, isolated=given.isolated, **options)
    return Result({"ok": report.ok, **asdict(report)}, repr(report), 0 if report.ok else EXIT_CHECKED)
