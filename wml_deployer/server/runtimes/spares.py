"""A worker kept warm, so that a deployment does not wait for the imports of pandas and scikit-learn."""

from __future__ import annotations

import asyncio

from wml_deployer.server.runtimes.process import WorkerProcess

__all__ = ["Spares"]

_PAUSE = 0.5


class Spares:
    """One started worker without a model.

    Example:
        >>> async def first_worker() -> bool:
        ...     spares = Spares()
        ...     await spares.fill()
        ...     worker = await spares.take()
        ...     await spares.stop()
        ...     await worker.stop()
        ...     return worker.alive
        >>> asyncio.run(first_worker())
        False

    """

    def __init__(self) -> None:
        """Start with none; :meth:`fill` starts the first."""
        self._spare: WorkerProcess | None = None
        self._filling: asyncio.Task[None] | None = None
        self._stopped = False

    async def fill(self) -> None:
        """Have one spare started; returns while it still imports."""
        if self._spare is None and not self._stopped:
            self._spare = await WorkerProcess.start()

    async def take(self) -> WorkerProcess:
        """Hand out the spare, or a new worker where there is none, and start the next one a little later."""
        worker, self._spare = self._spare, None
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._refill())
        return worker if worker is not None and worker.alive else await WorkerProcess.start()

    async def stop(self) -> None:
        """End the spare."""
        self._stopped = True
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        if self._spare is not None:
            await self._spare.stop()

    async def _refill(self) -> None:
        # The model that was just handed the spare loads first; both at once would share the cores.
        await asyncio.sleep(_PAUSE)
        await self.fill()
