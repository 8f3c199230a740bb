"""The worker processes of a deployment, which survive whatever a model does to its process.

Each worker serves one request at a time; idle ones wait in a stack. For example, if a model crashes its process, that
request fails, the worker is discarded, and the next request gets a new one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.connection import BrokenFrameError
from wml_deployer.server.runtimes.content import Content, WorkerLimits
from wml_deployer.server.runtimes.environment import environment_for
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.frames import Kind
from wml_deployer.server.runtimes.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from wml_deployer.server.runtimes.environment import PackageExtension
    from wml_deployer.server.runtimes.fork_server import ForkServer

    _Starter = Callable[[], Awaitable[WorkerProcess]]

__all__ = ["WorkerPool"]

_LOGGER = logging.getLogger(__name__)


class WorkerPool:
    """A pool of workers that serve the prediction requests of a deployment.

    It starts with one worker, and grows up to its limit while requests are waiting. A worker that exits, is killed,
    hangs or runs out of memory fails its current request only.
    """

    def __init__(self, content: Content, directory: Path, *, workers: int, start_worker: _Starter) -> None:
        """Use :meth:`start`."""
        self._content = content
        self._directory = directory
        self._limit = workers
        self._start_worker = start_worker
        # Worker to the directory of its unpacked content.
        self._workers: dict[WorkerProcess, Path] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._waiting = 0
        # Last in, first out: the worker with warm caches serves next, and the others can time out.
        self._idle: asyncio.LifoQueue[WorkerProcess | LoadError] = asyncio.LifoQueue()

    @classmethod
    async def start(
        cls,
        artifact: Path,
        *,
        model_type: str,
        specification: str,
        input_type: str | None = None,
        directory: Path,
        workers: int = 1,
        fields: Mapping[str, str] | None = None,
        limits: WorkerLimits | None = None,
        fork_server: ForkServer | None = None,
        extensions: Sequence[PackageExtension] = (),
        report: Callable[[str], None] = lambda _: None,
    ) -> WorkerPool:
        """Load the content in a first worker.

        Args:
            artifact: The uploaded file: a tar archive, compressed or not, a gzipped file, or the model itself.
            model_type: Model type, such as ``"scikit-learn_1.3"``; ``"python"`` for a function.
            specification: Name of the software specification.
            input_type: Type of the input schema; for ``"DataFrame"``, payloads are converted to data frames.
            directory: Where the pool creates its directory, which :meth:`stop` removes.
            workers: Maximum number of processes; the number of cores lets requests use all of them.
            fields: Fields of the input schema: name to dtype, in order.
            limits: Limits of each process.
            fork_server: Provides warm workers; without it, each one is started as a new process.
            extensions: Package extensions of the specification, which are installed in an environment below the
                directory; it is kept for other deployments with the same extensions.
            report: Is told how far that installation is.

        Returns:
            A pool whose first worker has loaded the content.

        Raises:
            LoadError: The content cannot be unpacked or loaded, or an extension cannot be installed.

        """
        content = Content(artifact, model_type, specification, input_type, fields or {}, limits or WorkerLimits())
        start_worker = await _starter(extensions, directory, content.limits, fork_server, report)
        own = Path(tempfile.mkdtemp(prefix="pool-", dir=directory))
        pool = cls(content, own, workers=workers, start_worker=start_worker)
        try:
            pool._release(await pool._load())
        except BaseException:
            await pool.stop()
            raise
        pool._later(pool._end_idle())
        return pool

    async def predict(self, body: bytes) -> bytes:
        """Serve one request.

        Args:
            body: JSON body of the request: ``{"input_data": [{"fields"?: [k], "values": [n rows of k]}]}``.

        Returns:
            The JSON of the response: ``{"predictions": [...]}``.

        Raises:
            PredictionError: The request is invalid, the model failed, or its process ended.

        """
        worker = await self._acquire()
        seconds = self._content.limits.predict_seconds
        try:
            kind, response = await worker.connection.request(Kind.PREDICT, body, seconds=seconds)
        except asyncio.CancelledError:
            # The model is still running; its response must not be taken for that of the next request.
            self._later(self._drain(worker))
            raise
        except (ConnectionResetError, asyncio.TimeoutError) as error:
            raise await self._end_failed(worker, error) from error
        self._release(worker)
        if kind is Kind.FAILED:
            raise PredictionError(**json.loads(response))
        return bytes(response)

    async def stop(self) -> None:
        """End all workers, and remove the unpacked contents."""
        self._limit = 0
        for _ in range(self._waiting):
            self._idle.put_nowait(_stopped())
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*map(self._end, tuple(self._workers)))
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    async def _acquire(self) -> WorkerProcess:
        """Wait for an idle worker; start another one if the limit allows it."""
        self._waiting += 1
        try:
            while True:
                if not self._limit:
                    raise _refusal(_stopped())
                self._grow()
                item = await self._idle.get()
                if isinstance(item, LoadError):
                    raise _refusal(item)
                if item in self._workers and item.alive:
                    item.idle_since = None
                    return item
                await self._end(item)
        finally:
            self._waiting -= 1
            self._grow()

    def _release(self, worker: WorkerProcess) -> None:
        worker.idle_since = asyncio.get_running_loop().time()
        self._idle.put_nowait(worker)

    def _grow(self) -> None:
        wanted = self._waiting - self._idle.qsize() - self._starting
        if wanted > 0 and len(self._workers) + self._starting < self._limit:
            self._starting += 1
            self._later(self._add())

    async def _add(self) -> None:
        try:
            self._release(await self._load())
        except LoadError as error:
            _LOGGER.warning("A further worker did not load: %s", error)
            # Only if no other worker can serve the waiting requests.
            if self._waiting and not self._workers:
                self._idle.put_nowait(error)
        finally:
            self._starting -= 1

    async def _load(self) -> WorkerProcess:
        try:
            worker = await self._start_worker()
            directory = Path(tempfile.mkdtemp(prefix="content-", dir=self._directory))
        except OSError as error:
            raise LoadError("worker_not_started", f"No process could be started for the model: {error}") from error
        try:
            await self._content.load_into(worker, directory)
        except BaseException:
            await worker.stop()
            raise
        self._workers[worker] = directory
        return worker

    async def _drain(self, worker: WorkerProcess) -> None:
        """Release the worker of a canceled request once it has responded."""
        try:
            await worker.connection.response()
        except (ConnectionResetError, asyncio.TimeoutError) as error:
            await self._end_failed(worker, error)
        else:
            self._release(worker)

    async def _end_failed(self, worker: WorkerProcess, error: Exception) -> PredictionError:
        """End a failed worker, and return the error for its request."""
        if not self._limit:
            return _refusal(_stopped())
        if isinstance(error, asyncio.TimeoutError):
            seconds = self._content.limits.predict_seconds
            code, message = "model_timeout", f"The model did not answer within {seconds:g} seconds and was stopped."
        elif isinstance(error, BrokenFrameError):
            code, message = "model_crashed", "The model wrote to the socket of its process, which was stopped."
        else:
            code, message = "model_crashed", f"The model's process {await worker.ending()}."
        _LOGGER.warning("%s Its last output: %s", message, worker.output or "none")
        await self._end(worker)
        self._grow()
        return PredictionError(400, code, message)

    async def _end(self, worker: WorkerProcess) -> None:
        directory = self._workers.pop(worker, None)
        await worker.stop()
        if directory is not None:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def _end_idle(self) -> None:
        """End workers that have been idle for a long time; the next request starts one."""
        idle_seconds = self._content.limits.idle_seconds
        while True:
            await asyncio.sleep(idle_seconds / 2)
            now = asyncio.get_running_loop().time()
            for worker in tuple(self._workers):
                if worker.idle_since is not None and now - worker.idle_since > idle_seconds:
                    await self._end(worker)

    def _later(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _stopped() -> LoadError:
    return LoadError("deployment_stopped", "The deployment was stopped before it served the request.")


def _refusal(error: LoadError) -> PredictionError:
    return PredictionError(400, error.code, error.message)


async def _starter(
    extensions: Sequence[PackageExtension],
    directory: Path,
    limits: WorkerLimits,
    fork_server: ForkServer | None,
    report: Callable[[str], None],
) -> _Starter:
    """Return the function that starts workers; the fork server cannot be used with extensions."""
    if extensions:
        environments, seconds = directory / "environments", limits.install_seconds
        python = await environment_for(extensions, environments, seconds=seconds, report=report)
        return lambda: WorkerProcess.start(directory, python)
    return fork_server.take if fork_server is not None else lambda: WorkerProcess.start(directory)
