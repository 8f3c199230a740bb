"""Python environments for deployments whose software specification has package extensions.

An environment sees the packages of the service and, before them, its own. It is made once for the same extensions and
kept, as long as the service's own packages are the same, for what they satisfy is not installed again. A build that was
cut short leaves nothing that would be taken for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.extensions import PackageExtension, pip_arguments
from wml_deployer.server.runtimes.process import SpawnedProcess, child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["environment_for"]

_INSTALL = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_OFFLINE_SAFE = ("--retries", "1", "--timeout", "15", "--progress-bar", "off")
_LONGEST_LINE = 2**20
_STEPS = ("Building", "Collecting", "Downloading", "Installing", "Preparing", "Processing")
"""How the lines begin in which pip says what it does; the others are details of these steps."""


async def environment_for(
    extensions: Sequence[PackageExtension],
    directory: Path,
    *,
    seconds: float,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Make, or find, the environment with some extensions installed.

    Args:
        extensions: The extensions, in the order of the specification.
        directory: Where environments are kept.
        seconds: Wall time for the installation.
        report: Is told what pip does, line by line.

    Returns:
        Path of the environment's interpreter.

    Raises:
        LoadError: An extension cannot be installed; the message has pip's own words.

    """
    target = directory / await asyncio.to_thread(_key, extensions)
    if not target.exists():
        building = await asyncio.to_thread(_new_folder, directory)
        try:
            await asyncio.wait_for(_build(extensions, building, report), timeout=seconds)
            # Somebody else may have been faster; an environment is as good as another one with the same key.
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
    """Install without a network where that is possible: only what is missing is looked for outside."""
    install = (*_INSTALL, "--python", str(python), "install", *_OFFLINE_SAFE)
    try:
        # With the service's own setuptools; pip would fetch another one for the build.
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
        # Also what a build has started, when time is over.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        writer.close()
    if process.returncode:
        raise _failed(extensions, _last_words(output))


def _last_words(output: Sequence[str]) -> str:
    lines = [line for line in output if line]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return " ".join((errors or lines)[-3:]) or "the installation failed without a word"


def _failed(extensions: Sequence[PackageExtension], reason: str) -> LoadError:
    names = ", ".join(repr(extension.name) for extension in extensions)
    return LoadError("package_extension_failed", f"The package extension {names} cannot be installed: {reason}")
