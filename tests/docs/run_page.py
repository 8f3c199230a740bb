"""Run the blocks of one page as a reader would: top to bottom, in one namespace, in the current folder.

Reads the steps as JSON from standard input and writes what each printed as JSON to the file named by the argument.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any


def run_python(step: dict[str, Any], namespace: dict[str, Any]) -> str:
    """Run one block; padding gives tracebacks the page's own line numbers."""
    code = compile("\n" * step["line"] + step["code"], step["page"], "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    return printed.getvalue()


def run_shell(step: dict[str, Any]) -> str:
    """Run one block in bash, with this Python first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-euo", "pipefail", "-c", step["code"]]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step['page']}:{step['line']}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def write_file(step: dict[str, Any]) -> str:
    """Lay the file that the block shows, as its reader does."""
    path = Path(step["title"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step["code"], encoding="utf-8")
    return ""


def main(results: str) -> None:
    """Run every step and write down what it printed."""
    # Classes that a page defines have to pickle: they live in a module that can be found.
    page = sys.modules["__main__"] = ModuleType("__main__")
    sys.path.insert(0, "")
    # A page that shows how to do it does not make its reader wonder about a warning.
    warnings.filterwarnings("error", module="wml_deployer|__main__")
    printed = []
    for step in json.load(sys.stdin):
        if step["kind"] == "python":
            printed.append(run_python(step, page.__dict__))
        else:
            printed.append(run_shell(step) if step["kind"] == "shell" else write_file(step))
    Path(results).write_text(json.dumps(printed), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
