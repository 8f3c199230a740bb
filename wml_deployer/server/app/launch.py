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

__all__ = ["answering", "console_link", "join_or_start", "require_extra"]

_NEEDED = ("starlette", "uvicorn", "trustme", "jinja2")
_PAUSE = 0.02

# What this process uses: the locks stay taken until it ends, and forked children go on holding them.
_USED: dict[str, Lock] = {}


def require_extra() -> None:
    """Check that the packages of the embedded service are installed.

    Raises:
        ImportError: One is missing.

    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"The embedded service needs {', '.join(missing)}, which the extra 'local' of wml_deployer brings."
        )


def join_or_start(directory: str | os.PathLike[str], *, timeout: float = 30) -> ServerInfo:
    """Return the running service of a folder, starting it where none runs.

    The service is a process of its own. It goes on as long as any process that called this function is alive, and ends
    by itself within a second or two after the last one.

    Args:
        directory: The folder that the service keeps everything in; made when it is not there.
        timeout: How long to wait for it, in seconds.

    Returns:
        How to reach it.

    Raises:
        ImportError: Its packages are not installed.
        ServerStartError: It did not start in time, or ended at once; the message holds the end of its log. Or other
            users can read the folder, and that cannot be changed.

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
        _use(folder, deadline)
        return answering(folder) or _start(folder, deadline)


def _use(folder: Folder, deadline: float) -> None:
    """Hold the folder's users' lock, shared, until this process ends."""
    key = os.path.realpath(folder.path)
    if key not in _USED:
        lock = folder.users_lock()
        # A server that is about to stop holds it alone, until it is gone.
        _wait(lambda: lock.take(shared=True), deadline, folder)
        _USED[key] = lock


def answering(folder: Folder) -> ServerInfo | None:
    """Return how to reach the folder's server, if it answers with a certificate of the folder's own authority."""
    info = folder.announced()
    if info is None:
        return None
    try:
        connection = _connection(info)
        connection.request("GET", "/ml/wml_services/v2/version")
        answers = connection.getresponse().status == http.client.OK
        connection.close()
    except (OSError, http.client.HTTPException):
        return None
    return info if answers else None


def console_link(info: ServerInfo) -> str:
    """Return a link to the console of a running service; it works once, within an hour.

    Args:
        info: How to reach the service.

    Raises:
        OSError: It does not answer.
        RuntimeError: It refuses.

    Example:
        >>> import tempfile
        >>> info = join_or_start(tempfile.mkdtemp())
        >>> console_link(info).startswith(f"{info.url}/console/enter?token=")
        True

    """
    connection = _connection(info)
    try:
        connection.request("POST", "/console/links", headers={"Authorization": f"ApiKey {info.apikey}"})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.CREATED:
        raise RuntimeError(f"The embedded service gave no link to its console: status {answer.status}.")
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
        # A session of its own: a Ctrl-C in the notebook that started it must not end what others use.
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
    info = answering(folder)
    if info is None:
        raise ServerStartError(f"The embedded service did not start. The end of {folder.log}:\n{_tail(folder.log)}")
    return info


def _reap(process: subprocess.Popen[bytes]) -> threading.Event:
    """Wait for the process in the background, so that it does not become a zombie; return an event for its end."""
    ended = threading.Event()

    def wait() -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
        ended.set()

    # The service may well outlive this process, which must not complain then that it still runs.
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
            raise ServerStartError(f"The embedded service of {folder.path} was not there in time. See {folder.log}.")
        time.sleep(_PAUSE)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-20:])
