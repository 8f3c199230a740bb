"""Commands that check a model and store it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import (
    CREDENTIALS,
    METRICS,
    MODEL,
    MODEL_OPTIONS,
    NAME,
    PROJECT,
    TIMEOUT,
    model_options,
    read_metrics,
)
from wml_deployer._command_line.command import Result, argument, command, open_project
from wml_deployer._command_line.output import EXIT_CHECKED, in_words

if TYPE_CHECKING:
    import argparse

__all__ = ["check", "store"]


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
    findings = tuple(replace(each, next_step=in_words(each.next_step, given)) for each in report.findings)
    report = replace(report, findings=findings)
    return Result({"ok": report.ok, **asdict(report)}, repr(report), 0 if report.ok else EXIT_CHECKED)


@command(
    "upload a model and freeze it as a version; nothing serves it yet",
    *(MODEL, PROJECT, CREDENTIALS, TIMEOUT, *MODEL_OPTIONS, NAME, METRICS),
)
def store(given: argparse.Namespace) -> Result:
    """Store a model as a version."""
    options, metrics = model_options(given), read_metrics(given.metrics)
    with open_project(given) as deployer:
        stored = deployer.store(given.model, version=given.name, metrics=metrics, **options)
    names = ("revision", "digest", "model_type", "software_specification", "route")
    facts = {name: getattr(stored, name) for name in names}
    return Result({"version": stored.version, "model_id": stored.id, **facts})
