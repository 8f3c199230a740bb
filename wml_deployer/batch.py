"""Batch scoring on the platform: rows go up in one job, scores come back when it is done.

A batch deployment scores its jobs with what it serves when their turn comes, which may be long after they were started.
So one is only switched to another version once its jobs are done; while some are waiting, another one is made. A job's
name tells which revision it was started for: the service does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import orjson

from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.deploying import batch_deployments_of
from wml_deployer._rollout.orphans import CUSTOM_KEY
from wml_deployer._rollout.waiting import wait_until_serving
from wml_deployer._transport.deadline import deadline, pause
from wml_deployer._transport.idempotency import send_once
from wml_deployer.errors import ConflictError, DeadlineError, InvalidResponseError, RolloutError

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, JobRecord
    from wml_deployer._scoring.lookups import Revision
    from wml_deployer.display._frames import Scores
    from wml_deployer.payload._arrow import ArrowFrame

__all__ = ["Job"]

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
ATTEMPTS = 3

_FINAL_STATES = frozenset({"completed", "failed", "canceled"})
_ID = r"[0-9a-z-]{36}"
_NAME = re.compile(rf"(?:(?P<model>{_ID})\.(?P<revision>[^.-]*)-)?{_ID}")


class Asset(NamedTuple):
    """A revision of a model."""

    model_id: str
    revision: str | None


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
    _frame: ArrowFrame | None = field(default=None, repr=False, compare=False)
    _predictions: list[Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_record(
        cls,
        record: JobRecord,
        client: Client,
        asset: Asset | None,
        known: Revision | None = None,
        *,
        index: pd.Index[Any] | None = None,
        frame: ArrowFrame | None = None,
    ) -> Self:
        """Make the handle of a record.

        Args:
            record: The job.
            client: The deployment space.
            asset: The revision that scores, if it is known.
            known: What is known of the revision; asked for with the result if not given.
            index: The labels of the rows that were handed in.
            frame: These rows, if they are a frame of another library than pandas.

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
            _frame=None if frame is None else frame.take([]),
            _predictions=record.predictions,
        )

    @property
    def done(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.state in _FINAL_STATES

    def refresh(self, *, timeout: float | None = None) -> Self:
        """Look up the job again.

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
        """Wait until the job has ended.

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
            :meth:`wml_deployer.Deployer.jobs`. Rows of another library than pandas get a frame of that library.

        Raises:
            RolloutError: The job failed or was cancelled.
            InvalidResponseError: The labels are not those of the revision that the job was started for.
            DeadlineError: The time is over.

        """
        from wml_deployer.display._frames import as_scores  # noqa: PLC0415 - deferred: pandas is slow to import
        from wml_deployer.payload import decode  # noqa: PLC0415
        from wml_deployer.payload._labels import ClassNames, Verdict  # noqa: PLC0415

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
        return as_scores(scores) if self._frame is None else self._frame.give_back(scores)

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
        from wml_deployer._scoring.lookups import Revision, describe_revision  # noqa: PLC0415 - deferred: pandas is slow to import

        if self._known is None and self._client is not None and self.model_id is not None:
            self._known = describe_revision(self._client, (self.model_id, self.revision))
        return self._known or Revision(None, None)


def start_job(client: Client, project: str, asset: Asset, body: bytes) -> JobRecord:
    """Start a job on a batch deployment of the project that serves this revision; create or change one if needed.

    Args:
        client: The deployment space.
        project: Name of the project.
        asset: The revision that is to score.
        body: The rows, as ``input_data`` bytes.

    Raises:
        ConflictError: Others keep switching the batch deployment.

    """
    for _ in range(ATTEMPTS):
        deployment = _batch_deployment(client, project, asset)
        job = client.start_job(deployment.id, job_name(project, asset), body)
        if asset_of(client.deployment(deployment.id)) == asset:
            return job
        # Somebody else found it idle at the same time, and switched it.
        client.cancel_job(job.id)
    raise ConflictError(
        f"The batch deployment of {project} was switched to another version again and again.",
        operation="score in batch",
        next_step="Score again once nobody else starts jobs for another version.",
    )


def _batch_deployment(client: Client, project: str, asset: Asset) -> DeploymentRecord:
    ours = batch_deployments_of(client, project)
    serving = [record for record in ours if asset_of(record) == asset]
    if serving:
        return wait_until_serving(client, serving[0], *asset, serving[0])
    busy = {job.deployment_id for job in client.jobs() if job.state not in _FINAL_STATES} if ours else set()
    idle = [record for record in ours if record.id not in busy]
    if not idle:
        created = _create(client, project, asset)
        return wait_until_serving(client, created, *asset, created)
    changed = client.serve(idle[0].id, asset.model_id, asset.revision or "")
    return wait_until_serving(client, changed, *asset, idle[0])


def _create(client: Client, project: str, asset: Asset) -> DeploymentRecord:
    facts = {CUSTOM_KEY: {"project": project, "kind": "batch", "call": uuid4().hex}}
    return send_once(
        lambda: client.create_batch_deployment(f"{project}-Batch", asset.model_id, asset.revision or "", facts),
        lambda: next((made for made in batch_deployments_of(client, project) if made.custom == facts), None),
    )


def job_name(project: str, asset: Asset) -> str:
    """Make a name that no other job has: after a lost response, the job is found by it.

    Example:
        >>> asset = Asset("0a5b5c6e-0c63-4f3b-9d2c-f6f0c1d2e3a4", "3")
        >>> asset_of_job("churn", job_name("churn", asset)) == asset
        True

    """
    return f"{project}-{asset.model_id}.{asset.revision or ''}-{uuid4()}"


def is_job_of(project: str, name: str) -> bool:
    """Say whether a job's name is one of this project's."""
    return name.startswith(f"{project}-") and _NAME.fullmatch(name, len(project) + 1) is not None


def asset_of_job(project: str, name: str) -> Asset | None:
    """Return the revision that a job of the project was started for, if its name contains it."""
    found = _NAME.fullmatch(name, len(project) + 1)
    if found is None or found["model"] is None:
        return None
    return Asset(found["model"], found["revision"] or None)
