"""The worker processes of one deployment: requests in, answers out, whatever the model does to its process."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes.connection import BrokenFrameError
from wml_deployer.server.runtimes.content import Content
from wml_deployer.server.runtimes.environment import environment_for
from wml_deployer.server.runtimes.errors import LoadError, PredictionError
from wml_deployer.server.runtimes.frames import Kind
from wml_deployer.server.runtimes.limits import WorkerLimits
from wml_deployer.server.runtimes.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from wml_deployer.server.runtimes.extensions import PackageExtension
    from wml_deployer.server.runtimes.fork_server import ForkServer

    _Starter = Callable[[], Awaitable[WorkerProcess]]

__all__ = ["WorkerPool"]

_LOGGER = logging.getLogger(__name__)


class WorkerPool:
    """Answers the prediction requests of one deployment.

    It starts with one worker and grows up to its limit while requests wait. A worker that exits, is killed, hangs or
    runs out of memory fails the request that it was at; the next request gets a new one.
    """

    def __init__(self, content: Content, directory: Path, *, workers: int, start_worker: _Starter) -> None:
        """Use :meth:`start`."""
        self._content = content
        self._directory = directory
        self._limit = workers
        self._start_worker = start_worker
        # Each with the folder that it has unpacked the content into.
        self._workers: dict[WorkerProcess, Path] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._waiting = 0
        # Last in, first out: the worker whose caches are warm serves next, the others become idle and end.
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
            artifact: The content as it was uploaded: a tar archive, compressed or not, a gzipped file, or the file
                itself.
            model_type: WML's type of the model (``"scikit-learn_1.3"``), or ``"python"`` for a function.
            specification: Name of its software specification.
            input_type: Type of the stored input schema; ``"DataFrame"`` has each payload made a data frame.
            directory: Where the content is unpacked, in a folder of the pool's own that :meth:`stop` removes.
            workers: Largest number of processes; as many as there are cores lets requests use all of them.
            fields: Dtype by name of the stored input schema's fields, in their order.
            limits: What each process may take.
            fork_server: Where warm workers come from; without it each one is started cold.
            extensions: Package extensions of the specification. They are installed into an environment of their own
                below the directory, which stays there for the next deployment with the same ones.
            report: Is told how far that installation is.

        Returns:
            A pool whose first worker has loaded the content.

        Raises:
            LoadError: The content cannot be unpacked, loaded or served, or an extension cannot be installed.

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
        """Answer one request.

        Args:
            body: The request's JSON as it came: ``{"input_data": [{"fields"?: [k], "values": [n rows of k]}]}``.

        Returns:
            The answer's JSON: ``{"predictions": [...]}``.

        Raises:
            PredictionError: The request is malformed, the model refused it, or the model took its process down.

        """
        worker = await self._acquire()
        seconds = self._content.limits.predict_seconds
        try:
            kind, answer = await worker.connection.ask(Kind.PREDICT, body, seconds=seconds)
        except asyncio.CancelledError:
            # The model goes on; its answer must not be taken for that of the next request.
            self._later(self._drain(worker))
            raise
        except (ConnectionResetError, asyncio.TimeoutError) as error:
            raise await self._bury(worker, error) from error
        self._release(worker)
        if kind is Kind.FAILED:
            raise PredictionError(**json.loads(answer))
        return bytes(answer)

    async def stop(self) -> None:
        """End all workers and remove what was unpacked."""
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
        """Wait for a free worker, and have one more started where there is room."""
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
            _LOGGER.warning("a further worker did not load: %s", error)
            # Only where no other worker will serve those who wait.
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
        """Take back a worker whose caller has gone, once it has answered."""
        try:
            await worker.connection.answer()
        except (ConnectionResetError, asyncio.TimeoutError) as error:
            await self._bury(worker, error)
        else:
            self._release(worker)

    async def _bury(self, worker: WorkerProcess, error: Exception) -> PredictionError:
        """End a worker that does not answer, and say why it did not."""
        if not self._limit:
            return _refusal(_stopped())
        if isinstance(error, asyncio.TimeoutError):
            seconds = self._content.limits.predict_seconds
            code, message = "model_timeout", f"The model did not answer within {seconds:g} seconds and was ended."
        elif isinstance(error, BrokenFrameError):
            code, message = "model_crashed", "The model wrote into the socket of its process, which was ended."
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
        """End workers that nobody has asked for a long time; the next request starts one."""
        patience = self._content.limits.idle_seconds
        while True:
            await asyncio.sleep(patience / 2)
            now = asyncio.get_running_loop().time()
            for worker in tuple(self._workers):
                if worker.idle_since is not None and now - worker.idle_since > patience:
                    await self._end(worker)

    def _later(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _stopped() -> LoadError:
    return LoadError("deployment_stopped", "The deployment was stopped before it answered the request.")


def _refusal(error: LoadError) -> PredictionError:
    return PredictionError(400, error.code, error.message)


async def _starter(
    extensions: Sequence[PackageExtension],
    directory: Path,
    limits: WorkerLimits,
    fork_server: ForkServer | None,
    report: Callable[[str], None],
) -> _Starter:
    """Say where the pool's workers come from; the fork server knows only the service's own packages."""
    if extensions:
        environments, seconds = directory / "environments", limits.install_seconds
        python = await environment_for(extensions, environments, seconds=seconds, report=report)
        return lambda: WorkerProcess.start(directory, python)
    return fork_server.take if fork_server is not None else lambda: WorkerProcess.start(directory)
