"""Join the running service of a folder, or start it as a process that lives as long as it has users."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wml_deployer.server.storage.folder import Folder, Lock, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer.server.settings import ServerInfo

__all__ = ["console_link", "find_running", "join_or_start", "require_extra"]

_NEEDED = ("starlette", "uvicorn", "trustme", "jinja2")
_PAUSE = 0.02

# Locks of the folders that this process uses. They are held until it ends, also by its forked children.
_USERS_LOCKS: dict[str, Lock] = {}


def require_extra() -> None:
    """Check that the packages of the embedded service are installed.

    Raises:
        ImportError: A package is missing.

    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"The embedded service needs {', '.join(missing)}, which the extra 'local' of wml_deployer brings."
        )


def join_or_start(directory: str | os.PathLike[str], *, timeout: float = 30) -> ServerInfo:
    """Return the running service of a folder, starting it where none runs.

    The service is a separate process. It runs as long as any process that called this function is alive, and stops
    within a second or two after the last one has ended.

    Args:
        directory: The data folder of the service; created if missing.
        timeout: How long to wait for it, in seconds.

    Returns:
        How to reach it.

    Raises:
        ImportError: Its packages are not installed.
        ServerStartError: The service did not start in time, or stopped immediately (the message contains the end of
            its log), or other users can read the folder and that cannot be changed.

    Example:
        >>> import tempfile
        >>> info = join_or_start(tempfile.mkdtemp())
        >>> info.url.startswith("https://127.0.0.1:")
        True

    """
    require_extra()
    folder = Folder(Path(directory).absolute())
    folder.prepare()
    deadline = time.monotonic() + timeout
    with _locked(folder.start_lock(), deadline, folder):
        _take_users_lock(folder, deadline)
        return find_running(folder) or _start(folder, deadline)


def _take_users_lock(folder: Folder, deadline: float) -> None:
    """Take the shared users' lock of the folder, and hold it until this process ends."""
    key = os.path.realpath(folder.path)
    if key not in _USERS_LOCKS:
        lock = folder.users_lock()
        # A server that is stopping holds it exclusively until it has ended.
        _wait(lambda: lock.take(shared=True), deadline, folder)
        _USERS_LOCKS[key] = lock


def find_running(folder: Folder) -> ServerInfo | None:
    """Return how to reach the server of the folder, if it responds with a certificate of the folder's authority."""
    info = folder.announced()
    if info is None:
        return None
    try:
        connection = _connection(info)
        connection.request("GET", "/ml/wml_services/v2/version")
        responds = connection.getresponse().status == http.client.OK
        connection.close()
    except (OSError, http.client.HTTPException):
        return None
    return info if responds else None


def console_link(info: ServerInfo) -> str:
    """Return a link to the console of a running service; it works once, within an hour.

    Args:
        info: How to reach the service.

    Raises:
        OSError: The service does not respond.
        RuntimeError: The service refused the request.

    Example:
        >>> import tempfile
        >>> info = join_or_start(tempfile.mkdtemp())
        >>> console_link(info).startswith(f"{info.url}/console/enter?token=")
        True

    """
    connection = _connection(info)
    try:
        connection.request("POST", "/console/links", headers={"Authorization": f"ApiKey {info.apikey}"})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != http.client.CREATED:
        raise RuntimeError(f"The embedded service refused to create a link to its console (status {response.status}).")
    link: str = json.loads(content)["url"]
    return link


def _connection(info: ServerInfo) -> http.client.HTTPSConnection:
    address = urlsplit(info.url)
    context = ssl.create_default_context(cafile=str(info.ca_bundle))
    return http.client.HTTPSConnection(address.hostname or "", address.port, timeout=5, context=context)


def _start(folder: Folder, deadline: float) -> ServerInfo:
    folder.withdraw()
    command = [sys.executable, "-m", "wml_deployer.server", "serve", "--data-dir", str(folder.path), "--until-unused"]
    with os.fdopen(os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        # A new session: Ctrl-C in the notebook that started the service must not stop it for others.
        process = subprocess.Popen(  # noqa: S603 - this interpreter and this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            env=_environment(),
        )
    ended = _reap(process)
    _wait(lambda: folder.announced() is not None or ended.is_set(), deadline, folder)
    info = find_running(folder)
    if info is None:
        raise ServerStartError(f"The embedded service did not start. The end of {folder.log}:\n{_tail(folder.log)}")
    return info


def _reap(process: subprocess.Popen[bytes]) -> threading.Event:
    """Reap the process in a thread, so that it does not become a zombie; return an event that is set when it ends."""
    ended = threading.Event()

    def wait() -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
        ended.set()

    # The service may outlive this process; Popen would then warn that it is still running.
    process.returncode = 0
    threading.Thread(target=wait, name="embedded service", daemon=True).start()
    return ended


def _environment() -> dict[str, str]:
    """Return an environment in which Python finds the same packages as this process."""
    paths = [path for path in sys.path if path] or [os.getcwd()]  # noqa: PTH109 - a search path is text
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextlib.contextmanager
def _locked(lock: Lock, deadline: float, folder: Folder) -> Iterator[None]:
    try:
        _wait(lock.take, deadline, folder)
        yield
    finally:
        lock.release()


def _wait(done: Callable[[], bool], deadline: float, folder: Folder) -> None:
    while not done():
        if time.monotonic() > deadline:
            raise ServerStartError(f"The embedded service of {folder.path} did not start in time. See {folder.log}.")
        time.sleep(_PAUSE)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-20:])
