"""Package extensions become what pip installs."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server.runtimes.environment import PackageExtension, pip_arguments
from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path


def arguments_of(kind: str, content: bytes, folder: Path) -> list[str]:
    """What pip is to install for an uploaded file, with paths below the folder."""
    path = folder / "extension"
    path.write_bytes(content)
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    arguments = pip_arguments(PackageExtension("mine", kind, path), unpacked)
    return [argument.replace(str(folder), "FOLDER") for argument in arguments]


def zip_of(folder: Path, *names: str) -> bytes:
    """A zip archive of empty files."""
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return (folder / "a.zip").read_bytes()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("regex", ["regex"]),
        ("regex=2024.5", ["regex==2024.5.*"]),
        ("regex=2024.5.*", ["regex==2024.5.*"]),
        ("regex=2024.5.15=py311_0", ["regex==2024.5.15"]),
        ("regex==2024.5.15", ["regex==2024.5.15"]),
        ("regex>=2024,<2025", ["regex>=2024,<2025"]),
        ("regex >=2024", ["regex>=2024"]),
        ("conda-forge::regex=2024.5", ["regex==2024.5.*"]),
        ("python=3.11", []),
        ("pip", []),
    ],
)
def test_conda_dependency_becomes_a_requirement(entry: str, expected: list[str], tmp_path: Path) -> None:
    """Conda's way to write versions is translated; what is the environment's own is left out."""
    yaml = f"name: mine\nchannels: [defaults]\ndependencies:\n  - {entry}\n".encode()

    assert expected == arguments_of("conda_yml", yaml, tmp_path)


def test_pip_requirements_of_a_conda_environment_are_taken_as_they_are(tmp_path: Path) -> None:
    """The list under pip is pip's already."""
    yaml = b"dependencies:\n  - python=3.10\n  - pip\n  - pip:\n    - regex~=2024.5\n    - attrs\n"

    assert ["regex~=2024.5", "attrs"] == arguments_of("conda_yml", yaml, tmp_path)


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        (b"dependencies: [", "not YAML"),
        (b"- regex", "no list 'dependencies'"),
        (b"dependencies: regex", "no list 'dependencies'"),
        (b"dependencies:\n  - 3", "form name=version"),
        (b"dependencies:\n  - '--index-url http://elsewhere'", "form name=version"),
        (b"dependencies: [{npm: [left-pad]}]", "form name=version"),
    ],
)
def test_malformed_conda_environment_is_a_load_error(yaml: bytes, words: str, tmp_path: Path) -> None:
    """The error names the extension and what is wrong with it."""
    with pytest.raises(LoadError, match=f"'mine' cannot be used: .*{words}"):
        arguments_of("conda_yml", yaml, tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["setup.py", "mine/__init__.py"], ["FOLDER/unpacked"]),
        (["mine-0.1/setup.py", "mine-0.1/setup.cfg"], ["FOLDER/unpacked/mine-0.1"]),
        (["one/pyproject.toml", "two/setup.py"], ["FOLDER/unpacked/one", "FOLDER/unpacked/two"]),
        (["setup.py", "vendored/setup.py"], ["FOLDER/unpacked"]),
        (["wheels/mine-0.1-py3-none-any.whl"], ["FOLDER/unpacked/wheels/mine-0.1-py3-none-any.whl"]),
        (["mine-0.1.tar.gz"], ["FOLDER/unpacked/mine-0.1.tar.gz"]),
    ],
)
def test_archive_of_packages_is_installed(names: list[str], expected: list[str], tmp_path: Path) -> None:
    """Projects, at the top or one folder down, or else wheels and source archives."""
    arguments = arguments_of("pip_zip", zip_of(tmp_path, *names), tmp_path)

    assert ["--find-links", "FOLDER/unpacked", *expected] == arguments


def test_archive_without_a_package_is_a_load_error(tmp_path: Path) -> None:
    """The error says what was looked for."""
    with pytest.raises(LoadError, match=r"neither a wheel nor a project with a pyproject\.toml or setup\.py"):
        arguments_of("pip_zip", zip_of(tmp_path, "notes.txt"), tmp_path)


def test_requirements_are_handed_to_pip(tmp_path: Path) -> None:
    """The file is in pip's own format."""
    assert ["--requirement", "FOLDER/extension"] == arguments_of("requirements_txt", b"regex\n", tmp_path)


def test_unknown_kind_is_a_load_error(tmp_path: Path) -> None:
    """The error lists the kinds that there are."""
    with pytest.raises(LoadError, match="'rpm' is not one of conda_yml, pip_zip, requirements_txt"):
        arguments_of("rpm", b"", tmp_path)
