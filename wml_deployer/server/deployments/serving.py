"""The worker pools of the deployments: one each, started on demand, and replaced as a whole.

A pool that is replaced finishes its requests and stops, so that a change of the asset interrupts nobody.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wml_deployer.server.runtimes import ForkServer, LoadError, PackageExtension, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Serving", "ServingSpec"]


@dataclass(frozen=True)
class ServingSpec:
    """What a worker pool needs to know to serve a deployment.

    Attributes:
        artifact: Path of the stored content.
        model_type: Model type; ``python`` for a function.
        specification: Name of the software specification.
        input_type: Type of the input schema, if there is one.
        fields: Fields of the input schema: name to type, in order.
        replicas: Requested number of copies.
        extensions: Package extensions of the software specification.

    """

    artifact: Path
    model_type: str
    specification: str
    input_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1
    extensions: tuple[PackageExtension, ...] = ()


class _Served:
    """The pool of a deployment, and the number of its pending requests."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool
        self.in_flight = 0
        self.idle = asyncio.Event()

    async def retire(self) -> None:
        """Stop the pool once its pending requests are served."""
        self.idle.clear()
        try:
            if self.in_flight:
                await self.idle.wait()
        finally:
            await self.pool.stop()


class Serving:
    """All worker pools of the service.

    Args:
        directory: Where the pools unpack their contents.

    """

    def __init__(self, directory: Path) -> None:
        """Start without pools."""
        self._directory = directory
        self._served: dict[str, _Served] = {}
        # Serialize loading, by deployment. The lock of a stopped deployment is removed.
        self._loading: dict[str, asyncio.Lock] = {}
        self._closed = False
        self._fork_server = ForkServer(directory)
        self._opening: asyncio.Task[None] | None = None

    async def warm_up(self) -> None:
        """Start the fork server before the first deployment needs a worker."""
        # One task for all callers; shielded, so that a canceled caller does not leave a half-started process behind.
        if self._opening is None:
            self._opening = asyncio.create_task(self._fork_server.open())
        await asyncio.shield(self._opening)

    async def start(self, spec: ServingSpec, report: Callable[[str], None] = lambda _: None) -> WorkerPool:
        """Start a pool, which is not used yet.

        Args:
            spec: What it serves.
            report: Is told how far the installation of package extensions is.

        Raises:
            LoadError: The content cannot be loaded.

        """
        if not spec.artifact.exists():
            raise LoadError("content_missing", "The asset has no content: nothing was uploaded to it.")
        await self.warm_up()
        return await WorkerPool.start(
            spec.artifact,
            model_type=spec.model_type,
            specification=spec.specification,
            input_type=spec.input_type,
            fields=spec.fields,
            directory=self._directory,
            workers=max(spec.replicas, os.cpu_count() or 1),
            fork_server=self._fork_server,
            extensions=spec.extensions,
            report=report,
        )

    async def predict(self, deployment_id: str, spec: Callable[[], ServingSpec], body: bytes) -> bytes:
        """Predict with a deployment.

        Args:
            deployment_id: Id of the deployment.
            spec: Returns what to serve; called if there is no pool yet, as after a restart of the service.
            body: JSON body of the request.

        Raises:
            LoadError: The content cannot be loaded, or the deployment was stopped meanwhile.
            PredictionError: The prediction failed.

        """
        served = self._served.get(deployment_id) or await self._ensure(deployment_id, spec)
        served.in_flight += 1
        try:
            return await served.pool.predict(body)
        finally:
            served.in_flight -= 1
            if not served.in_flight:
                served.idle.set()

    async def replace(self, deployment_id: str, pool: WorkerPool) -> None:
        """Replace the pool of a deployment; the old one finishes its requests and stops."""
        if self._closed:
            await pool.stop()
            return
        before, self._served[deployment_id] = self._served.get(deployment_id), _Served(pool)
        if before is not None:
            await before.retire()

    async def stop(self, deployment_id: str) -> None:
        """Stop serving a deployment, and discard what is still being loaded for it."""
        self._loading.pop(deployment_id, None)
        served = self._served.pop(deployment_id, None)
        if served is not None:
            await served.pool.stop()

    async def _ensure(self, deployment_id: str, spec: Callable[[], ServingSpec]) -> _Served:
        """Start the pool of a deployment, once for all waiting requests."""
        lock = self._loading.setdefault(deployment_id, asyncio.Lock())
        async with lock:
            served = self._served.get(deployment_id)
            if served is not None:
                return served
            if self._is_stopped(deployment_id, lock):
                raise _stopped()
            pool = await self.start(spec())
            # The deployment may have been stopped, or given another pool, meanwhile.
            if self._is_stopped(deployment_id, lock):
                await pool.stop()
                raise _stopped()
            if deployment_id in self._served:
                await pool.stop()
            else:
                self._served[deployment_id] = _Served(pool)
            return self._served[deployment_id]

    def _is_stopped(self, deployment_id: str, lock: asyncio.Lock) -> bool:
        return self._closed or self._loading.get(deployment_id) is not lock

    async def close(self) -> None:
        """Stop all pools and the fork server."""
        self._closed = True
        await asyncio.gather(*(self.stop(deployment_id) for deployment_id in list(self._served)))
        if self._opening is not None:
            await self._opening
        await self._fork_server.close()


def _stopped() -> LoadError:
    return LoadError("deployment_stopped", "The deployment was stopped before it answered the request.")
