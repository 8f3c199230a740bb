"""Python environments with package extensions: what pip is to install for them, and the environments themselves.

An environment contains the extensions, and sees the packages of the service below them. It is created once for the same
extensions, and kept as long as the packages of the service stay the same, since what these satisfy is not installed
again. An interrupted build leaves nothing that could be mistaken for an environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer.server.runtimes.archive import Bounds, unpack_zip
from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.process import SpawnedProcess, child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PackageExtension", "environment_for", "pip_arguments"]

_BOUNDS = {"size": 2**30, "files": 20_000}
_BUILDABLE = ("pyproject.toml", "setup.py", "setup.cfg")
_DISTRIBUTIONS = (".whl", ".tar.gz")
_LONGEST = 1000
_CONDA = re.compile(r"(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<version>[^=<>!~ ][^ ]*|[=<>!~].*)?")
# These come from the service.
_NOT_FOR_PIP = frozenset({"python", "pip", "setuptools", "wheel"})

_INSTALL = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_OFFLINE_SAFE = ("--retries", "1", "--timeout", "15", "--progress-bar", "off")
_LONGEST_LINE = 2**20
_STEPS = ("Building", "Collecting", "Downloading", "Installing", "Preparing", "Processing")
"""Beginnings of the lines in which pip reports its steps; the other lines are details of these steps."""


@dataclass(frozen=True)
class PackageExtension:
    """A package extension of a software specification.

    Attributes:
        name: Name, for messages.
        kind: ``"pip_zip"``, ``"conda_yml"`` or ``"requirements_txt"``.
        path: Path of the uploaded file.

    """

    name: str
    kind: str
    path: Path


def pip_arguments(extension: PackageExtension, directory: Path) -> list[str]:
    """Return the arguments of ``pip install`` for an extension.

    Args:
        extension: The extension.
        directory: An empty directory for unpacking.

    Returns:
        The arguments; empty if there is nothing to install.

    Raises:
        LoadError: The file is damaged, has an unknown kind, or contains nothing to install.

    """
    readers = {"pip_zip": _of_zip, "conda_yml": _of_conda, "requirements_txt": _of_requirements}
    if extension.kind not in readers:
        raise _unusable(extension, f"its type {extension.kind!r} is not one of {', '.join(sorted(readers))}")
    return readers[extension.kind](extension, directory)


def _of_zip(extension: PackageExtension, directory: Path) -> list[str]:
    unpack_zip(extension.path, directory, Bounds(**_BOUNDS))
    projects = [folder for folder in (directory, *sorted(directory.iterdir())) if _is_project(folder)]
    files = sorted(str(path) for path in directory.rglob("*") if path.name.endswith(_DISTRIBUTIONS))
    # A project that contains projects is one package.
    targets = [str(project) for project in (projects[:1] if projects[:1] == [directory] else projects)] or files
    if not targets:
        raise _unusable(
            extension, "the archive contains neither a wheel nor a project with a pyproject.toml or setup.py"
        )
    return ["--find-links", str(directory), *targets]


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _BUILDABLE)


def _of_conda(extension: PackageExtension, _directory: Path) -> list[str]:
    import yaml  # noqa: PLC0415 - few specifications have extensions

    try:
        environment = yaml.safe_load(extension.path.read_bytes())
    except yaml.YAMLError as error:
        raise _unusable(extension, f"it is not YAML ({error})") from error
    dependencies = environment.get("dependencies") if isinstance(environment, dict) else None
    if not isinstance(dependencies, list):
        raise _unusable(extension, "it has no list 'dependencies'")
    return [requirement for entry in dependencies for requirement in _of_conda_entry(extension, entry)]


def _of_conda_entry(extension: PackageExtension, entry: Any) -> list[str]:
    """Return the requirements of an entry: ``name=version`` of conda, or a list for pip."""
    if isinstance(entry, dict) and isinstance(entry.get("pip"), list):
        return [str(requirement) for requirement in entry["pip"]]
    matched = _CONDA.fullmatch(entry.strip()) if isinstance(entry, str) and len(entry) < _LONGEST else None
    if matched is None:
        raise _unusable(extension, f"the dependency {entry!r} is not of the form name=version")
    name, version = matched["name"], matched["version"] or ""
    return [] if name.lower() in _NOT_FOR_PIP else [name + _pip_version(version)]


def _pip_version(version: str) -> str:
    """Translate a version of conda: ``=1.2``, which means 1.2.*, or ``=1.2.3=build``."""
    exact = re.fullmatch(r"=?([\w.]+)=[\w]+", version)
    if exact:
        return f"=={exact[1]}"
    loose = re.fullmatch(r"=?([\w.]+?)(?:\.\*)?", version)
    return f"=={loose[1]}.*" if loose else version


def _of_requirements(extension: PackageExtension, _directory: Path) -> list[str]:
    return ["--requirement", str(extension.path)]


def _unusable(extension: PackageExtension, reason: str) -> LoadError:
    return LoadError("package_extension_failed", f"The package extension {extension.name!r} cannot be used: {reason}.")


async def environment_for(
    extensions: Sequence[PackageExtension],
    directory: Path,
    *,
    seconds: float,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Find or create the environment with some extensions.

    Args:
        extensions: The extensions, in the order of the specification.
        directory: Directory of all environments.
        seconds: Time limit of the installation.
        report: Called with each step that pip reports.

    Returns:
        Path of its interpreter.

    Raises:
        LoadError: An extension cannot be installed; the message contains the output of pip.

    """
    target = directory / await asyncio.to_thread(_key, extensions)
    if not target.exists():
        building = await asyncio.to_thread(_new_folder, directory)
        try:
            await asyncio.wait_for(_build(extensions, building, report), timeout=seconds)
            # Another build with the same key may have finished first; use that one.
            with contextlib.suppress(OSError):
                (building / "environment").rename(target)
        except asyncio.TimeoutError as error:
            raise _failed(extensions, f"it took longer than {seconds:g} seconds") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
    return _python(target)


