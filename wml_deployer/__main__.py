"""The command line: what a pipeline runs after training.

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
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import shlex
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from wml_deployer import errors
from wml_deployer._next_steps import in_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wml_deployer._verification.sample_file import SampleFile
    from wml_deployer.deployer import Deployer
    from wml_deployer.deployment import Deployment

__all__ = ["main"]

EXIT_USAGE = 2
EXIT_CHECKED = 17
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# The first that fits counts: the special stand before the general.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.CheckError, EXIT_CHECKED),
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
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    try:
        given = parser.parse_args(words)
    except _UsageError as error:
        return _refuse(error, as_json="--json" in words)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if given.verbose else logging.WARNING, format="%(message)s"
    )
    try:
        result = given.run(given)
    except (errors.WMLDeployerError, KeyboardInterrupt) as error:
        return _fail(error, given, parser)
    except Exception as error:  # noqa: BLE001 - a fault of this program, with its traceback
        traceback.print_exc()
        return _fail(error, given, parser)
    _write(json.dumps(result, default=str) if given.json else _as_text(result), sys.stdout)
    return EXIT_CHECKED if given.command == "check" and not result["ok"] else 0


def _fail(error: BaseException, given: argparse.Namespace, parser: _Parser) -> int:
    """Say what went wrong, and return its exit code."""
    if isinstance(error, errors.WMLDeployerError) and error.next_step is not None:
        model, place = str(getattr(given, "model", "MODEL")), shlex.join([str(given.project), given.credentials])
        error.next_step = in_flags(error.next_step, parser.commands, shlex.quote(model), place)
    said = str(error) or ("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)
    _write(f"wml-deployer {given.command}: {said}", sys.stderr)
    if given.json:
        parts = ("operation", "status", "code", "trace", "next_step")
        known = {name: value for name in parts if (value := getattr(error, name, None)) is not None}
        faults = [asdict(fault) for fault in getattr(error, "faults", ())]
        _write_error(type(error).__name__, getattr(error, "message", said), code, **known, faults=faults)
    return code


def _refuse(error: _UsageError, *, as_json: bool) -> int:
    """Say what is wrong with the arguments, and return the exit code."""
    _write(f"{error.usage}{error}", sys.stderr)
    if as_json:
        _write_error("UsageError", str(error), EXIT_USAGE, next_step="Correct the arguments.", faults=[])
    return EXIT_USAGE


def _write_error(kind: str, message: str, exit_code: int, **parts: Any) -> None:
    told = {"type": kind, "message": message, **parts}
    _write(json.dumps({"error": told, "exit_code": exit_code}), sys.stdout)


def _write(text: str, stream: TextIO) -> None:
    """Write a line, whatever the terminal can show and whoever still reads it: the work is done by then."""
    # Control characters move the cursor or change the title of a terminal; names and reasons may hold them.
    shown = _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        # What is still in the buffer is not written at the end of the process either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _UsageError(Exception):
    """The arguments are wrong.

    Args:
        message: What is wrong.
        usage: How the command is used.

    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """Raises an error where argparse would end the process, so that ``--json`` gets its document."""

    commands: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise _UsageError(f"{self.prog}: {message}", self.format_usage())


