"""Runs verbs in processes of their own, which can be killed at any request or file write.

It is a program: each line on standard input is a list of jobs, as JSON, which run at the same time; each line on its
output is the list of what came of them. It has everything imported already, so a process costs a fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.dummy import DummyClassifier

import wml_deployer._clients.door
import wml_deployer.payload  # noqa: F401 - every process has it then
from wml_deployer import Deployer, Deployment, SoftwareCredentials, StoredModel
from wml_deployer._clients.door import CLIENTS
from wml_deployer._transport.pool import Transport
from wml_deployer.errors import WMLDeployerError

# Every process has it then.
import_module(next(one.package for one in CLIENTS if one.installed))

ROWS = pd.DataFrame({"age": [30.0, 40.0, 50.0], "income": [1.0, 2.0, 3.0]})


def model(number: int) -> DummyClassifier:
    """Fit the model of this number: the number shows in its probabilities."""
    labels = [0] + [1] * (number + 1)
    rows = pd.DataFrame({"age": [float(n) for n in range(len(labels))], "income": 1.0})
    return DummyClassifier(strategy="prior").fit(rows, labels)


def number_of(deployer: Deployer) -> int:
    """Ask the endpoint which model answers."""
    probability = float(deployer.score(ROWS)["probability_0"].iloc[0])
    return round(1 / probability) - 2


@dataclass
class Watch:
    """Counts what a verb does, and kills the process at one of it.

    Attributes:
        folder: Where writes count.
        kill_at: At which event to die; never when None.
        everything: Whether questions count, and not only what changes something.

    """

    folder: str
    kill_at: int | None
    everything: bool
    events: list[str] = field(default_factory=list)
    armed: bool = True

    def event(self, what: str) -> None:
        if not self.armed:
            return
        if len(self.events) == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.events.append(what)

    def install(self) -> None:
        send = Transport._send

        def watched(transport: Transport, exchange: Any) -> Any:
            method, path = exchange.method, exchange.url.split("?", maxsplit=1)[0].split("/", 3)[3]
            counts = self.everything or (method != "GET" and not path.endswith("authorize"))
            if counts:
                self.event(f"before {method} /{path}")
            answer = send(transport, exchange)
            if counts:
                self.event(f"after {method} /{path}")
            return answer

        Transport._send = watched  # type: ignore[method-assign, assignment]
        sys.addaudithook(self.audit)

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name not in {"open", "os.rename", "os.remove", "os.mkdir"} or not isinstance(arguments[0], str | Path):
            return
        path = os.fspath(arguments[0])
        reading = name == "open" and path != self.folder and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if path.startswith(self.folder) and not reading and not path.endswith(".lock"):
            self.event(f"{name} {path.removeprefix(self.folder)}")


def act(job: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """Do what a job says, and tell what came of it."""
    credentials = SoftwareCredentials(**job["credentials"])
    with Deployer(credentials, Path(job["folder"]) / "metadata.yaml") as deployer:
        watch.install()
        try:
            told = _call(deployer, job)
        except WMLDeployerError as error:
            return {"error": type(error).__name__, "message": str(error), "events": watch.events}
        watch.armed = False
        number = number_of(deployer) if deployer.metadata.deployment_uid else None
        return {"error": None, "events": watch.events, "number": number, **told}


def _call(deployer: Deployer, job: dict[str, Any]) -> dict[str, Any]:
    verb, limit = job["verb"], {"timeout": job.get("timeout", 60)}
    if verb == "narrow":
        # Another schema takes a model of its own.
        deployer.store(DummyClassifier().fit([[0], [1]], [0, 1]), version="narrow")
    elif verb == "prune":
        deployer.prune(keep=1, **limit)
    elif verb == "delete":
        deployer.delete(cascade=True, **limit)
    elif verb in {"discard", "promote", "recover"}:
        getattr(deployer, verb)(**limit)
    elif verb == "rollback":
        return _told(deployer.rollback(job.get("to"), **limit))
    else:
        change = getattr(deployer, verb)
        return _told(change(model(job["number"]), sample=ROWS, version=job.get("version"), **limit))
    return {}


def _told(done: Deployment | StoredModel) -> dict[str, Any]:
    return {"version": done.version, "revision": done.revision}


def start(job: dict[str, Any], result: Path) -> int:
    """Fork a process that does a job; returns its id."""
    process = os.fork()
    if process:
        return process
    watch = Watch(str(Path(job["folder"])), job.get("kill_at"), job.get("everything", False))
    try:
        result.write_text(json.dumps(act(job, watch)))
    except BaseException as error:  # noqa: BLE001 - nothing of the child may go on as the parent
        result.write_text(json.dumps({"error": f"unexpected {error!r}", "events": watch.events}))
    finally:
        os._exit(0)


def together(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run jobs at the same time; a killed one tells nothing."""
    with tempfile.TemporaryDirectory() as folder:
        results = [Path(folder) / str(position) for position in range(len(jobs))]
        for process in [start(job, result) for job, result in zip(jobs, results, strict=True)]:
            os.waitpid(process, 0)
        return [json.loads(r.read_text()) if r.exists() and r.stat().st_size else {"error": "killed"} for r in results]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(together(json.loads(line))), flush=True)  # noqa: T201 - its answer
