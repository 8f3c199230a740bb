"""What the service keeps is for its owner alone: the folder, its files, and the account's key."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server import EmbeddedServer, ServerStartError, Settings
from wml_deployer.server.storage.folder import Folder, FolderNotPrivateError
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVE = [sys.executable, "-m", "wml_deployer.server", "serve", "--data-dir"]
KEYS = {
    "file": (["--apikey-file", "key.txt"], {}),
    "variable": ([], {"WML_SERVER_APIKEY": "from-the-variable"}),
    "option": (["--apikey", "from-the-option"], {}),
}


def modes(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and permissions of the folder and of what lies directly in it."""
    for path in (folder, *folder.iterdir()):
        yield path.name, oct(stat.S_IMODE(path.lstat().st_mode) & 0o077)


@pytest.fixture
def permissive_umask() -> Iterator[None]:
    """A process whose files everybody can read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def serve(folder: Path, *arguments: str, **environment: str) -> tuple[dict[str, str], str, str]:
    """Run the service until it answers; return what it announces, its command line and what it says to people."""
    command = [*SERVE, str(folder), *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    shown = Path(f"/proc/{process.pid}/cmdline").read_text() if sys.platform == "linux" else ""
    process.terminate()
    _, said = process.communicate(timeout=30)
    return json.loads(line) if line else {}, shown, said


def test_nobody_else_can_look_into_the_folder(permissive_umask: None, folder: Path) -> None:
    """Whatever the umask of whoever made the folder and of the process that serves it."""
    folder.mkdir(mode=0o777)
    with LocalServer(folder):
        while_it_runs = dict(modes(folder))

    assert set() == {name for name, mode in while_it_runs.items() if mode != "0o0"}
    assert {folder.name, "service.sqlite3", "service.sqlite3-wal", "apikey", "server.pem"} <= set(while_it_runs)


def test_a_folder_that_was_opened_to_others_is_closed_at_the_next_start(folder: Path) -> None:
    """As after a copy that did not keep the permissions."""
    with LocalServer(folder):
        pass
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    with LocalServer(folder):
        pass

    assert {"0o0"} == {mode for _, mode in modes(folder)}


def test_the_log_of_a_service_in_the_background_is_private(permissive_umask: None, folder: Path) -> None:
    """It is written before the service itself could close it to others."""
    code = "import sys; from wml_deployer.server import join_or_start; join_or_start(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=60)

    assert "0o0" == dict(modes(folder))["server.log"]


def test_a_folder_of_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns a folder can read the keys in it, whatever its permissions say."""
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)

    with pytest.raises(FolderNotPrivateError, match="belongs to another user"):
        Folder(folder).prepare()


def test_a_file_system_without_permissions_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the keys could not be kept from anybody."""
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)

    with pytest.raises(FolderNotPrivateError, match="supports permissions"):
        Folder(folder).prepare()


@pytest.mark.parametrize("way", KEYS)
def test_the_key_can_be_chosen(way: str, folder: Path) -> None:
    """By a file, a variable or an option; the option alone shows it to others, and says so."""
    folder.mkdir(mode=0o700)
    (folder / "key.txt").write_text("from-the-file\n")
    arguments, environment = KEYS[way]
    document, shown, said = serve(folder, *arguments, **environment)

    assert f"from-the-{way}" == document["apikey"]
    assert (way == "option") == (document["apikey"] in shown) == ("Warning: every user" in said)


@pytest.mark.parametrize("key", ["", " ", "two words", "clé", "line\nbreak"])
def test_what_is_no_key_is_refused(key: str, folder: Path) -> None:
    """An empty key would let everybody in."""
    with pytest.raises(ServerStartError, match="key must be one or more printable"):
        EmbeddedServer(Settings(folder, apikey=key))

    assert not (folder / "apikey").exists()


def test_an_empty_key_on_the_command_line_is_refused(folder: Path) -> None:
    """As a script gives it whose variable is not set."""
    command = [*SERVE, str(folder), "--apikey", ""]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (2, "") == (refused.returncode, refused.stdout)
    assert "printable" in refused.stderr


def test_an_empty_key_that_was_kept_is_replaced(folder: Path) -> None:
    """A folder that let everybody in does so no longer."""
    folder.mkdir(mode=0o700)
    (folder / "apikey").write_text("")
    with LocalServer(folder) as server:
        assert len(server.info.apikey) > 40
