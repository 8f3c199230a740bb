"""The format of the folder: one that another version wrote is refused, with what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server import ServerStartError
from wml_deployer.server.storage.store import FORMAT
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=[1, FORMAT + 1])
def foreign(request: pytest.FixtureRequest, folder: Path) -> Path:
    """A folder in an older or newer format."""
    with LocalServer(folder):
        pass
    with closing(sqlite3.connect(folder / "service.sqlite3")) as database:
        database.execute(f"PRAGMA user_version={request.param}")
    return folder


def test_a_folder_of_another_format_is_refused(foreign: Path) -> None:
    """The message says which folder it is, and what can be done."""
    with pytest.raises(ServerStartError, match=r"another version of wml_deployer wrote.*delete") as caught:
        LocalServer(foreign).__enter__()

    assert str(foreign) in str(caught.value)


def test_the_command_line_says_so(foreign: Path) -> None:
    """In one line, not in a traceback."""
    command = [sys.executable, "-m", "wml_deployer.server", "serve", "--data-dir", str(foreign)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (2, True) == (refused.returncode, refused.stderr.count("\n") == 1)
    assert "another version" in refused.stderr


def test_a_folder_of_this_format_is_opened_again(folder: Path) -> None:
    """With what was in it."""
    with LocalServer(folder) as server:
        before = server.info
    with LocalServer(folder) as server:
        assert before == server.info
