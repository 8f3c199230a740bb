"""The state that all parts of the running service share."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wml_deployer.server.control.models import Control

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from wml_deployer.server.clock import Clock
    from wml_deployer.server.console.sessions import Sessions
    from wml_deployer.server.deployments.serving import Serving
    from wml_deployer.server.http.signatures import Signatures
    from wml_deployer.server.http.tokens import Account, Tokens
    from wml_deployer.server.storage.blobs import Blobs
    from wml_deployer.server.storage.records import Identifiers
    from wml_deployer.server.storage.store import Store

__all__ = ["Context", "RequestLimits", "Semaphores"]

_LOGGER = logging.getLogger(__name__)


class Semaphores:
    """Limit how much goes on at once, for each key on its own; the others wait in the order of their coming.

    Args:
        limit: How many may hold the semaphore of a key at once.

    """

    def __init__(self, limit: int) -> None:
        """Start without any key."""
        self._limit = limit
        self._keys: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str) -> asyncio.Semaphore:
        """Return the semaphore of a key."""
        return self._keys.setdefault(key, asyncio.Semaphore(self._limit))

    def forget(self, key: str) -> None:
        """Let go of a key that is not used any more."""
        self._keys.pop(key, None)


@dataclass(frozen=True)
class RequestLimits:
    """How much the service takes in one request, in bytes.

    Attributes:
        document: A JSON body.
        content: An uploaded content.

    """

    document: int = 64 * 2**20
    content: int = 4 * 2**30


@dataclass
class Context:
    """The running service.

    Attributes:
        directory: Its folder.
        url: Where it answers, without a slash at the end.
        store: Its database.
        blobs: Its contents.
        clock: Its time.
        identifiers: Its ids.
        account: The one account it knows.
        tokens: The tokens it issues.
        signatures: The signed URLs it gives out.
        serving: The pools that serve deployments.
        sessions: Who may see the console.
        limits: What it takes.
        control: What tests asked it to do.
        job_slots: Where jobs run: two of a deployment at a time.

    """

    directory: Path
    url: str
    store: Store
    blobs: Blobs
    clock: Clock
    identifiers: Identifiers
    account: Account
    tokens: Tokens
    signatures: Signatures
    serving: Serving
    sessions: Sessions
    limits: RequestLimits = field(default_factory=RequestLimits)
    control: Control = field(default_factory=Control)
    job_slots: Semaphores = field(default_factory=lambda: Semaphores(2))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def end_deployment(self, deployment_id: str) -> None:
        """Stop everything that runs for a deleted deployment."""
        self.control.pacing.forget(deployment_id)
        self.job_slots.forget(deployment_id)
        self.spawn(self.serving.stop(deployment_id))

    async def close(self) -> None:
        """Stop everything that runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.serving.close()
        self.store.close()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOGGER.error("a background task failed", exc_info=task.exception())
