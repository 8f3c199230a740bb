"""A fork server: a process that has imported pandas and scikit-learn, and forks a worker on request.

Importing takes a second, forking milliseconds, and the memory is shared. This is not the fork server of
multiprocessing: that one belongs to the whole process, which may be a user's program with the service in a thread, and
can be given neither an environment without secrets nor a working directory. With preloading it was slower as well:
measured on a busy machine with two cores, it took 7 seconds or more to the first worker (this one 1 to 2.5), and 0.15
to 0.35 to each further one (this one 0.06 to 0.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.connection import socket_pair
from wml_deployer.server.runtimes.frames import ENDED, EVENT, STARTED
from wml_deployer.server.runtimes.process import SpawnedProcess, WorkerProcess, run_worker_code

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ForkServer"]

#: How long the process may take to end its workers, in seconds.
_PATIENCE = 5.0

_FORKS = sys.platform == "linux"  # elsewhere, libraries below numpy do not survive a fork


class ForkServer:
    """Starts workers, which do not have a model yet.

    Args:
        directory: Working directory of the process, and of workers until they load a model.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> async def first_worker() -> bool:
        ...     fork_server = ForkServer(Path(tempfile.mkdtemp()))
        ...     await fork_server.open()
        ...     worker = await fork_server.take()
        ...     await fork_server.close()
        ...     await worker.stop()
        ...     return worker.alive
        >>> asyncio.run(first_worker())
        False

    """

    def __init__(self, directory: Path) -> None:
        """Start nothing yet; :meth:`open` starts the process."""
        self._directory = directory
        self._process: SpawnedProcess | None = None
        self._socket: socket.socket | None = None
        self._requested: deque[asyncio.Future[_ForkedProcess]] = deque()
        self._workers: dict[int, _ForkedProcess] = {}

    async def open(self) -> None:
        """Start the process; return without waiting for its imports."""
        if not _FORKS or self._socket is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = run_worker_code("fork_server", theirs.fileno(), subprocess.DEVNULL, self._directory)
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._listen)

    async def take(self) -> WorkerProcess:
        """Return a new worker, which is forked, or started as a new process if forking is not possible."""
        await self.open()
        if self._socket is None:
            return await WorkerProcess.start(self._directory)
        ours, theirs = socket_pair()
        printed, printing = socket.socketpair()
        try:
            with theirs:
                forked = asyncio.get_running_loop().create_future()
                socket.send_fds(self._socket, [b"f"], [theirs.fileno(), printing.fileno()])
                # Only after the request was sent: responses have the order of the requests.
                self._requested.append(forked)
            process = await forked
        except BaseException:
            ours.close()
            printed.close()
            raise
        finally:
            printing.close()
        return await WorkerProcess.attach(process, ours, printed)

    async def close(self) -> None:
        """End the process, which ends its workers, too."""
        if self._process is None:
            return
        self._disconnect()
        try:
            await asyncio.wait_for(self._process.wait(), timeout=_PATIENCE)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    def _listen(self) -> None:
        try:
            message = self._socket.recv(EVENT.size) if self._socket else b""
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._disconnect()
            return
        kind, pid, status = EVENT.unpack(message)
        if kind == STARTED:
            self._workers[pid] = _ForkedProcess(pid)
            requested = self._requested.popleft()
            if not requested.done():
                requested.set_result(self._workers[pid])
        elif kind == ENDED and pid in self._workers:
            self._workers.pop(pid).end(status)

    def _disconnect(self) -> None:
        """Close the connection to the process and abandon its workers."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        for worker in self._workers.values():
            worker.abandon()
        self._workers.clear()
        while self._requested:
            requested = self._requested.popleft()
            if not requested.done():
                requested.set_exception(ConnectionResetError("The fork server ended."))


class _ForkedProcess:
    """A forked worker, which is a child of the fork server; that reports how it ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        return self.returncode or 0

    def end(self, status: int) -> None:
        self.returncode = status
        self._ended.set()

    def abandon(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.end(-signal.SIGKILL)
