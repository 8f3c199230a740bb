"""Python environments for deployments whose software specification has package extensions.

An environment sees the packages of the service and, before them, its own. It is made once for the same extensions and
kept; a build that was cut short leaves nothing that would be taken for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.errors import LoadError
from wml_deployer.server.runtimes.extensions import PackageExtension, pip_arguments
from wml_deployer.server.runtimes.process import child_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["environment_for"]

_INSTALL = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_OFFLINE_SAFE = ("--quiet", "--retries", "1", "--timeout", "15")


async def environment_for(extensions: Sequence[PackageExtension], directory: Path, *, seconds: float) -> Path:
    """Make, or find, the environment with some extensions installed.

    Args:
        extensions: The extensions, in the order of the specification.
        directory: Where environments are kept.
        seconds: Wall time for the installation.

    Returns:
        Path of the environment's interpreter.

    Raises:
        LoadError: An extension cannot be installed; the message has pip's own words.

    """
    target = directory / await asyncio.to_thread(_key, extensions)
    if not target.exists():
        building = await asyncio.to_thread(_new_folder, directory)
        try:
            await asyncio.wait_for(_build(extensions, building), timeout=seconds)
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
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for extension in extensions:
        digest.update(f"\0{extension.kind}\0".encode())
        digest.update(extension.path.read_bytes())
    return digest.hexdigest()[:32]


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


async def _build(extensions: Sequence[PackageExtension], building: Path) -> None:
    environment = building / "environment"
    await _run(extensions, sys.executable, "-m", "venv", "--without-pip", str(environment))
    _show_packages_of_the_service(environment)
    for index, extension in enumerate(extensions):
        unpacked = building / f"extension-{index}"
        unpacked.mkdir()
        wanted = await asyncio.to_thread(pip_arguments, extension, unpacked)
        if wanted:
            await _install([extension], _python(environment), wanted)


def _show_packages_of_the_service(environment: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    lines = [f"import site; site.addsitedir({path!r})" for path in own]
    (environment / "lib" / version / "site-packages" / "service.pth").write_text("\n".join(lines) + "\n")


async def _install(extensions: Sequence[PackageExtension], python: Path, wanted: list[str]) -> None:
    """Install without a network where that is possible: only what is missing is looked for outside."""
    install = (*_INSTALL, "--python", str(python), "install", *_OFFLINE_SAFE)
    try:
        # With the service's own setuptools; pip would fetch another one for the build.
        await _run(extensions, sys.executable, *install, "--no-build-isolation", *wanted)
    except LoadError:
        await _run(extensions, sys.executable, *install, *wanted)


async def _run(extensions: Sequence[PackageExtension], *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env=child_environment("PIP_"),
    )
    try:
        output, _ = await process.communicate()
    finally:
        # Also what a build has started, when time is over.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise _failed(extensions, _last_words(output.decode("utf-8", "replace")))


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return " ".join((errors or lines)[-3:]) or "the installation failed without a word"


def _failed(extensions: Sequence[PackageExtension], reason: str) -> LoadError:
    names = ", ".join(repr(extension.name) for extension in extensions)
    return LoadError("package_extension_failed", f"The package extension {names} cannot be installed: {reason}")
