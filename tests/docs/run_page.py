"""Runs the blocks of pages as a reader would: top to bottom, in one namespace, in a folder and process of their own.

It is a program: each line on standard input is a page's job, as JSON; each line on its output is the exit status of
the process that did it. It has imported what takes long already, so a page costs a fork.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE_HOSTS = ("https://iam.cloud.ibm.com", "https://us-south.ml.cloud.ibm.com", "https://cpd.example.com")
"""The hosts in blocks for a platform; the embedded service answers in their place."""
HEAVY = ("pandas", "sklearn.ensemble", "ibm_watson_machine_learning", "ibm_watsonx_ai")


def run_python(step: dict[str, Any], namespace: dict[str, Any]) -> str:
    """Run one block; padding gives tracebacks the page's own line numbers."""
    code = compile("\n" * step["line"] + step["code"], step["page"], "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    return printed.getvalue()


def run_program(step: dict[str, Any]) -> str:
    """Run one block in bash, with this Python first on the path, or in Node.js."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = ["bash", "-euo", "pipefail", "-c"] if step["kind"] == "shell" else ["node", "--input-type=module", "-e"]
    command = [*program, step["code"]]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step['page']}:{step['line']}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def read_yaml(step: dict[str, Any]) -> str:
    """Read what a page shows of a YAML file; whole credentials have to be accepted as such."""
    document = yaml.safe_load(step["code"])
    if "url" in document:
        from wml_deployer import load_credentials  # noqa: PLC0415 - the pages import it, in the state that they are in

        # The certificate is the reader's.
        load_credentials({key: value for key, value in document.items() if key != "ca_bundle"}, environment={})
    return ""


def write_file(step: dict[str, Any]) -> str:
    """Lay the file that the block shows, as its reader does."""
    path = Path(step["title"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step["code"], encoding="utf-8")
    return ""


_RUN = {"shell": run_program, "javascript": run_program, "file": write_file, "yaml": read_yaml}


@contextlib.contextmanager
def stand_in(step: dict[str, Any]) -> Iterator[None]:
    """Let the embedded service of the page's folder stand in for the platform that a block is written for."""
    if not step["platform"]:
        yield
        return
    service = json.loads(Path(".wml/server.json").read_text(encoding="utf-8"))
    for host in EXAMPLE_HOSTS:
        step["code"] = step["code"].replace(host, service["url"])
    Path("company-ca.pem").write_bytes(Path(service["ca_bundle"]).read_bytes())
    project = yaml.safe_load(Path("metadata.yaml").read_text(encoding="utf-8"))
    reader = {
        "WML_APIKEY": service["apikey"],
        "WML_USERNAME": service["username"],
        "DEPLOYMENT_ID": project["deployment_uid"],
    }
    trusted = dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), service["ca_bundle"])
    with patch.dict(os.environ, {**reader, **trusted}):
        yield


def run_page(steps: list[dict[str, Any]], results: str) -> None:
    """Run every step and write down what it printed."""
    # Classes that a page defines have to pickle: they live in a module that can be found.
    page = sys.modules["__main__"] = ModuleType("__main__")
    sys.path[0] = ""
    # A page that shows how to do it does not make its reader wonder about a warning.
    warnings.filterwarnings("error", module="wml_deployer|__main__")
    printed = []
    for step in steps:
        with stand_in(step):
            if step["kind"] == "python":
                printed.append(run_python(step, page.__dict__))
            else:
                printed.append(_RUN[step["kind"]](step))
    Path(results).write_text(json.dumps(printed), encoding="utf-8")


def do(job: dict[str, Any]) -> None:
    """Become the process of a page: in its folder, with nothing on standard input and a file for all that is said."""
    said = os.open(job["said"], os.O_WRONLY | os.O_CREAT)
    for inherited, own in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said), (2, said)):
        os.dup2(own, inherited)
    os.chdir(job["folder"])
    signal.alarm(job["seconds"])
    run_page(job["steps"], job["results"])


def main() -> None:
    """Fork for each job."""
    for package in HEAVY:
        if find_spec(package.partition(".")[0]):
            import_module(package)
    for line in sys.stdin:
        process = os.fork()
        if not process:
            # It returns, and so ends as a reader's process does: what is to be done at its exit is done.
            do(json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
