"""The state that all parts of the running service share: database, contents, tokens, worker pools."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wml_deployer.server.control.models import Control
from wml_deployer.server.deployments.verification import Answers

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
    """A semaphore for each key; those who wait for one are served in order.

    Args:
        limit: How many may hold the semaphore of a key at the same time.

    """

    def __init__(self, limit: int) -> None:
        """Start without keys."""
        self._limit = limit
        self._keys: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str) -> asyncio.Semaphore:
        """Return the semaphore of a key."""
        return self._keys.setdefault(key, asyncio.Semaphore(self._limit))

    def forget(self, key: str) -> None:
        """Forget a key that is no longer used."""
        self._keys.pop(key, None)


@dataclass(frozen=True)
class RequestLimits:
    """Largest requests that the service accepts.

    Attributes:
        document: Bytes of a JSON body.
        content: Bytes of an upload.

    """

    document: int = 64 * 2**20
    content: int = 4 * 2**30


@dataclass
class Context:
    """The running service.

    Attributes:
        directory: The data folder.
        url: URL of the service, without a trailing slash.
        store: The database.
        blobs: The uploaded contents.
        clock: The clock.
        identifiers: The generator of ids.
        account: The only account.
        tokens: Issues and verifies bearer tokens.
        signatures: Signs and verifies URLs.
        serving: The worker pools of the deployments.
        sessions: The sessions of the console.
        limits: Largest requests that it accepts.
        control: What tests have set through the control API.
        answers: The first requests that each version answered.
        job_slots: Limits the jobs that run at a time: two for each deployment.

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
    answers: Answers = field(default_factory=Answers)
    job_slots: Semaphores = field(default_factory=lambda: Semaphores(2))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a background task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def end_deployment(self, deployment_id: str) -> None:
        """Stop the worker pool and the jobs of a deleted deployment."""
        self.control.pacing.forget(deployment_id)
        self.job_slots.forget(deployment_id)
        self.answers.forget(deployment_id)
        self.spawn(self.serving.stop(deployment_id))

    async def close(self) -> None:
        """Stop the background tasks and the worker pools, and close the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.serving.close()
        self.store.close()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOGGER.error("A background task failed.", exc_info=task.exception())
