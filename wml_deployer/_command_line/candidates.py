"""Commands on a candidate, a version beside the live one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._command_line.arguments import (
    ALLOW_SCHEMA_CHANGE,
    CREDENTIALS,
    DTYPE,
    MODEL,
    MODEL_OPTIONS,
    NAME,
    PROJECT,
    REASON,
    ROWS,
    SCORE_TIMEOUT,
    TIMEOUT,
    model_options,
)
from wml_deployer._command_line.command import Result, command, open_project
from wml_deployer._command_line.rollouts import deployment_facts
from wml_deployer._command_line.rows import RowFile

if TYPE_CHECKING:
    import argparse

__all__ = ["candidate", "compare", "discard", "promote"]


@command(
    "deploy a version beside the live one, under a URL of its own",
    *(MODEL, PROJECT, CREDENTIALS, TIMEOUT, *MODEL_OPTIONS, NAME),
)
def candidate(given: argparse.Namespace) -> Result:
    """Deploy a version beside the live one."""
    options = model_options(given)
    with open_project(given) as deployer:
        return Result(deployment_facts(deployer.candidate(given.model, version=given.name, **options)))


@command(
    "score the same rows on the live version and on the candidate", ROWS, PROJECT, CREDENTIALS, SCORE_TIMEOUT, DTYPE
)
def compare(given: argparse.Namespace) -> Result:
    """Set the answers of both versions side by side."""
    import pandas as pd  # noqa: PLC0415 - --help answers at once

    with open_project(given) as deployer:
        schema = deployer.status().schema
        rows = pd.concat(RowFile(given.rows, dict(given.dtype), schema).chunks(), ignore_index=True)
        comparison = deployer.compare(rows, timeout=given.timeout)
    changed = [
        {"row": row, "live": each["live"].to_dict(), "candidate": each["candidate"].to_dict()}
        for row, each in comparison.changed.iterrows()
    ]
    document = {
        "live": comparison.live,
        "candidate": comparison.candidate,
        "rows": comparison.rows,
        "agreement": comparison.agreement,
        "changed": changed,
        "shift": comparison.shift.to_dict("index"),
        "seconds": comparison.seconds,
    }
    return Result(document, repr(comparison))


@command(
    "serve the candidate's version on the live endpoint, and remove the candidate",
    *(PROJECT, CREDENTIALS, TIMEOUT, REASON, ALLOW_SCHEMA_CHANGE),
)
def promote(given: argparse.Namespace) -> Result:
    """Serve the candidate's version."""
    with open_project(given) as deployer:
        allowed = given.allow_schema_change
        deployment = deployer.promote(reason=given.reason, allow_schema_change=allowed, timeout=given.timeout)
        return Result(deployment_facts(deployment))


@command("remove the candidate; its version stays stored", PROJECT, CREDENTIALS, TIMEOUT)
def discard(given: argparse.Namespace) -> Result:
    """Remove the candidate."""
    with open_project(given) as deployer:
        deployer.discard(timeout=given.timeout)
    return Result({"action": "discarded"})
