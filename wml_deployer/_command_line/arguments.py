"""The arguments that several commands share, and how their words are read."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._command_line.command import argument
from wml_deployer.errors import ModelError, PayloadError

if TYPE_CHECKING:
    from wml_deployer._verification.sample_file import SampleFile

__all__ = [
    "ALLOW_SCHEMA_CHANGE",
    "COPIES",
    "CREDENTIALS",
    "DTYPE",
    "HARDWARE",
    "METRICS",
    "MODEL",
    "MODEL_OPTIONS",
    "NAME",
    "PROJECT",
    "REASON",
    "ROWS",
    "SCORE_TIMEOUT",
    "SERVING_OPTIONS",
    "TIMEOUT",
    "model_options",
    "read_metrics",
    "read_sample",
    "serving_options",
    "unicode",
]


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def unicode(text: str) -> str:
    """Read text that goes into a file or to the service: bytes that are not UTF-8 can be written nowhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is not UTF-8") from None
    return text


def dtype(text: str) -> tuple[str, str]:
    """Split ``NAME=TYPE``; a name may hold an equals sign."""
    name, _, kind = text.rpartition("=")
    if not name or not kind:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TYPE, such as postcode=object")
    return name, kind


MODEL = argument(
    "model",
    type=Path,
    help="a file (.joblib, .pkl, .onnx, .pmml, .keras, .h5), .tar.gz, directory, or a model of MLflow",
)
"""A model file, or what else the facade takes by its path."""
PROJECT = argument("project", type=Path, help="folder with metadata.yaml")
"""The folder of a project."""
CREDENTIALS = argument(
    "credentials", help="credentials.yaml; or local, for the embedded service; or env, for the WML_ variables alone"
)
"""Where the service is; see ``open_project``."""


TIMEOUT = argument("--timeout", type=seconds, default=600.0, metavar="SECONDS", help="for the whole call")
"""The ``timeout`` of the facade."""
REASON = argument("--reason", type=unicode, help="why, for the history")
"""The ``reason`` of the facade."""
NAME = argument("--name", type=unicode, metavar="VERSION", help="name of the version; the project's version by default")
"""The ``version`` of the facade."""
METRICS = argument("--metrics", type=Path, metavar="JSON", help="numbers measured of it, by name")
"""The ``metrics`` of the facade, out of a file; see ``read_metrics``."""
ALLOW_SCHEMA_CHANGE = argument(
    "--allow-schema-change",
    action="store_true",
    help="even if it takes other columns than the live version, or is a regressor in place of a classifier",
)
"""The ``allow_schema_change`` of the facade."""
ROWS = argument("rows", type=Path, help="CSV or Parquet file; - for standard input")
"""Rows to score; see ``RowFile``."""
DTYPE = argument(
    "--dtype",
    type=dtype,
    action="append",
    default=[],
    metavar="NAME=TYPE",
    help="pandas dtype of a column of the sample or the rows; repeatable",
)
"""What a CSV does not say of its columns."""
SCORE_TIMEOUT = argument(
    "--timeout", type=seconds, metavar="SECONDS", help="for the whole call; a minute for each request by default"
)
"""The ``timeout`` of the facade's calls that score."""

MODEL_OPTIONS = (
    argument(
        "--sample", type=Path, metavar="FILE", help="CSV or Parquet: rows that the deployment must answer as here"
    ),
    DTYPE,
    argument("--specification", type=unicode, metavar="NAME", help="software specification; the best by default"),
    argument("--route", choices=["native", "function"], help="the way to go live; chosen by default"),
    argument(
        "--requirements",
        type=unicode,
        metavar="FILE",
        help="requirements file of what to install beside the runtime's libraries; or the word auto",
    ),
    argument(
        "--code", type=Path, action="append", metavar="PATH", help="own package or module that goes along; repeatable"
    ),
    argument("--unpickle", action="store_true", help="load the model file to find schema and classes"),
)
"""What every command that takes a model takes with it."""


COPIES = argument("--copies", type=int, metavar="NUMBER", help="how many copies share the requests")
"""The ``copies`` of the facade."""
HARDWARE = argument("--hardware", type=unicode, metavar="NAME", help="hardware of each copy: XS to XL, or one of yours")
"""The ``hardware`` of the facade."""
SERVING_OPTIONS = (
    argument("--serving-name", type=unicode, metavar="NAME", help="stands for the deployment's id in its URL"),
    argument("--description", type=unicode, metavar="TEXT", help="a text for people"),
    argument("--tag", type=unicode, action="append", dest="tags", metavar="WORD", help="to search by; repeatable"),
    HARDWARE,
    COPIES,
)
"""How a deployment is served."""


def serving_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the facade that ``SERVING_OPTIONS`` stand for."""
    names = ("serving_name", "description", "tags", "hardware", "copies")
    return {name: getattr(given, name) for name in names}


def model_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the facade that ``MODEL_OPTIONS`` and ``--timeout`` stand for."""
    plain = ("specification", "route", "requirements", "code", "unpickle", "timeout")
    return {"sample": read_sample(given), **{name: getattr(given, name) for name in plain}}


def read_sample(given: argparse.Namespace) -> SampleFile | None:
    """Open the file of rows to rehearse and verify a deployment with."""
    from wml_deployer._verification.sample_file import read_sample_file  # noqa: PLC0415 - --help answers at once

    if given.sample is None and given.dtype:
        raise PayloadError(
            "The types of --dtype are for the columns of a sample, and there is none.",
            next_step="Give the file with --sample.",
        )
    return None if given.sample is None else read_sample_file(given.sample, dict(given.dtype))


def read_metrics(path: Path | None) -> dict[str, float]:
    """Read the numbers of a metrics file, as DVC and others write it."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The metrics {path} cannot be read: {error}", next_step="Give a JSON file of numbers by name."
        ) from error
    if not isinstance(document, dict):
        raise ModelError(f"{path} does not hold metrics: numbers by name.", next_step='Such as {"f1": 0.93}.')
    return document
