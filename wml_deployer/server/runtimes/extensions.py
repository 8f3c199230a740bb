"""Package extensions of a software specification, as what pip is to install."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.runtimes.archive import Bounds, unpack_zip
from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PackageExtension", "pip_arguments"]

_BOUNDS = {"size": 2**30, "files": 20_000}
_BUILDABLE = ("pyproject.toml", "setup.py", "setup.cfg")
_DISTRIBUTIONS = (".whl", ".tar.gz")
_LONGEST = 1000
_CONDA = re.compile(r"(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<version>[^=<>!~ ][^ ]*|[=<>!~].*)?")
# The interpreter is the service's own, and pip does the installing.
_NOT_FOR_PIP = frozenset({"python", "pip", "setuptools", "wheel"})


@dataclass(frozen=True)
class PackageExtension:
    """Packages that a software specification adds to its base.

    Attributes:
        name: The extension's name, for messages.
        kind: ``"pip_zip"``, ``"conda_yml"`` or ``"requirements_txt"``.
        path: The file that was uploaded.

    """

    name: str
    kind: str
    path: Path


def pip_arguments(extension: PackageExtension, directory: Path) -> list[str]:
    """Return what pip installs for an extension.

    Args:
        extension: The extension.
        directory: An empty directory for what is unpacked.

    Returns:
        Arguments of ``pip install``; empty where there is nothing to install.

    Raises:
        LoadError: The file is damaged, of an unknown kind, or holds nothing that can be installed.

    """
    readers = {"pip_zip": _of_zip, "conda_yml": _of_conda, "requirements_txt": _of_requirements}
    if extension.kind not in readers:
        raise _failed(extension, f"its type {extension.kind!r} is none of {', '.join(sorted(readers))}")
    return readers[extension.kind](extension, directory)


def _of_zip(extension: PackageExtension, directory: Path) -> list[str]:
    unpack_zip(extension.path, directory, Bounds(**_BOUNDS))
    projects = [folder for folder in (directory, *sorted(directory.iterdir())) if _is_project(folder)]
    files = sorted(str(path) for path in directory.rglob("*") if path.name.endswith(_DISTRIBUTIONS))
    # A project that holds projects is one package.
    targets = [str(project) for project in (projects[:1] if projects[:1] == [directory] else projects)] or files
    if not targets:
        raise _failed(extension, "the archive holds neither a project with a setup.py or pyproject.toml nor a wheel")
    return ["--find-links", str(directory), *targets]


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _BUILDABLE)


def _of_conda(extension: PackageExtension, _directory: Path) -> list[str]:
    import yaml  # noqa: PLC0415 - few specifications have extensions

    try:
        environment = yaml.safe_load(extension.path.read_bytes())
    except yaml.YAMLError as error:
        raise _failed(extension, f"it is not YAML ({error})") from error
    dependencies = environment.get("dependencies") if isinstance(environment, dict) else None
    if not isinstance(dependencies, list):
        raise _failed(extension, "it has no list 'dependencies'")
    return [requirement for entry in dependencies for requirement in _of_conda_entry(extension, entry)]


def _of_conda_entry(extension: PackageExtension, entry: Any) -> list[str]:
    """Requirements of ``name=version``, which is conda's, or of a list that is pip's already."""
    if isinstance(entry, dict) and isinstance(entry.get("pip"), list):
        return [str(requirement) for requirement in entry["pip"]]
    matched = _CONDA.fullmatch(entry.strip()) if isinstance(entry, str) and len(entry) < _LONGEST else None
    if matched is None:
        raise _failed(extension, f"the dependency {entry!r} is not of the form name=version")
    name, version = matched["name"], matched["version"] or ""
    return [] if name.lower() in _NOT_FOR_PIP else [name + _pip_version(version)]


def _pip_version(version: str) -> str:
    """Translate conda's ``=1.2``, which is 1.2 and whatever follows, and ``=1.2.3=build``."""
    exact = re.fullmatch(r"=?([\w.]+)=[\w]+", version)
    if exact:
        return f"=={exact[1]}"
    loose = re.fullmatch(r"=?([\w.]+?)(?:\.\*)?", version)
    return f"=={loose[1]}.*" if loose else version


def _of_requirements(extension: PackageExtension, _directory: Path) -> list[str]:
    return ["--requirement", str(extension.path)]


def _failed(extension: PackageExtension, reason: str) -> LoadError:
    return LoadError("package_extension_failed", f"The package extension {extension.name!r} cannot be used: {reason}.")
