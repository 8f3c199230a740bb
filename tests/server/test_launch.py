"""Joining, starting and ending the service of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server import join_or_start
from wml_deployer.server.storage.folder import Folder

if TYPE_CHECKING:
    from pathlib import Path

JOIN = "import sys; from pathlib import Path; from wml_deployer.server import join_or_start;"


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ))


def wait_until_gone(folder: Path) -> None:
    """Wait until no server has the folder."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lock = Folder(folder).server_lock()
        free = lock.take()
        lock.release()
        if free:
            return
        time.sleep(0.05)
    raise TimeoutError(folder)


def test_the_second_call_joins(folder: Path) -> None:
    """Two calls on one folder reach one server."""
    assert join_or_start(folder) == join_or_start(folder)


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    """Whoever comes first starts it; the others join."""
    code = f"{JOIN} print(join_or_start(Path(sys.argv[1])).url); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(folder)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    urls = {user.stdout.readline() for user in users if user.stdout is not None}
    for user in users:
        user.communicate()
    wait_until_gone(folder)

    assert 1 == len(urls)


def test_the_server_ends_after_its_last_user(folder: Path) -> None:
    """Nothing is left running when the process that started it is gone."""
    run(f"{JOIN} join_or_start(Path(sys.argv[1]))", str(folder))

    wait_until_gone(folder)

    assert Folder(folder).announced() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the states of processes from /proc")
def test_no_zombie_is_left_of_a_service_that_ended(folder: Path) -> None:
    """While the process that started it lives on."""
    code = f"""{JOIN}
import json, os, signal, time
from wml_deployer.server.storage.folder import Folder
folder = Path(sys.argv[1])
join_or_start(folder)
pid = json.loads((folder / "server.json").read_bytes())["pid"]
os.kill(pid, signal.SIGTERM)
deadline = time.monotonic() + 20
while Path(f"/proc/{{pid}}").exists() and time.monotonic() < deadline:
    time.sleep(0.05)
print(Path(f"/proc/{{pid}}").exists())
"""

    assert "False\n" == run(code, str(folder)).stdout


def test_a_restart_keeps_key_space_and_port(folder: Path) -> None:
    """What clients hold of a folder's server is good for the next one."""
    code = f"{JOIN} print(join_or_start(Path(sys.argv[1])).document())"
    first = run(code, str(folder)).stdout
    wait_until_gone(folder)

    second = run(code, str(folder)).stdout
    wait_until_gone(folder)

    assert first == second


def test_a_second_server_is_refused(folder: Path) -> None:
    """One folder has one server, and the other one says so."""
    join_or_start(folder)

    command = [sys.executable, "-m", "wml_deployer.server", "--data-dir", str(folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (2, True) == (second.returncode, "Another server is using the folder" in second.stderr)


def test_a_public_address_needs_a_word(folder: Path) -> None:
    """The service does not listen where others reach it unless that is said."""
    command = [sys.executable, "-m", "wml_deployer.server", "--data-dir", str(folder), "--host", "0.0.0.0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (2, True) == (refused.returncode, "--allow-remote" in refused.stderr)


@pytest.mark.parametrize("module", ["sklearn", "pandas", "starlette", "ibm_watson_machine_learning"])
def test_importing_the_service_is_cheap(module: str) -> None:
    """Who only joins a service loads none of what serves."""
    answer = run(
        f"import sys, wml_deployer.server; wml_deployer.server.join_or_start; print({module!r} in sys.modules)"
    )

    assert "False\n" == answer.stdout
