"""The built wheel is the package, the whole package and nothing but the package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli

if TYPE_CHECKING:
    from email.message import Message

# ``nox -s tests`` runs the suite away from the package's source and says here where it lies.
CHECKOUT = Path(os.environ.get("WML_DEPLOYER_CHECKOUT", Path(__file__).parents[2]))
PROJECT = tomli.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as the build backend makes it from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """The wheel's METADATA."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


def test_wheel_holds_exactly_the_package(wheel: zipfile.ZipFile) -> None:
    """Every file of wml_deployer/ is in the wheel, and no test, document or stray file is."""
    source = (path for path in (CHECKOUT / "wml_deployer").rglob("*") if path.is_file())
    expected = {path.relative_to(CHECKOUT).as_posix() for path in source if "__pycache__" not in path.parts}

    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert expected == packed


def test_wheel_is_marked_as_typed(wheel: zipfile.ZipFile) -> None:
    """Type checkers of users read the package's annotations."""
    assert "wml_deployer/py.typed" in wheel.namelist()


def test_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    """The licence travels with the package."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))

    assert (CHECKOUT / "LICENSE").read_bytes() == wheel.read(name)


def test_metadata_names_the_project(metadata: Message) -> None:
    """Name, version, Pythons and licence are pyproject's."""
    expected = [PROJECT["name"], PROJECT["version"], set(PROJECT["requires-python"].split(",")), PROJECT["license"]]
    pythons = set(metadata["Requires-Python"].split(","))

    assert expected == [metadata["Name"], metadata["Version"], pythons, metadata["License-Expression"]]


def test_metadata_offers_the_extras(metadata: Message) -> None:
    """Every optional dependency of pyproject can be asked for."""
    assert set(PROJECT["optional-dependencies"]) == set(metadata.get_all("Provides-Extra", []))


def test_metadata_describes_with_the_readme(metadata: Message) -> None:
    """The package index shows the README."""
    assert (CHECKOUT / "README.md").read_text(encoding="utf-8").strip() == str(metadata.get_payload()).strip()
