"""Folders that earlier versions wrote open with everything still there; those of later ones are left alone.

``formats/1`` was recorded from a service that wrote the first format and was killed while one deployment was starting
and another one was being updated.
"""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.conftest import Client
from wml_deployer.server import migrations
from wml_deployer.server.__main__ import main
from wml_deployer.server.migrations import FORMAT, StoreFormatError
from wml_deployer.server.store import Store
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parent / "formats" / "1"
KILLED_ON_THE_WAY = """
import os, signal, sys
from pathlib import Path
from wml_deployer.server import migrations
from wml_deployer.server.store import Store
migrations.STEPS += (lambda connection: os.kill(os.getpid(), signal.SIGKILL),)
Store(Path(sys.argv[1]))
"""
SCORES = {"pinned": "first", "plain": "second", "updating": "third", "starting": "second"}
"""What the recorded deployments answer, each with a word of its own content."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service's folder in the first format."""
    shutil.copytree(RECORDED / "blobs", tmp_path / "blobs")
    with closing(sqlite3.connect(tmp_path / "service.sqlite3")) as database:
        database.executescript((RECORDED / "service.sql").read_text("utf-8"))
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    """A client of today's service on that folder."""
    with LocalServer(folder) as server:
        client = Client(server)
        yield client
        client.close()


def version_of(folder: Path) -> int:
    """The version of the format that the folder's database says it has."""
    with closing(sqlite3.connect(folder / "service.sqlite3")) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def kept_in(folder: Path) -> list[Any]:
    """All that the folder's tables hold."""
    with closing(sqlite3.connect(folder / "service.sqlite3")) as database:
        return [database.execute(f"SELECT * FROM {name}").fetchall() for name in ("settings", "records", "contents")]


def deployments_of(client: Client) -> dict[str, str]:
    """Name -> id of the recorded deployments."""
    found = client("GET", f"/ml/v4/deployments?{client.scope}").json["resources"]
    return {each["metadata"]["name"]: each["metadata"]["id"] for each in found}


def test_deployments_of_the_first_format_serve(client: Client) -> None:
    """Each answers from the content that it served, or was about to serve, when the old service ended."""
    found = deployments_of(client)
    answers = {}
    for name in SCORES:
        client.settled(found[name])
        answers[name] = client.predict(found[name], [[1]]).json["predictions"][0]["values"][0][0]

    assert SCORES == answers


def test_a_batch_deployment_of_the_first_format_runs_jobs(client: Client) -> None:
    """A job scores with the content that the deployment had."""
    scoring = {"input_data": [{"values": [[1]]}]}
    deployment = {"id": deployments_of(client)["batch"]}
    document = {"name": "job", "deployment": deployment, "space_id": client.space_id, "scoring": scoring}
    job_id = client("POST", "/ml/v4/deployment_jobs", document).json["metadata"]["id"]

    assert [["second"]] == client.finished(job_id)["entity"]["scoring"]["predictions"][0]["values"]


def test_a_failed_deployment_of_the_first_format_stays_failed(client: Client) -> None:
    """It says why, as it did."""
    answer = client("GET", f"/ml/v4/deployments/{deployments_of(client)['failed']}?{client.scope}")
    status = answer.json["entity"]["status"]

    assert ("failed", "function_load_failed") == (status["state"], status["failure"]["errors"][0]["code"])


def test_everything_else_of_the_first_format_is_there(client: Client) -> None:
    """Functions, their revisions with their contents, jobs, specifications, extensions and assets."""
    functions = client("GET", f"/ml/v4/functions?{client.scope}").json["resources"]
    committed = [each["metadata"]["id"] for each in functions if "commit_info" in each["metadata"]]
    revision = client("GET", f"/ml/v4/functions/{committed[0]}/code?{client.scope}&rev=1").content
    jobs = client("GET", f"/ml/v4/deployment_jobs?{client.scope}").json["resources"]
    derived = client("GET", f"/v2/software_specifications?{client.scope}&name=derived").json["resources"]
    extensions = client("GET", f"/v2/package_extensions?{client.scope}").json["resources"]
    assets = client("POST", f"/v2/asset_types/data_asset/search?{client.scope}", {"query": "*:*"}).json["results"]

    assert (3, 1) == (len(functions), len(committed))
    assert b"first" in gzip.decompress(revision)
    assert ["completed"] == [job["entity"]["scoring"]["status"]["state"] for job in jobs]
    assert [1, 1, 1] == [len(derived), len(extensions), len(assets)]


def test_a_new_folder_is_in_the_format_of_today(tmp_path: Path) -> None:
    """All steps are taken at once."""
    Store(tmp_path / "service.sqlite3").close()

    assert FORMAT == version_of(tmp_path)


def test_a_folder_is_migrated_once(folder: Path) -> None:
    """Opened again, it is as it was left."""
    Store(folder / "service.sqlite3").close()
    before = kept_in(folder)
    Store(folder / "service.sqlite3").close()

    assert (FORMAT, before) == (version_of(folder), kept_in(folder))


def test_a_step_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is in its old format, whole, and opens once the step is mended."""
    before = kept_in(folder)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*migrations.STEPS, lambda _connection: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            Store(folder / "service.sqlite3")

    assert (1, before) == (version_of(folder), kept_in(folder))
    Store(folder / "service.sqlite3").close()
    assert FORMAT == version_of(folder)


def test_a_kill_on_the_way_changes_nothing(folder: Path) -> None:
    """Killed between the last step and the end, the folder is in its old format, whole."""
    before = kept_in(folder)
    command = [sys.executable, "-c", KILLED_ON_THE_WAY, str(folder / "service.sqlite3")]
    killed = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})

    assert -signal.SIGKILL == killed.returncode
    assert (1, before) == (version_of(folder), kept_in(folder))


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder that a later version of this service wrote."""
    Store(tmp_path / "service.sqlite3").close()
    with closing(sqlite3.connect(tmp_path / "service.sqlite3")) as database:
        database.execute(f"PRAGMA user_version={FORMAT + 1}")
    return tmp_path


def test_a_folder_of_a_newer_version_is_refused(newer: Path) -> None:
    """Rather than read what it does not understand."""
    with pytest.raises(StoreFormatError, match=f"format {FORMAT + 1}"):
        Store(newer / "service.sqlite3")


@pytest.mark.parametrize("command", ["serve", "reset"])
def test_the_command_line_refuses_a_newer_folder(newer: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence that says what to do, and gives the folder back: the next one is refused for the same reason."""
    answers = [(main([command, "--data-dir", str(newer)]), capsys.readouterr().err) for _ in range(2)]

    assert [2, 2] == [status for status, _ in answers]
    assert all("Install the newer version" in said for _, said in answers)
