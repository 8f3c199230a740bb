"""A worker process, as the service sees it: start it, send requests, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wml_deployer.server.runtimes.connection import WorkerConnection, socket_pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Process", "SpawnedProcess", "WorkerProcess", "child_environment", "run_worker_code"]

_ROOT = Path(__file__).resolve().parents[3]

# The package comes last in the path, where it shadows nothing, and the working directory is removed: otherwise the
# content of a model could replace a module of the standard library.
_BOOTSTRAP = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry] + [sys.argv[1]]; "
    "from wml_deployer.server.runtimes.worker.{module} import main; main(int(sys.argv[2]))"
)

# An environment's own packages come before all others, which PYTHONPATH would put first, but not before the standard
# library.
_ENVIRONMENT = (
    "import site, sys, sysconfig; own, library = site.getsitepackages()[:1], sysconfig.get_path('stdlib'); "
    "rest = [entry for entry in sys.path if entry not in own]; "
    "standard = [e for e in rest if e.endswith('.zip') or (e.startswith(library) and 'site-packages' not in e)]; "
    "sys.path[:] = [*standard, *own, *(entry for entry in rest if entry not in standard)]; "
)

# The environment of the service may contain secrets; user code gets only what programs, files and the network need.
_INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "JAVA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)

# These select the kernels of numerical libraries: with others, the last bits of predictions differ.
_INHERITED_PREFIXES = ("LC_", "OMP_", "GOMP_", "OPENBLAS_", "MKL_", "NPY_", "BLIS_", "VECLIB_", "NVPL_")

_OWN = {
    # Waiting threads of OpenMP and OpenBLAS must not spin, which would slow down the next worker.
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_THREAD_TIMEOUT": "4",
    # ONNX Runtime 1.29 and later sends telemetry to Microsoft unless this is set before the import.
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
}

_TAIL_CHUNKS = 16


class Process(Protocol):
    """A child process, as workers need it: spawned or forked."""

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it is running."""

    async def wait(self) -> int:
        """Wait until it has ended; return the exit status."""


class SpawnedProcess:
    """A child in a session of its own, with the watcher that waits for its end.

    asyncio could start it; but uvloop then calls what other code registered for forks (``os.register_at_fork``). Such a
    hook may wait for a lock whose holder waits for this service, where a test runs both in one process.

    Args:
        command: The program and its arguments.
        output: Descriptor of what it prints into.
        environment: Its environment variables.
        directory: Where it runs; where the service does unless told.
        keep: Descriptors that it is to have.

    """

    def __init__(
        self,
        command: Sequence[str],
        output: int,
        environment: Mapping[str, str],
        directory: Path | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        """Start it, and a thread that waits for it."""
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, or one of an environment made of it
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=keep,
            start_new_session=True,
            cwd=directory,
            env=environment,
        )
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop,), name=f"waiting for {self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it is running."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended; return the exit status."""
        await self._ended.wait()
        return int(self._process.returncode)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(self._ended.set)


class WorkerProcess:
    """A child process that loads one model and serves one request at a time.

    Attributes:
        connection: Connection for requests to the worker.
        idle_since: Event-loop time at which it became idle; None while busy.

    """

    def __init__(self, process: Process, connection: WorkerConnection, output: _Output) -> None:
        """Use :meth:`start`."""
        self._process = process
        self._output = output
        self.connection = connection
        self.idle_since: float | None = None
        # Watch the process as well as the socket, which children of the model may keep open.
        self._watch = asyncio.create_task(self._close_when_dead())

    @classmethod
    async def start(cls, directory: Path, python: Path | None = None) -> WorkerProcess:
        """Start a worker; return without waiting for its imports.

        Args:
            directory: Its working directory until it loads a model.
            python: Its interpreter; by default that of this process.

        """
        ours, theirs = socket_pair()
        # Not a pipe: uvloop closes the descriptor of a pipe twice, and another thread may already be using it.
        printed, printing = socket.socketpair()
        try:
            process = run_worker_code("main", theirs.fileno(), printing.fileno(), directory, python)
        except BaseException:
            ours.close()
            printed.close()
            raise
        finally:
            theirs.close()
            printing.close()
        return await cls.attach(process, ours, printed)

    @classmethod
    async def attach(cls, process: Process, ours: socket.socket, printed: socket.socket) -> WorkerProcess:
        """Return the worker for a process that is already running.

        Args:
            process: The process.
            ours: The service's end of its socket.
            printed: The service's end of the socket for its output.

        """
        loop = asyncio.get_running_loop()
        ours.setblocking(False)
        printed.setblocking(False)
        connection: WorkerConnection | None = None
        try:
            _, connection = await loop.create_connection(WorkerConnection, sock=ours)
            _, output = await loop.create_connection(_Output, sock=printed)
        except BaseException:
            # The process ends when its socket is closed.
            (connection or ours).close()
            printed.close()
            raise
        return cls(process, connection, output)

    @property
    def alive(self) -> bool:
        """Whether the process is running and accepts requests."""
        return self._process.returncode is None and self.connection.is_open

    @property
    def output(self) -> str:
        """The last few kilobytes of its output."""
        return self._output.text

    async def ending(self) -> str:
        """Describe how the process ended, waiting up to a second for it.

        If it is still running, it has only closed its socket.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), timeout=1.0)
        code = self._process.returncode
        if code is None:
            return "closed its connection to the service"
        if code >= 0:
            return f"exited with status {code}"
        hint = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(-code).name}{hint}"

    async def stop(self) -> None:
        """End the process and all processes that it has started."""
        self.connection.close()
        # The group exists as long as any child of the model.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._watch
        self._output.close()

    async def _close_when_dead(self) -> None:
        await self._process.wait()
        self.connection.close()


class _Output(asyncio.Protocol):
    """Reads the output of user code, and keeps the end of it."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data[-1024:])

    @property
    def text(self) -> str:
        return b"".join(self._chunks).decode("utf-8", "replace")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def run_worker_code(
    module: str, descriptor: int, output: int, directory: Path, python: Path | None = None
) -> SpawnedProcess:
    """Run ``main`` of a module of the package `worker` in a new process and session.

    Args:
        module: Name of the module.
        descriptor: Descriptor of its socket.
        output: Descriptor of its output.
        directory: Its working directory: not that of the service, which may be the user's project.
        python: Its interpreter; by default that of this process.

    """
    prepare = "" if python is None else _ENVIRONMENT
    code = prepare + _BOOTSTRAP.format(module=module)
    command = (str(python or sys.executable), "-c", code, str(_ROOT), str(descriptor))
    return SpawnedProcess(command, output, child_environment(), directory, keep=(descriptor,))


def child_environment(*prefixes: str) -> dict[str, str]:
    """Return the environment variables for a process that runs user code.

    Args:
        prefixes: Prefixes of further variables to pass on.

    """
    allowed = (*_INHERITED_PREFIXES, *prefixes)
    names = (name for name in os.environ if name in _INHERITED or name.startswith(allowed))
    environment = {name: os.environ[name] for name in names}
    if "PYTHONPATH" in environment:
        # The process has another working directory, so make relative entries absolute.
        entries = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in entries if entry)
    return {**_OWN, **environment}
