"""Where workers come from: a process that has imported pandas and scikit-learn, and forks itself.

Importing them takes a second; forking takes milliseconds, and the pages are shared. multiprocessing has such a server,
too, but one for the whole process, whose settings are the user's own where the service runs in a thread of theirs; and
it can be given neither an environment without keys nor a working directory.
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

#: How long, in seconds, the process may take to end its workers.
_PATIENCE = 5.0

_FORKS = sys.platform == "linux"  # elsewhere, libraries that numpy stands on do not survive a fork


class ForkServer:
    """Hands out started workers without a model.

    Args:
        directory: Where it and its workers run until they have a model.

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
        """Start nothing; :meth:`open` does."""
        self._directory = directory
        self._process: SpawnedProcess | None = None
        self._socket: socket.socket | None = None
        self._asked: deque[asyncio.Future[_ForkedProcess]] = deque()
        self._living: dict[int, _ForkedProcess] = {}

    async def open(self) -> None:
        """Start the process; returns while it still imports."""
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
        """Hand out a new worker: forked, or started cold where that cannot be."""
        await self.open()
        if self._socket is None:
            return await WorkerProcess.start(self._directory)
        ours, theirs = socket_pair()
        printed, printing = socket.socketpair()
        try:
            with theirs:
                forked = asyncio.get_running_loop().create_future()
                socket.send_fds(self._socket, [b"f"], [theirs.fileno(), printing.fileno()])
                # Only what was really asked for: answers come in the order of the questions.
                self._asked.append(forked)
            process = await forked
        except BaseException:
            ours.close()
            printed.close()
            raise
        finally:
            printing.close()
        return await WorkerProcess.attach(process, ours, printed)

    async def close(self) -> None:
        """End the process, and the workers that it has forked: it reaps them when it is told to end."""
        if self._process is None:
            return
        self._hang_up()
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
            self._hang_up()
            return
        kind, pid, status = EVENT.unpack(message)
        if kind == STARTED:
            self._living[pid] = _ForkedProcess(pid)
            asked = self._asked.popleft()
            if not asked.done():
                asked.set_result(self._living[pid])
        elif kind == ENDED and pid in self._living:
            self._living.pop(pid).end(status)

    def _hang_up(self) -> None:
        """Close the connection to the process and abandon its workers."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        for worker in self._living.values():
            worker.abandon()
        self._living.clear()
        while self._asked:
            asked = self._asked.popleft()
            if not asked.done():
                asked.set_exception(ConnectionResetError("The fork server ended."))


class _ForkedProcess:
    """A worker that is not this process's own child: the fork server says how it ended."""

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
