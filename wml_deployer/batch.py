"""Batch scoring on the platform: rows go up in one job, scores come back when it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._transport.deadline import deadline, remaining
from wml_deployer.errors import DeadlineError, RolloutError

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import JobRecord
    from wml_deployer._display.frames import Scores
    from wml_deployer.schema import Schema

__all__ = ["Job"]

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
_OVER = frozenset({"completed", "failed", "canceled"})


@dataclass
class Job:
    """A job of the project's batch deployment; made by :meth:`wml_deployer.Deployer.submit_batch`.

    Attributes:
        id: Its id.
        name: Its name.
        state: ``queued``, ``running``, ``completed``, ``failed`` or ``canceled``, when last looked at.

    Example:
        >>> Job("3f2c", "churn-1", "completed").done
        True

    """

    id: str
    name: str
    state: str
    failure: str | None = None
    _client: Client | None = field(default=None, repr=False, compare=False)
    _schema: Schema | None = field(default=None, repr=False, compare=False)
    _index: pd.Index[Any] | None = field(default=None, repr=False, compare=False)
    _predictions: list[Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_record(
        cls, record: JobRecord, client: Client, schema: Schema | None = None, index: pd.Index[Any] | None = None
    ) -> Self:
        """Make the handle of what the service tells."""
        return cls(record.id, record.name, record.state, record.failure, client, schema, index, record.predictions)

    @property
    def done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state in _OVER

    def refresh(self) -> Self:
        """Look at the job again.

        Returns:
            This handle.

        """
        if self._client is not None:
            record = self._client.job(self.id)
            self.state, self.failure, self._predictions = record.state, record.failure, record.predictions
        return self

    def wait(self, timeout: float = 3600.0) -> Self:
        """Wait until the job has come to an end.

        Args:
            timeout: Seconds to wait at most; the job goes on when they are over.

        Returns:
            This handle, completed.

        Raises:
            RolloutError: The job failed or was cancelled.
            DeadlineError: The time is over.

        """
        pause = FIRST_PAUSE_SECONDS
        with deadline(timeout):
            while not self.refresh().done:
                self._sleep(pause)
                pause = min(pause * 1.6, LONGEST_PAUSE_SECONDS)
        if self.state != "completed":
            raise RolloutError(
                f"Job {self.id} is {self.state}: {self.failure or 'the service gives no reason'}",
                operation="score in batch",
                next_step="Score a few of its rows online to see what the model says of them.",
            )
        return self

    def result(self, timeout: float = 3600.0) -> Scores:
        """Wait for the scores.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            n rows: ``prediction`` and, for classifiers, ``probability_<class>``, on the index of the rows that were
            handed in; on a running number if this handle was found by :meth:`wml_deployer.Deployer.jobs`.

        Raises:
            RolloutError: The job failed or was cancelled.
            DeadlineError: The time is over.

        """
        from wml_deployer._display.frames import as_scores  # noqa: PLC0415 - importing this module is cheap
        from wml_deployer.payload import decode  # noqa: PLC0415

        self.wait(timeout)
        classes = self._schema.classes if self._schema else ()
        return as_scores(decode(orjson.dumps({"predictions": self._predictions}), classes=classes, index=self._index))

    def cancel(self) -> None:
        """Stop the job; the service forgets it."""
        if self._client is not None:
            self._client.cancel_job(self.id)
        self.state = "canceled"

    def _sleep(self, seconds: float) -> None:
        try:
            left = remaining()
        except DeadlineError as error:
            raise DeadlineError(
                f"Job {self.id} is still {self.state}; the time is over.",
                operation="score in batch",
                next_step="It goes on: find it with Deployer.jobs(), or stop it with Job.cancel().",
            ) from error
        time.sleep(seconds if left is None else min(seconds, left))
