"""Own packages become a source distribution that pip installs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from wml_deployer._environment.code import pack_code
from wml_deployer.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


INNER = "from importlib.resources import files\nTEXT = files(__name__).joinpath('data/a.txt').read_text()\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A package with a module, a package inside, and data."""
    package = tmp_path / "src" / "shop"
    (package / "inner" / "data").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    for name, text in {
        "__init__.py": "",
        "steps.py": "RATE = 2\n",
        "inner/__init__.py": INNER,
        "inner/data/a.txt": "some data",
        "__pycache__/steps.cpython-311.pyc": "bytes",
    }.items():
        (package / name).write_text(text, encoding="utf-8")
    return package


def test_it_is_one_folder_with_a_setup(shop: Path) -> None:
    """The layout of a source distribution, without what Python leaves behind."""
    names = zipfile.ZipFile(io.BytesIO(pack_code([shop]).archive)).namelist()
    folders = {name.partition("/")[0] for name in names}

    assert 1 == len(folders)
    assert {
        "setup.py",
        "PKG-INFO",
        "shop/__init__.py",
        "shop/steps.py",
        "shop/inner/__init__.py",
        "shop/inner/data/a.txt",
    } == {name.partition("/")[2] for name in names}


def test_pip_installs_it(shop: Path, tmp_path: Path) -> None:
    """Packages inside packages, their data, and single modules can be imported."""
    helper = tmp_path / "helper.py"
    helper.write_text("NAME = 'helper'\n", encoding="utf-8")
    archive, target = tmp_path / "code.zip", tmp_path / "target"
    archive.write_bytes(pack_code([shop, helper]).archive)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps"]
    subprocess.run([*install, "--target", str(target), str(archive)], check=True, timeout=110)
    program = "import helper, shop.steps, shop.inner; print(helper.NAME, shop.steps.RATE, shop.inner.TEXT)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(target)}, check=True, capture_output=True
    )

    assert b"helper 2 some data" == done.stdout.strip()


def test_the_same_files_are_the_same_bytes(shop: Path) -> None:
    """Times of files and what was compiled meanwhile do not count."""
    first = pack_code([shop])
    os.utime(shop / "steps.py", (0, 10**9))
    (shop / "__pycache__" / "more.pyc").write_bytes(b"more")

    assert (first, first.archive) == (pack_code([shop]), pack_code([shop]).archive)


def test_another_line_is_another_digest(shop: Path) -> None:
    """A version of a model goes with the code that it was tested with."""
    first = pack_code([shop])
    (shop / "steps.py").write_text("RATE = 3\n", encoding="utf-8")

    assert first.digest != pack_code([shop]).digest


def test_a_line_that_does_not_compile_is_named(shop: Path) -> None:
    """With its file and number, before anything is sent."""
    (shop / "steps.py").write_text("RATE = 2\ndef broken(:\n", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be packed") as caught:
        pack_code([shop])
    (fault,) = caught.value.faults

    assert f"{shop / 'steps.py'}, line 2" == fault.where


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing", "is not there"),
        ("notes.txt", "is not a Python module"),
        ("my-shop", "has a name that cannot be imported"),
        ("project", "is a project, not a package"),
        ("empty", "holds no Python file"),
    ],
)
def test_what_cannot_be_packed_is_refused(name: str, problem: str, tmp_path: Path) -> None:
    """Each with what would be right."""
    (tmp_path / "notes.txt").touch()
    for folder in ("my-shop", "project", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "project" / "pyproject.toml").touch()
    with pytest.raises(ModelError) as caught:
        pack_code([tmp_path / name])
    (fault,) = caught.value.faults

    assert (problem, True) == (fault.problem, "src/shop" in str(fault.expected))


def test_two_packages_of_one_name_are_refused(shop: Path, tmp_path: Path) -> None:
    """One of them would be lost."""
    other = tmp_path / "lib" / "shop"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()

    with pytest.raises(ModelError, match="given twice"):
        pack_code([shop, other])