def _new_folder(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="building-", dir=directory))


def _key(extensions: Sequence[PackageExtension]) -> str:
    digest = hashlib.sha256(f"{sys.version} {sys.prefix} {_installed()}".encode())
    for extension in extensions:
        digest.update(f"\0{extension.kind}\0".encode())
        digest.update(extension.path.read_bytes())
    return digest.hexdigest()[:32]


def _installed() -> list[str]:
    """List the service's own distributions: their folders are named by name and version."""
    folders = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    return sorted(path.name for folder in folders for path in folder.glob("*.dist-info"))


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


async def _build(extensions: Sequence[PackageExtension], building: Path, report: Callable[[str], None]) -> None:
    environment = building / "environment"
    await _run(extensions, report, sys.executable, "-m", "venv", "--without-pip", str(environment))
    _show_packages_of_the_service(environment)
    for index, extension in enumerate(extensions):
        unpacked = building / f"extension-{index}"
        unpacked.mkdir()
        wanted = await asyncio.to_thread(pip_arguments, extension, unpacked)
        if wanted:
            await _install([extension], report, _python(environment), wanted)


def _show_packages_of_the_service(environment: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    lines = [f"import site; site.addsitedir({path!r})" for path in own]
    (environment / "lib" / version / "site-packages" / "service.pth").write_text("\n".join(lines) + "\n")


async def _install(
    extensions: Sequence[PackageExtension], report: Callable[[str], None], python: Path, wanted: list[str]
) -> None:
    """Install without a network if possible; only missing packages are downloaded."""
    install = (*_INSTALL, "--python", str(python), "install", *_OFFLINE_SAFE)
    try:
        # Build with the setuptools of the service; pip would download another one.
        await _run(extensions, report, sys.executable, *install, "--no-build-isolation", *wanted)
    except LoadError:
        await _run(extensions, report, sys.executable, *install, *wanted)


async def _run(extensions: Sequence[PackageExtension], report: Callable[[str], None], *command: str) -> None:
    # A pair of sockets, as for a worker: asyncio reads it line by line.
    printed, printing = socket.socketpair()
    try:
        process = SpawnedProcess(command, printing.fileno(), child_environment("PIP_"))
    finally:
        printing.close()
    output: list[str] = []
    reader, writer = await asyncio.open_connection(sock=printed, limit=_LONGEST_LINE)
    try:
        async for line in reader:
            output.append(line.decode("utf-8", "replace").strip())
            if output[-1].startswith(_STEPS):
                report(output[-1])
        await process.wait()
    finally:
        # Also ends processes of the build after a timeout.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        writer.close()
    if process.returncode:
        raise _failed(extensions, _last_words(output))


def _last_words(output: Sequence[str]) -> str:
    lines = [line for line in output if line]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return " ".join((errors or lines)[-3:]) or "the installation failed without output"


def _failed(extensions: Sequence[PackageExtension], reason: str) -> LoadError:
    names = ", ".join(repr(extension.name) for extension in extensions)
    return LoadError("package_extension_failed", f"The package extension {names} cannot be installed: {reason}")
