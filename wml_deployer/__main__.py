"""The command line: what a pipeline runs after training.

Results go to standard output, progress and errors to standard error. Exit codes:

==== =================================================================
0    done
1    a fault of this program
2    the arguments are wrong
10   credentials or metadata.yaml cannot be used
11   the model or the sample cannot be used
12   no such version, or nothing is deployed
13   another version is deployed already, or somebody else was faster
14   the rollout failed; what served before serves again
15   the service refused
16   the service did not answer in time
130  interrupted
==== =================================================================
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wml_deployer.deployer import Deployer
    from wml_deployer.deployment import Deployment

__all__ = ["main"]

# The first that fits counts: the special stand before the general.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.ConfigurationError, 10),
    (errors.ModelError, 11),
    (errors.PayloadError, 11),
    (errors.VersionError, 12),
    (errors.ConflictError, 13),
    (errors.RolloutError, 14),
    (errors.ServiceError, 15),
    (errors.TransportError, 16),
    (errors.DeadlineError, 16),
    (KeyboardInterrupt, 130),
)


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
    given = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if given.verbose else logging.WARNING, format="%(message)s"
    )
    try:
        result = given.run(given)
    except (errors.WMLDeployerError, KeyboardInterrupt) as error:
        print(f"wml-deployer {given.command}: {str(error) or 'interrupted'}", file=sys.stderr)  # noqa: T201 - the command line's voice
        return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)
    print(json.dumps(result, default=str) if given.json else _as_text(result))  # noqa: T201 - the command line's result
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wml-deployer", description="Deploy a model to IBM Watson Machine Learning.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    rollouts: dict[str, str] = {
        "deploy": "deploy the project's first version",
        "update": "serve another version under the same id and URL",
        "release": "deploy the first time, afterwards update; nothing when this content is live",
    }
    for name, help_text in rollouts.items():
        command = _command(commands, name, help_text, _roll_out)
        command.add_argument("--sample", type=Path, metavar="CSV", help="rows that the deployment must answer as here")
        command.add_argument("--name", metavar="VERSION", help="name of the version; the project's version by default")
        command.add_argument("--specification", metavar="NAME", help="software specification; the best by default")
        command.add_argument("--unpickle", action="store_true", help="load the model file to find schema and classes")
        command.add_argument("--reason", help="why, for the history")
    rollback = _command(commands, "rollback", "serve an earlier version again", _roll_back, model=False)
    rollback.add_argument("--to", metavar="VERSION", help="version or revision; the last good one by default")
    rollback.add_argument("--reason", help="why, for the history")
    _command(commands, "status", "tell what serves", _status, model=False)
    _command(commands, "history", "tell what was live, when, and why", _history, model=False)
    return parser


def _command(
    commands: Any, name: str, help_text: str, run: Callable[[argparse.Namespace], Any], *, model: bool = True
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    if model:
        command.add_argument("model", type=Path, help=".joblib, .pkl, .tar.gz or directory")
    command.add_argument("project", type=Path, help="folder with metadata.yaml")
    command.add_argument("credentials", help="credentials.yaml, or the word local for the embedded service")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for the whole call")
    command.add_argument("-v", "--verbose", action="store_true", help="tell each step")
    command.set_defaults(run=run)
    return command


def _open(given: argparse.Namespace) -> Deployer:
    from wml_deployer.deployer import Deployer  # noqa: PLC0415 - --help answers at once

    metadata = given.project / "metadata.yaml"
    return (
        Deployer.local(metadata) if given.credentials == "local" else Deployer.from_files(given.credentials, metadata)
    )


def _roll_out(given: argparse.Namespace) -> dict[str, Any]:
    import pandas as pd  # noqa: PLC0415 - --help answers at once

    with _open(given) as deployer:
        change: Callable[..., Deployment] = getattr(deployer, given.command)
        return _told(
            change(
                given.model,
                sample=None if given.sample is None else pd.read_csv(given.sample),
                version=given.name,
                specification=given.specification,
                unpickle=given.unpickle,
                reason=given.reason,
                timeout=given.timeout,
            )
        )


def _roll_back(given: argparse.Namespace) -> dict[str, Any]:
    with _open(given) as deployer:
        return _told(deployer.rollback(given.to, reason=given.reason, timeout=given.timeout))


def _status(given: argparse.Namespace) -> dict[str, Any]:
    with _open(given) as deployer:
        return _told(deployer.status())


def _history(given: argparse.Namespace) -> list[dict[str, Any]]:
    with _open(given) as deployer:
        return [{str(name): value for name, value in row.items()} for row in deployer.history().to_dict("records")]


def _told(deployment: Deployment) -> dict[str, Any]:
    names = ("id", "name", "url", "state", "version", "model_id", "revision")
    return {name: getattr(deployment, name) for name in names}


def _as_text(result: dict[str, Any] | list[dict[str, Any]]) -> str:
    if isinstance(result, dict):
        return "\n".join(f"{name}: {value}" for name, value in result.items())
    return "\n".join("  ".join(str(value) for value in row.values() if value is not None) for row in result)


if __name__ == "__main__":
    sys.exit(main())
