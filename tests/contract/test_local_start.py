"""A service that cannot be started here is a typed error with a next step, from every verb."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from wml_deployer import Deployer
from wml_deployer.errors import ClientNotInstalledError, ConfigurationError
from wml_deployer.server.app import launch

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_packages_are_named(metadata_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is a command that installs them from where the package came from."""
    monkeypatch.setattr(launch, "_NEEDED", ("starlette", "not_installed_here"))

    with pytest.raises(ClientNotInstalledError, match="not_installed_here") as caught:
        Deployer.local(metadata_path).status()

    assert ("status", True) == (caught.value.operation, "pip install" in str(caught.value.next_step))


def test_a_damaged_folder_is_named(metadata_path: Path) -> None:
    """A database that is none: the error has the end of the log, and what to do."""
    folder = metadata_path.parent / ".wml"
    folder.mkdir()
    (folder / "service.sqlite3").write_bytes(b"not a database" * 1000)

    with pytest.raises(ConfigurationError, match="cannot be started") as caught:
        Deployer.local(metadata_path).status()

    assert ("status", True) == (caught.value.operation, str(folder) in str(caught.value.next_step))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where nobody can make a folder")
def test_a_folder_that_cannot_be_written_is_named(metadata_path: Path) -> None:
    """Nobody can make a folder in /proc."""
    with pytest.raises(ConfigurationError, match="cannot be started"):
        Deployer.local(metadata_path, directory="/proc/wml").status()
