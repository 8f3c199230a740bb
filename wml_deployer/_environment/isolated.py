"""Prove an environment on this machine: install it into a clean virtual environment, load the model there and predict.

What works in a notebook may work only because of what else is installed, or of the folder that it runs in. The clean
environment has what the runtime has of the model's libraries, the requirements, and the packed code, and nothing else.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wml_deployer._transport.deadline import remaining
from wml_deployer.errors import DeadlineError, ModelError
from wml_deployer.packaging._pickles import open_pickles
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wml_deployer._environment import Environment
    from wml_deployer._verification.sample import Sample
    from wml_deployer.specifications import Specification

__all__ = ["prove_in_isolation"]

_SHOWN = 3
"""Lines of pip's or Python's own words in an error."""

_PREDICT = """\
import json, sys
from pathlib import Path
model_path, sample_path = map(Path, sys.argv[1:])
if model_path.suffix == ".py":
    sys.path.insert(0, str(model_path.parent))
    import function
    if sample_path.exists():
        function.score({"input_data": [json.loads(sample_path.read_bytes())["block"]]})
    sys.exit()
import joblib
model = joblib.load(model_path)
if sample_path.exists():
    sample = json.loads(sample_path.read_bytes())
    rows = sample["values"]
    if sample["dtypes"]:
        import pandas
        rows = pandas.DataFrame(rows, columns=list(sample["dtypes"]))
        for name, dtype in sample["dtypes"].items():
            if dtype.startswith("datetime64"):
                rows[name] = pandas.to_datetime(rows[name])
            elif dtype == "category" or dtype.startswith("float"):
                rows[name] = rows[name].astype(dtype)
    model.predict(rows)
"""
"""What the clean environment runs: load the model, and predict the rows of a request as a runtime reads them."""


def prove_in_isolation(
    archive: Path,
    sample: Sample | None,
    specification: Specification,
    environment: Environment,
    libraries: Collection[str],
    *,
    is_function: bool,
) -> None:
    """Install, load and predict as the runtime would.

    Args:
        archive: The packed model.
        sample: Rows that it predicts; ``None`` where there are none.
        specification: The runtime, with its packages.
        environment: What is installed over it.
        libraries: Names of the distributions that the model uses.
        is_function: Whether the model goes live as a function, which is one gzipped module.

    Raises:
        ModelError: A step fails; the message has the words of the program that failed.
        DeadlineError: The time is over.

    """
    with (
        TemporaryDirectory(prefix="wml_deployer-") as folder,
        stage("checking", 3, "steps", "making a clean environment") as progress,
    ):
        home = Path(folder)
        venv.create(home / "venv", with_pip=True, symlinks=os.name != "nt")
        python = home / "venv" / "bin" / "python"
        wanted = [*environment.requirements, *_of_the_runtime(specification, environment, libraries)]
        progress.advance(detail=f"installing {', '.join(wanted)}")
        _run("The requirements cannot be installed", [python, *_PIP, *wanted], home)
        if environment.code:
            code = home / "code.zip"
            code.write_bytes(environment.code.archive)
            _run("The own code cannot be installed", [python, *_PIP, code], home)
        if environment.model:
            _run("The package with the model cannot be installed", [python, *_PIP, environment.model.archive], home)
        progress.advance(detail="predicting")
        model, rows = home / ("function.py" if is_function else "model.pkl"), home / "sample.json"
        with model.open("wb") as file:
            if is_function:
                file.write(gzip.decompress(archive.read_bytes()))
            else:
                for _, pickled in open_pickles(archive):
                    shutil.copyfileobj(pickled, file)
        if sample is not None:
            rows.write_bytes(_rows_of(sample))
        command: list[str | Path] = [python, "-I", "-c", _PREDICT, model, rows]
        _run("The model does not work in a clean environment", command, home)
        progress.advance()


_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")


def _rows_of(sample: Sample) -> bytes:
    """Write the first request of a sample with the dtypes of its columns, if the model takes columns."""
    block = json.loads(sample.parts[0].payload)["input_data"][0]
    named = sample.schema.named and bool(sample.schema.fields)
    dtypes = {field.name: field.dtype for field in sample.schema.fields} if named else {}
    return json.dumps({"block": block, "values": block["values"], "dtypes": dtypes}).encode()


def _of_the_runtime(specification: Specification, environment: Environment, libraries: Collection[str]) -> list[str]:
    """Require what the runtime has of the model's libraries, where the requirements say nothing else.

    On another Python than the runtime's its versions may not exist: there, those of this process stand for them.
    """
    carried: dict[str, str] = {canonicalize_name(name): version for name, version in specification.packages.items()}
    python = carried.pop("python", "")
    is_same = python.split(".")[:2] == list(map(str, sys.version_info[:2]))
    used = {str(canonicalize_name(name)) for name in (*libraries, "joblib")}
    needed = used - environment.pins.keys() - {"python"}
    versions = {name: carried[name] if is_same else metadata.version(name) for name in needed & carried.keys()}
    return [f"{name}=={version}" for name, version in sorted(versions.items()) if version]


def _run(problem: str, command: Sequence[str | Path], folder: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(  # noqa: S603 - pip, and the model in a process of its own
            command,
            cwd=folder,
            env=inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=remaining(),
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlineError(
            "The time is over before the model was proven in a clean environment.",
            operation="check",
            next_step="Give it more with timeout=, in seconds.",
        ) from error
    if done.returncode:
        raise ModelError(
            f"{problem}: {_last_words(done.stdout)}",
            operation="check",
            next_step="Correct requirements= or code=, and check again.",
        )


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return " ".join((errors or lines)[-_SHOWN:]) or "it failed without a word"
