"""Commands that score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._command_line.arguments import (
    CREDENTIALS,
    DTYPE,
    PROJECT,
    ROWS,
    SCORE_TIMEOUT,
    TIMEOUT,
    unicode,
)
from wml_deployer._command_line.command import Result, argument, command, open_project
from wml_deployer._command_line.output import stop_writing
from wml_deployer._command_line.rows import RowFile, score_writer
from wml_deployer._scoring.options import IN_FLIGHT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["jobs", "score", "task_credentials"]


@command(
    "score rows on the live deployment, however many",
    *(ROWS, PROJECT, CREDENTIALS, SCORE_TIMEOUT),
    argument("--output", type=Path, metavar="FILE", help="CSV or Parquet file to write; printed as CSV by default"),
    argument(
        "--keep",
        type=unicode,
        action="append",
        default=[],
        metavar="NAME",
        help="column that is not scored and stands before the scores, such as an id; repeatable",
    ),
    DTYPE,
    argument("--batch-rows", type=int, metavar="N", help="rows a request; chosen from the answer times by default"),
    argument("--in-flight", type=int, default=IN_FLIGHT, metavar="N", help="requests at the same time"),
    argument(
        "--on-error",
        choices=["raise", "null"],
        default="raise",
        help="end with the first request that fails, or leave its rows empty",
    ),
)
def score(given: argparse.Namespace) -> Result:
    """Score rows chunk by chunk."""
    with open_project(given) as deployer:
        deployment = deployer.status()
        rows = RowFile(given.rows, dict(given.dtype), deployment.schema, given.keep)
        options = {"batch_rows": given.batch_rows, "in_flight": given.in_flight, "on_error": given.on_error}
        scores = rows.with_kept(deployer.score(rows.chunks(), timeout=given.timeout, **options))
        collected: list[dict[Any, Any]] = []
        count = 0
        if given.json and given.output is None:
            for chunk in scores:
                collected += chunk.to_dict("records")
            count = len(collected)
        else:
            count = _write(scores, given.output)
    facts = {"rows": count, "version": deployment.version, "deployment_id": deployment.id}
    if given.output is None:
        return Result({**facts, "scores": collected}, "")
    return Result({**facts, "output": str(given.output)})


def _write(scores: Iterator[pd.DataFrame], output: Path | None) -> int:
    """Write scores as they come; return how many."""
    count = 0
    with score_writer(output) as write:
        for chunk in scores:
            try:
                write(chunk)
            except BrokenPipeError:
                # Whoever reads them, like head, has seen enough.
                stop_writing(sys.stdout)
                break
            count += len(chunk)
    return count


@command("list the jobs that score for the project on the platform", PROJECT, CREDENTIALS, TIMEOUT)
def jobs(given: argparse.Namespace) -> Result:
    """List jobs."""
    names = ("id", "name", "state", "failure", "model_id", "revision")
    with open_project(given) as deployer:
        rows = [{name: getattr(job, name) for name in names} for job in deployer.jobs(timeout=given.timeout)]
    return Result(rows, None if rows else "There are no jobs.")


@command(
    "let IBM Cloud keep your API key, with which it runs jobs; needed once",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    name="task-credentials",
)
def task_credentials(given: argparse.Namespace) -> Result:
    """Let IBM Cloud run jobs on the caller's behalf."""
    with open_project(given) as deployer:
        created = deployer.create_task_credentials(timeout=given.timeout)
    return Result({"created": created})
