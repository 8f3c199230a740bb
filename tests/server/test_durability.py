"""The service is killed at random moments under load, and nothing that it acknowledged is lost or torn.

``WML_DEPLOYER_KILLS`` says how often; a few times by default.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from tests.server.conftest import RUNTIME, Client
from wml_deployer.server import ServerInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = int(os.environ.get("WML_DEPLOYER_KILLS", "4"))


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    info: ServerInfo

    @property
    def url(self) -> str:
        return self.info.url


def start(directory: Path, **variables: str) -> Running:
    """Start a server and wait until it is ready."""
    command = [sys.executable, "-m", "wml_deployer.server", "--data-dir", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables})
    assert process.stdout is not None
    with process.stdout:
        document = json.loads(process.stdout.readline())
    return Running(process, ServerInfo(**{**document, "ca_bundle": Path(document["ca_bundle"])}))


@dataclass
class Acknowledged:
    """What the service said yes to; what it did not answer may or may not be."""

    contents: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    deployments: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


def work(client: Client, seen: Acknowledged, dice: random.Random) -> None:
    """Store, upload, rename, commit, deploy, delete; note each acknowledgement as it comes, until the line is dead."""
    while True:
        document = {
            "name": "model",
            "type": "scikit-learn_1.6",
            "software_spec": {"id": RUNTIME},
            "space_id": client.space_id,
        }
        model_id = str(client("POST", "/ml/v4/models", document).json["metadata"]["id"])
        seen.names[model_id] = "model"
        path = f"/ml/v4/models/{model_id}"
        for number in range(dice.randint(1, 3)):
            content = dice.randbytes(dice.randint(1, 200_000))
            seen.contents.pop(model_id, None)
            assert client("PUT", f"{path}/content?{client.scope}", content=content).status == 201
            digest = seen.contents[model_id] = hashlib.sha256(content).hexdigest()
            revision = client("POST", f"{path}/revisions", {"space_id": client.space_id}).json["metadata"]["rev"]
            seen.revisions.setdefault(model_id, []).append((revision, digest))
            name = f"name {number}"
            seen.names.pop(model_id, None)
            client("PATCH", f"{path}?{client.scope}", [{"op": "replace", "path": "/name", "value": name}])
            seen.names[model_id] = name
        deploy_and_delete(client, seen, dice, model_id)


def deploy_and_delete(client: Client, seen: Acknowledged, dice: random.Random, model_id: str) -> None:
    """Deploy the model; sometimes delete the deployment, and sometimes the model after it."""
    document = {"name": "d", "batch": {}, "asset": {"id": model_id}, "space_id": client.space_id}
    deployment_id = str(client("POST", "/ml/v4/deployments", document).json["metadata"]["id"])
    seen.deployments.add(deployment_id)
    if dice.random() < 0.5:
        seen.deployments.discard(deployment_id)
        client("DELETE", f"/ml/v4/deployments/{deployment_id}?{client.scope}")
        seen.gone.add(f"/ml/v4/deployments/{deployment_id}")
        for kept in (seen.contents, seen.revisions, seen.names):
            kept.pop(model_id, None)
        client("DELETE", f"/v2/assets/{model_id}?{client.scope}")
        seen.gone.add(f"/ml/v4/models/{model_id}")


def hammer(server: Running, seen: Acknowledged, dice: random.Random) -> threading.Thread:
    """Work in a thread until the server dies."""
    client = Client(server)  # type: ignore[arg-type]

    def until_dead() -> None:
        try:
            work(client, seen, dice)
        except (urllib3.exceptions.HTTPError, OSError):
            client.close()

    thread = threading.Thread(target=until_dead)
    thread.start()
    return thread


def lost(client: Client, seen: Acknowledged) -> Iterator[str]:
    """Yield what was acknowledged and is not so."""
    contents = [(model_id, "", digest) for model_id, digest in seen.contents.items()]
    for model_id, revisions in seen.revisions.items():
        contents += [(model_id, f"&revision_id={number}", digest) for number, digest in revisions]
    for model_id, revision, digest in contents:
        content = client("GET", f"/ml/v4/models/{model_id}/download?{client.scope}{revision}").content
        if hashlib.sha256(content).hexdigest() != digest:
            yield f"content of {model_id}{revision}"
    for model_id, name in seen.names.items():
        if client("GET", f"/ml/v4/models/{model_id}?{client.scope}").json["metadata"]["name"] != name:
            yield f"name of {model_id}"
    wanted = [(f"/ml/v4/deployments/{deployment_id}", 200) for deployment_id in seen.deployments]
    for path, status in [*wanted, *((path, 404) for path in seen.gone)]:
        if client("GET", f"{path}?{client.scope}").status != status:
            yield f"{path} is not {status}"


def torn(directory: Path) -> Iterator[str]:
    """Yield where database and contents do not agree."""
    database = sqlite3.connect(f"file:{directory / 'service.sqlite3'}?mode=ro", uri=True)
    (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    referenced = dict(database.execute("SELECT digest, size FROM contents"))
    database.close()
    if verdict != "ok":
        yield verdict
    files = {file.name: file for file in (directory / "blobs").glob("??/*")}
    for digest in sorted(referenced.keys() ^ files.keys()):
        yield f"{'missing' if digest in referenced else 'orphan'} {digest}"
    for digest, file in files.items():
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"damaged {digest}"
    yield from (f"half-received {file.name}" for file in (directory / "blobs" / "incoming").iterdir())


@pytest.mark.timeout(60 + 30 * KILLS)
def test_kills_lose_nothing(tmp_path: Path) -> None:
    """After each kill the service starts again, on a whole folder, with everything that it acknowledged."""
    dice = random.Random(11)
    seen: list[Acknowledged] = []
    server = start(tmp_path)
    problems: list[str] = []
    for number in range(KILLS):
        fresh = [Acknowledged(), Acknowledged()]
        threads = [hammer(server, each, random.Random(dice.random())) for each in fresh]
        _wait(dice.uniform(0.05, 1.0))
        server.process.kill()
        server.process.wait()
        for thread in threads:
            thread.join()
        seen += fresh
        server = start(tmp_path)
        problems += torn(tmp_path)
        client = Client(server)  # type: ignore[arg-type]
        # All of it at the end: looked through after each kill, it would take most of the time.
        looked_at = seen if number == KILLS - 1 else seen[-6:]
        problems += [problem for each in looked_at for problem in lost(client, each)]
        client.close()
    server.process.terminate()

    assert ([], 0) == (problems, server.process.wait(20))
    assert any(each.contents for each in seen), "nothing was going on when the service was killed"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no worker is forked from a warm process")
def test_a_kill_leaves_no_process(tmp_path: Path) -> None:
    """The process that workers come from ends with the service, even while it imports what models need."""
    (tmp_path / "joblib.py").write_text("import time\ntime.sleep(60)\n")
    path = os.pathsep.join(entry for entry in (str(tmp_path), os.environ.get("PYTHONPATH")) if entry)
    server = start(tmp_path / "service", PYTHONPATH=path)
    started = _wait_for_children(server.process.pid)

    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + 20
    while any(map(_runs, started)) and time.monotonic() < deadline:
        _wait(0.05)

    assert started
    assert [] == [child for child in started if _runs(child)]


def _wait_for_children(parent: int) -> list[int]:
    deadline = time.monotonic() + 20
    while not (found := Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        assert time.monotonic() < deadline
        _wait(0.05)
    return [int(child) for child in found]


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait(seconds: float) -> Any:
    return threading.Event().wait(seconds)
