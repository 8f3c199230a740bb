"""Batch scoring on the platform: rows go up in one job, scores come back when it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._transport.deadline import deadline, pause
from wml_deployer.errors import DeadlineError, InvalidResponseError, RolloutError

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import JobRecord
    from wml_deployer._display.frames import Scores
    from wml_deployer._scoring.platform import Asset
    from wml_deployer._scoring.revisions import Revision

__all__ = ["Job"]

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
_OVER = frozenset({"completed", "failed", "canceled"})


@dataclass
class Job:
    """A job of a project's batch deployment; made by :meth:`wml_deployer.Deployer.submit_batch`.

    Attributes:
        id: Its id.
        name: Its name.
        state: ``queued``, ``running``, ``completed``, ``failed`` or ``canceled``, when last looked at.
        failure: Why it failed.
        model_id: The model that scores; ``None`` for jobs of earlier releases of this library, which did not say.
        revision: Its revision.

    Example:
        >>> Job("3f2c", "churn-1", "completed").done
        True

    """

    id: str
    name: str
    state: str
    failure: str | None = None
    model_id: str | None = None
    revision: str | None = None
    _client: Client | None = field(default=None, repr=False, compare=False)
    _known: Revision | None = field(default=None, repr=False, compare=False)
    _index: pd.Index[Any] | None = field(default=None, repr=False, compare=False)
    _predictions: list[Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_record(
        cls,
        record: JobRecord,
        client: Client,
        asset: Asset | None,
        known: Revision | None = None,
        index: pd.Index[Any] | None = None,
    ) -> Self:
        """Make the handle of what the service tells.

        Args:
            record: The job.
            client: The deployment space.
            asset: The revision that scores, if it is known.
            known: What is known of the revision; asked for with the result if not given.
            index: The labels of the rows that were handed in.

        """
        model_id, revision = asset or (None, None)
        return cls(
            id=record.id,
            name=record.name,
            state=record.state,
            failure=record.failure,
            model_id=model_id,
            revision=revision,
            _client=client,
            _known=known,
            _index=index,
            _predictions=record.predictions,
        )

    @property
    def done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state in _OVER

    def refresh(self, *, timeout: float | None = None) -> Self:
        """Look at the job again.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            This handle.

        Raises:
            NotFoundError: The service forgot it.
            DeadlineError: The time is over.

        """
        if self._client is not None:
            with deadline(timeout):
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
        seconds = FIRST_PAUSE_SECONDS
        with deadline(timeout):
            try:
                while not self.refresh().done:
                    pause(seconds)
                    seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
            except DeadlineError as error:
                raise DeadlineError(
                    f"Job {self.id} is still {self.state}; the time is over.",
                    operation="score in batch",
                    next_step="It goes on: find it with Deployer.jobs(), or stop it with Job.cancel().",
                ) from error
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
            timeout: Seconds for the whole call.

        Returns:
            n rows: ``prediction`` and, for classifiers, ``probability_<class>`` by the classes of the revision that the
            job was started for, whatever serves by now. Where these are not known, the probabilities are numbered. The
            index is that of the rows that were handed in, or a running number if this handle was found by
            :meth:`wml_deployer.Deployer.jobs`.

        Raises:
            RolloutError: The job failed or was cancelled.
            InvalidResponseError: The labels are not those of the revision that the job was started for.
            DeadlineError: The time is over.

        """
        from wml_deployer._display.frames import as_scores  # noqa: PLC0415 - pandas is slow to import
        from wml_deployer._scoring.labels import ClassNames, Verdict  # noqa: PLC0415
        from wml_deployer.payload import decode  # noqa: PLC0415

        with deadline(timeout):
            self.wait(timeout)
            schema = self._revision().schema
        classes = schema.classes if schema else ()
        scores = decode(orjson.dumps({"predictions": self._predictions}), classes=classes, index=self._index)
        if ClassNames(classes).judge(scores) in {Verdict.FOREIGN, Verdict.OTHER_COUNT}:
            raise InvalidResponseError(
                f"Job {self.id} was answered by another version than revision {self.revision} of model "
                f"{self.model_id}, for which it was started: its labels or probabilities are not those of the classes "
                f"{', '.join(map(repr, classes))}.",
                operation="score in batch",
                next_step="Score the rows again: somebody else switched the batch deployment in between.",
            )
        return as_scores(scores)

    def cancel(self, *, timeout: float | None = None) -> None:
        """Stop the job; the service forgets it.

        Args:
            timeout: Seconds for the whole call.

        Raises:
            DeadlineError: The time is over.

        """
        if self._client is not None:
            with deadline(timeout):
                self._client.cancel_job(self.id)
        self.state = "canceled"

    def _revision(self) -> Revision:
        """Return what is known of the revision that scored, asking the service at the first time."""
        from wml_deployer._scoring.revisions import Revision, described  # noqa: PLC0415 - pandas is slow to import

        if self._known is None and self._client is not None and self.model_id is not None:
            self._known = described(self._client, (self.model_id, self.revision))
        return self._known or Revision(None, None)
