"""The command line: serve, info, reset."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.server.conftest import Client
from wml_deployer.credentials import SoftwareCredentials, load_credentials
from wml_deployer.server import join_or_start
from wml_deployer.server.__main__ import main
from wml_deployer.server.storage.folder import Folder
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully(number: signal.Signals, folder: Path) -> None:
    """One line of JSON when it is ready; 0 at the end; nothing says any more that it runs."""
    command = [
        sys.executable,
        "-m",
        "wml_deployer.server",
        "--data-dir",
        str(folder),
        "--username",
        "u",
    ]
    environment = {**os.environ, "WML_SERVER_APIKEY": "k" * 8}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    document = json.loads(process.stdout.readline())
    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert (0, "u", "k" * 8) == (process.returncode, document["username"], document["apikey"])
    assert ["url", "ca_bundle", "username", "apikey", "space_id", "version"] == list(document)
    assert str(folder / "ca.pem") in said
    assert Folder(folder).announced() is None


def test_the_ready_made_credentials_load(folder: Path) -> None:
    """They are the library's own kind, and for the owner's eyes."""
    with LocalServer(folder) as server:
        path = folder / "credentials.yaml"
        credentials = load_credentials(path)
        mode = stat.S_IMODE(path.stat().st_mode)

    assert isinstance(credentials, SoftwareCredentials)
    assert (server.info.space_id, 0o600) == (credentials.space_id, mode)


def test_info_tells_how_to_reach_it_and_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key stays in the files."""
    with LocalServer(folder) as server:
        status = main(["info", "--data-dir", str(folder)])
    shown = capsys.readouterr().out

    assert (0, server.url) == (status, json.loads(shown)["url"])
    assert server.info.apikey not in shown


def test_serve_tells_the_console(folder: Path) -> None:
    """The link that it tells people opens a session; the line for programs has none."""
    command = [sys.executable, "-m", "wml_deployer.server", "serve", "--data-dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    link = next(said for said in process.stderr if said.startswith("console")).rpartition(" ")[2].strip()
    pool = urllib3.PoolManager(ca_certs=str(folder / "ca.pem"))
    entered = pool.request("GET", link)
    pool.clear()
    process.terminate()
    process.communicate(timeout=30)

    assert "token" not in line
    assert (200, True) == (entered.status, "-session=" in entered.headers["set-cookie"])


def test_a_background_service_writes_no_link(folder: Path) -> None:
    """What it says goes to a log, which is no place for tokens."""
    join_or_start(folder)

    assert "token" not in Folder(folder).log.read_text("utf-8")


def test_console_gives_a_link(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To whoever can read the folder's key."""
    with LocalServer(folder) as server:
        status = main(["console", "--data-dir", str(folder)])
    shown = capsys.readouterr().out

    assert (0, True) == (status, shown.startswith(f"{server.url}/console/enter?token="))


def test_console_says_that_nothing_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no console without a service."""
    assert 2 == main(["console", "--data-dir", str(folder)])
    assert "No service is running" in capsys.readouterr().err


def test_info_says_that_nothing_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a status of its own, and without making the folder."""
    assert 2 == main(["info", "--data-dir", str(folder)])
    assert "No service is running" in capsys.readouterr().err
    assert not folder.exists()


def test_reset_empties_the_folder(folder: Path, archives: tuple[bytes, bytes]) -> None:
    """Data and contents are gone; key, port, tokens and the default space's id are as they were."""
    with LocalServer(folder) as server:
        before = server.info
        client = Client(server)
        client.store(archives[0])
    status = main(["reset", "--data-dir", str(folder)])
    with LocalServer(folder) as server:
        client.server = server
        models = client("GET", f"/ml/v4/models?{client.scope}").json["resources"]
        after = server.info
        client.close()

    assert (0, before, []) == (status, after, models)
    assert [] == list((folder / "blobs").glob("??/*"))


def test_reset_leaves_a_running_service_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says who has to stop first."""
    with LocalServer(folder):
        status = main(["reset", "--data-dir", str(folder)])

    assert 2 == status
    assert "Stop it first" in capsys.readouterr().err
