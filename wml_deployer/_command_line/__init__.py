"""The command line: what a pipeline runs after training, one command for each verb.

Results go to standard output, progress and errors to standard error. With ``--json`` standard output is one JSON
document, also of a failure: ``{"error": {...}, "exit_code": 13}``. Exit codes:

==== ================================================================================
0    done
1    a fault of this program
2    the arguments are wrong
10   credentials or metadata.yaml cannot be used
11   the model, the sample or the metrics cannot be used
12   no such version, or nothing is deployed
13   another version is deployed already, or somebody else was faster
14   the rollout failed; what served before serves again
15   the service refused
16   the service did not answer in time
17   ``check`` found what would go wrong, or a model was refused for it
130  interrupted
==== ================================================================================

A command is a function with its arguments, in the module of its subject, and stands in ``COMMANDS``. It gets the parsed
arguments and returns a :class:`Result`; it raises what the library raises, and prints nothing.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from wml_deployer import errors
from wml_deployer._command_line import about, candidates, history, rollouts, scoring, spaces, storing
from wml_deployer._command_line.output import UsageError, fail, refuse, write_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer._command_line.command import Command

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS: tuple[Command, ...] = (
    storing.check,
    storing.store,
    rollouts.deploy,
    rollouts.update,
    rollouts.release,
    rollouts.rollback,
    rollouts.scale,
    candidates.candidate,
    candidates.compare,
    candidates.promote,
    candidates.discard,
    rollouts.status,
    history.history,
    history.diff,
    scoring.score,
    scoring.jobs,
    scoring.task_credentials,
    history.recover,
    history.prune,
    rollouts.delete,
    spaces.spaces,
    spaces.create,
    about.console,
    about.version,
)
"""Every command, in the order of ``--help``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What stands behind the program's name; the process's own if not given.

    Returns:
        The exit code.

    Example:
        >>> main(["history", "no/such/project", "local"])
        10

    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    names = [command.name for command in COMMANDS]
    if " ".join(words[:2]) in names:
        words[:2] = [" ".join(words[:2])]
    try:
        given = make_parser().parse_args(words)
    except UsageError as error:
        return refuse(error, as_json="--json" in words)
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    logging.getLogger("wml_deployer").setLevel(logging.INFO if given.verbose else logging.NOTSET)
    # Nobody watches bars there: a line tells each stage that is over.
    logging.getLogger("wml_deployer.progress").setLevel(logging.INFO if os.environ.get("CI") else logging.NOTSET)
    try:
        result = given.run(given)
    except (errors.WMLDeployerError, KeyboardInterrupt) as error:
        return fail(error, given)
    except Exception as error:  # noqa: BLE001 - a fault of this program, with its traceback
        traceback.print_exc()
        return fail(error, given)
    write_result(result, as_json=given.json)
    return int(result.exit_code)


class _Parser(argparse.ArgumentParser):
    """Raises an error where argparse would end the process, so that ``--json`` gets its document."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise UsageError(f"{self.prog}: {message}", self.format_usage())


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    parser = _Parser(prog="wml-deployer", description="Deploy a model to IBM Watson Machine Learning.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        for each in command.arguments:
            each.add_to(subparser)
        subparser.add_argument("--json", action="store_true", help="one JSON document instead of text")
        subparser.add_argument("-v", "--verbose", action="store_true", help="tell each step")
        subparser.set_defaults(run=command.run, commands=[each.name for each in COMMANDS])
    return parser
