"""What a command writes: its result on standard output, what went wrong on standard error, and its exit code."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from wml_deployer import errors
from wml_deployer._command_line.next_steps import in_flags

if TYPE_CHECKING:
    import argparse

    from wml_deployer._command_line.command import Result

__all__ = [
    "EXIT_CHECKED",
    "UsageError",
    "as_table",
    "fail",
    "in_words",
    "jsonable",
    "refuse",
    "stop_writing",
    "write_data",
    "write_line",
    "write_result",
]

EXIT_USAGE = 2
EXIT_CHECKED = 17
"""A model would not go live."""
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


class UsageError(Exception):
    """The arguments are wrong.

    Args:
        message: What is wrong.
        usage: How the command is used.

    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


def write_result(result: Result, *, as_json: bool) -> None:
    """Write what a command has to say to standard output."""
    if as_json:
        write_line(json.dumps(jsonable(result.document), allow_nan=False), sys.stdout)
    elif result.text != "":
        write_line(_as_text(result.document) if result.text is None else result.text, sys.stdout)


def in_words(text: str, given: argparse.Namespace) -> str:
    """Say a next step, which calls the facade, as a command like the one that was given."""
    places = (str(getattr(given, name, name.upper())) for name in ("project", "credentials"))
    model = shlex.quote(str(getattr(given, "model", "MODEL")))
    return in_flags(text, given.commands, model, shlex.join(places))


def fail(error: BaseException, given: argparse.Namespace) -> int:
    """Say what went wrong, with the next step as a command, and return the exit code."""
    if isinstance(error, errors.WMLDeployerError) and error.next_step is not None:
        error.next_step = in_words(error.next_step, given)
    said = str(error) or ("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)
    # The library names its verb, which the command stands for.
    verb = getattr(error, "operation", None) or given.command
    write_line(f"wml-deployer {given.command}: {said.removeprefix(f'{verb}: ')}", sys.stderr)
    if given.json:
        parts = ("operation", "status", "code", "trace", "next_step")
        known = {name: value for name in parts if (value := getattr(error, name, None)) is not None}
        faults = [asdict(fault) for fault in getattr(error, "faults", ())]
        _write_error(type(error).__name__, getattr(error, "message", said), code, **known, faults=faults)
    return code


def refuse(error: UsageError, *, as_json: bool) -> int:
    """Say what is wrong with the arguments, and return the exit code."""
    write_line(f"{error.usage}{error}", sys.stderr)
    if as_json:
        _write_error("UsageError", str(error), EXIT_USAGE, next_step="Correct the arguments.", faults=[])
    return EXIT_USAGE


def _write_error(kind: str, message: str, exit_code: int, **parts: Any) -> None:
    told = {"type": kind, "message": message, **parts}
    write_line(json.dumps({"error": told, "exit_code": exit_code}), sys.stdout)


def write_line(text: str, stream: TextIO) -> None:
    """Write a line, whatever the terminal can show and whoever still reads it: the work is done by then."""
    # Control characters move the cursor or change the title of a terminal; names and reasons may hold them.
    shown = _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        stop_writing(stream)


def write_data(text: str) -> None:
    """Write lines of data to standard output: to a terminal as any other line, elsewhere as they are, in UTF-8.

    Raises:
        BrokenPipeError: Nobody reads them any more.

    """
    if sys.stdout.isatty():
        write_line(text.removesuffix("\n"), sys.stdout)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()


def stop_writing(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere, also at the end of the process: its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it: a missing one as null, a time as ISO 8601 writes it.

    Example:
        >>> jsonable({"f1": float("nan"), "classes": ("no", "yes")})
        {'f1': None, 'classes': ['no', 'yes']}

    """
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime) and str(value) != "NaT":
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    # A scalar of NumPy or pandas, among which are missing values; or something with a text, such as a path.
    plain = value.item() if hasattr(value, "item") else None if str(value) in {"<NA>", "NaT"} else str(value)
    return jsonable(plain)


def _as_text(document: dict[str, Any] | list[dict[str, Any]]) -> str:
    if isinstance(document, dict):
        return "\n".join(f"{name}: {value}" for name, value in document.items() if value is not None)
    return as_table(document)


def as_table(rows: list[dict[str, Any]]) -> str:
    """Lines of columns under their names; what is not known stays empty."""
    import pandas as pd  # noqa: PLC0415 - --help answers at once

    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    return pd.DataFrame(texts).to_string(index=False)