def _seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _unicode(text: str) -> str:
    """Read text that goes into a file or to the service: bytes that are not UTF-8 can be written nowhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is not UTF-8") from None
    return text


def _parser() -> _Parser:
    parser = _Parser(prog="wml-deployer", description="Deploy a model to IBM Watson Machine Learning.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    rollouts: dict[str, str] = {
        "deploy": "deploy the project's first version",
        "update": "serve another version under the same id and URL",
        "release": "deploy the first time, afterwards update; nothing when this content is live",
    }
    for name, help_text in rollouts.items():
        command = _model_command(commands, name, help_text, _roll_out)
        command.add_argument(
            "--name", type=_unicode, metavar="VERSION", help="name of the version; the project's version by default"
        )
        command.add_argument("--metrics", type=Path, metavar="JSON", help="numbers measured of it, by name")
        command.add_argument("--reason", type=_unicode, help="why, for the history")
        if name != "deploy":
            command.add_argument(
                "--allow-schema-change",
                action="store_true",
                help="even if it takes other columns than the live version, or is a regressor in place of a classifier",
            )
    check = _model_command(commands, "check", "tell what would go wrong; nothing is uploaded", _check)
    check.add_argument("--isolated", action="store_true", help="prove it in a clean virtual environment as well")
    rollback = _command(commands, "rollback", "serve an earlier version again", _roll_back, model=False)
    rollback.add_argument(
        "--to",
        type=_unicode,
        metavar="VERSION",
        help="version, revision or digest; the one before the present one by default",
    )
    rollback.add_argument("--reason", type=_unicode, help="why, for the history")
    _command(commands, "status", "tell what serves", _status, model=False)
    _command(commands, "history", "tell what was live, when, and why", _history, model=False)
    parser.commands = tuple(commands.choices)
    return parser


def _model_command(
    commands: Any, name: str, help_text: str, run: Callable[[argparse.Namespace], Any]
) -> argparse.ArgumentParser:
    command = _command(commands, name, help_text, run)
    command.add_argument(
        "--sample", type=Path, metavar="FILE", help="CSV or Parquet: rows that the deployment must answer as here"
    )
    command.add_argument(
        "--dtype",
        type=_dtype,
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help="pandas dtype of a column of the sample; repeatable",
    )
    command.add_argument(
        "--specification", type=_unicode, metavar="NAME", help="software specification; the best by default"
    )
    command.add_argument("--route", choices=["native", "function"], help="the way to go live; chosen by default")
    command.add_argument(
        "--requirements",
        type=_unicode,
        metavar="FILE",
        help="requirements file of what to install beside the runtime's libraries; or the word auto",
    )
    command.add_argument(
        "--code", type=Path, action="append", metavar="PATH", help="own package or module that goes along; repeatable"
    )
    command.add_argument("--unpickle", action="store_true", help="load the model file to find schema and classes")
    return command


def _command(
    commands: Any, name: str, help_text: str, run: Callable[[argparse.Namespace], Any], *, model: bool = True
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    if model:
        command.add_argument("model", type=Path, help=".joblib, .pkl, .tar.gz or directory")
    command.add_argument("project", type=Path, help="folder with metadata.yaml")
    command.add_argument("credentials", help="credentials.yaml, or the word local for the embedded service")
    command.add_argument("--json", action="store_true", help="one JSON document instead of text")
    command.add_argument("--timeout", type=_seconds, default=600.0, metavar="SECONDS", help="for the whole call")
    command.add_argument("-v", "--verbose", action="store_true", help="tell each step")
    command.set_defaults(run=run)
    return command


def _open(given: argparse.Namespace) -> Deployer:
    from wml_deployer.deployer import Deployer  # noqa: PLC0415 - --help answers at once

    metadata = given.project / "metadata.yaml"
    return (
        Deployer.local(metadata) if given.credentials == "local" else Deployer.from_files(given.credentials, metadata)
    )


def _check(given: argparse.Namespace) -> dict[str, Any]:
    sample = _sample(given)
    with _open(given) as deployer:
        report = deployer.check(
            given.model,
            sample=sample,
            specification=given.specification,
            requirements=given.requirements,
            code=given.code,
            isolated=given.isolated,
            route=given.route,
            unpickle=given.unpickle,
            timeout=given.timeout,
        )
    return {"ok": report.ok, **asdict(report)}


def _dtype(text: str) -> tuple[str, str]:
    """Split ``NAME=TYPE``; a name may hold an equals sign."""
    name, _, dtype = text.rpartition("=")
    if not name or not dtype:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TYPE, such as postcode=object")
    return name, dtype


def _sample(given: argparse.Namespace) -> SampleFile | None:
    """Open the file of rows to rehearse and verify a deployment with."""
    from wml_deployer._verification.sample_file import read_sample_file  # noqa: PLC0415 - --help answers at once

    if given.sample is None and given.dtype:
        raise errors.PayloadError(
            "The types of --dtype are for the columns of a sample, and there is none.",
            next_step="Give the file with --sample.",
        )
    return None if given.sample is None else read_sample_file(given.sample, dict(given.dtype))


def _metrics(path: Path | None) -> dict[str, float]:
    """Read the numbers of a metrics file, as DVC and others write it."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise errors.ModelError(
            f"The metrics {path} cannot be read: {error}", next_step="Give a JSON file of numbers by name."
        ) from error
    if not isinstance(document, dict):
        raise errors.ModelError(f"{path} does not hold metrics: numbers by name.", next_step='Such as {"f1": 0.93}.')
    return document


def _roll_out(given: argparse.Namespace) -> dict[str, Any]:
    sample, metrics = _sample(given), _metrics(given.metrics)
    allowed = {} if given.command == "deploy" else {"allow_schema_change": given.allow_schema_change}
    with _open(given) as deployer:
        change: Callable[..., Deployment] = getattr(deployer, given.command)
        return _deployment_facts(
            change(
                given.model,
                sample=sample,
                version=given.name,
                specification=given.specification,
                requirements=given.requirements,
                code=given.code,
                route=given.route,
                unpickle=given.unpickle,
                metrics=metrics,
                reason=given.reason,
                timeout=given.timeout,
                **allowed,
            )
        )


def _roll_back(given: argparse.Namespace) -> dict[str, Any]:
    with _open(given) as deployer:
        return _deployment_facts(deployer.rollback(given.to, reason=given.reason, timeout=given.timeout))


def _status(given: argparse.Namespace) -> dict[str, Any]:
    with _open(given) as deployer:
        return _deployment_facts(deployer.status(timeout=given.timeout))


def _history(given: argparse.Namespace) -> list[dict[str, Any]]:
    with _open(given) as deployer:
        return [{str(name): value for name, value in row.items()} for row in deployer.history().to_dict("records")]


def _deployment_facts(deployment: Deployment) -> dict[str, Any]:
    names = ("id", "name", "url", "state", "version", "model_id", "revision")
    return {name: getattr(deployment, name) for name in names}


def _as_text(result: dict[str, Any] | list[dict[str, Any]]) -> str:
    if isinstance(result, dict) and "findings" in result:
        from wml_deployer.reports import CheckReport, Finding  # noqa: PLC0415 - --help answers at once

        findings = tuple(Finding(**finding) for finding in result["findings"])
        facts = (result[name] for name in ("model_type", "specification", "route", "why"))
        return repr(CheckReport(findings, *facts))
    if isinstance(result, dict):
        return "\n".join(f"{name}: {value}" for name, value in result.items())
    return _as_table(result)


def _as_table(rows: list[dict[str, Any]]) -> str:
    """Lines of columns under their names; what is not known stays empty."""
    if not rows:
        return "Nothing was live yet."
    import pandas as pd  # noqa: PLC0415 - --help answers at once

    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    return pd.DataFrame(texts).to_string(index=False)


if __name__ == "__main__":
    sys.exit(main())
