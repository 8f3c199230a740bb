"""The worker pools of the deployments: one each, started when first needed, replaced as a whole."""

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
    """What is to be served.

    Attributes:
        artifact: The stored content.
        model_type: Its model type; ``python`` for a function.
        specification: Name of the software specification it asks for.
        input_type: Type of its input schema, if it has one.
        fields: Type by name of the input schema's fields, in their order.
        replicas: How many copies the deployment asks for.
        extensions: What its software specification adds to the base one.

    """

    artifact: Path
    model_type: str
    specification: str
    input_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1
    extensions: tuple[PackageExtension, ...] = ()


class _Served:
    """A deployment's pool, and the number of its requests in progress."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool
        self.asked = 0
        self.quiet = asyncio.Event()

    async def retire(self) -> None:
        """Stop the pool once nobody waits for it any more."""
        self.quiet.clear()
        try:
            if self.asked:
                await self.quiet.wait()
        finally:
            await self.pool.stop()


class Serving:
    """All pools of the service.

    Args:
        directory: Where pools unpack what they serve.

    """

    def __init__(self, directory: Path) -> None:
        """Start without any pool."""
        self._directory = directory
        self._served: dict[str, _Served] = {}
        # Those who load what a deployment serves take turns; the lock of one that was stopped is not here any more.
        self._loading: dict[str, asyncio.Lock] = {}
        self._closed = False
        self._fork_server = ForkServer(directory)
        self._opening: asyncio.Task[None] | None = None

    async def warm_up(self) -> None:
        """Have a worker ready before the first deployment asks for one."""
        # Whoever comes first opens it for all; who is canceled meanwhile does not leave a half-started process behind.
        if self._opening is None:
            self._opening = asyncio.create_task(self._fork_server.open())
        await asyncio.shield(self._opening)

    async def start(self, spec: ServingSpec) -> WorkerPool:
        """Start a pool that serves nobody yet.

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
        )

    async def predict(self, deployment_id: str, spec: Callable[[], ServingSpec], body: bytes) -> bytes:
        """Answer a prediction request.

        Args:
            deployment_id: Who is asked.
            spec: What it serves; asked for when nothing serves it yet, as after a restart of the service.
            body: The request's JSON.

        Raises:
            LoadError: The content cannot be loaded any more, or the deployment was stopped meanwhile.
            PredictionError: The request is not answered.

        """
        served = self._served.get(deployment_id) or await self._ensure(deployment_id, spec)
        served.asked += 1
        try:
            return await served.pool.predict(body)
        finally:
            served.asked -= 1
            if not served.asked:
                served.quiet.set()

    async def replace(self, deployment_id: str, pool: WorkerPool) -> None:
        """Replace a deployment's pool; the old one finishes its requests, and stops."""
        if self._closed:
            await pool.stop()
            return
        before, self._served[deployment_id] = self._served.get(deployment_id), _Served(pool)
        if before is not None:
            await before.retire()

    async def stop(self, deployment_id: str) -> None:
        """Stop serving a deployment, also with what is still being loaded for it."""
        self._loading.pop(deployment_id, None)
        served = self._served.pop(deployment_id, None)
        if served is not None:
            await served.pool.stop()

    async def _ensure(self, deployment_id: str, spec: Callable[[], ServingSpec]) -> _Served:
        """Load what the deployment serves, once for all requests that wait for it."""
        lock = self._loading.setdefault(deployment_id, asyncio.Lock())
        async with lock:
            served = self._served.get(deployment_id)
            if served is not None:
                return served
            if self._is_over(deployment_id, lock):
                raise _stopped()
            pool = await self.start(spec())
            # Meanwhile the deployment may have been stopped, or been given another pool.
            if self._is_over(deployment_id, lock):
                await pool.stop()
                raise _stopped()
            if deployment_id in self._served:
                await pool.stop()
            else:
                self._served[deployment_id] = _Served(pool)
            return self._served[deployment_id]

    def _is_over(self, deployment_id: str, lock: asyncio.Lock) -> bool:
        return self._closed or self._loading.get(deployment_id) is not lock

    async def close(self) -> None:
        """Stop serving."""
        self._closed = True
        await asyncio.gather(*(self.stop(deployment_id) for deployment_id in list(self._served)))
        if self._opening is not None:
            await self._opening
        await self._fork_server.close()


def _stopped() -> LoadError:
    return LoadError("deployment_stopped", "The deployment was stopped before it answered the request.")
