"""Methods of ``Deployer`` on a candidate, a version beside the live one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.candidates import finish, require_candidate, start, version_of
from wml_deployer._rollout.deploying import delete
from wml_deployer._rollout.names import check_reason
from wml_deployer._rollout.versions import refuse_schema_change
from wml_deployer._scoring.options import Batching
from wml_deployer._transport.deadline import deadline
from wml_deployer._transport.idempotency import add_note
from wml_deployer._verification.agreement import TimedScores, compare_answers
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject, store_request
from wml_deployer.deployer._verb import verb
from wml_deployer.errors import ConfigurationError
from wml_deployer.monitoring import PayloadLog
from wml_deployer.monitoring._events import with_dtypes

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

    from wml_deployer.deployment import Deployment
    from wml_deployer.metadata import Route
    from wml_deployer.reports import Comparison
    from wml_deployer.schema import Schema

__all__ = ["CandidateVerbs"]

LOGGED_ROWS = 100_000
"""Rows of a payload log that are compared."""


class CandidateVerbs(OpenProject):
    """Deploy a version beside the live one, compare both, and take the better one."""

    @verb
    def candidate(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy a version beside the live one, under a URL of its own; nobody who scores the live one notices.

        A project has one candidate: another call lets it serve another version. It stays when this process ends.

        Args:
            model: Whatever ``store`` takes, or what it returned.
            sample: n rows × k fields to verify it with, as ``store`` takes them.
            version: Name of the version, as ``store`` takes it.
            specification: Name of the software specification, as ``store`` takes it.
            route: The way to go live, as ``store`` takes it.
            requirements: What to install beside the runtime's libraries, as ``store`` takes it.
            code: Own packages that go along, as ``store`` takes them.
            unpickle: Whether a path may be loaded into this process, as ``store`` takes it.
            timeout: Seconds for the whole call.

        Returns:
            The candidate's deployment, ready.

        Raises:
            RolloutError: It failed, or did not answer as the local model does; it is removed.
            DeadlineError: The time is over; it is removed.
            ConflictError: metadata.lock does not know what is live or what the candidate serves; nothing was done.

        """
        request = store_request(
            model, sample, version, specification, route=route, requirements=requirements, code=code, unpickle=unpickle
        )
        with self._preparing(request, timeout) as (project, prepared):
            project.refuse_stale()
            chosen = project.versions.get(prepared, request)
            record = start(project.client, self.metadata.project_name, chosen, project.sample(chosen))
            return self._handle(record, chosen)

    @verb
    def compare(self, X: Any, *, timeout: float | None = None) -> Comparison:
        """Score the same rows on the live version and on the candidate. Hooks are not told of these requests.

        Args:
            X: n rows × k fields, as ``score`` takes them; or a :class:`~wml_deployer.monitoring.PayloadLog`, of which
                the newest 100,000 rows with the live version's columns are taken.
            timeout: Seconds for the whole call; a minute for each request if not given.

        Returns:
            Agreement, changed predictions, shift of the probabilities, and latency.

        Raises:
            VersionError: Nothing is live, or there is no candidate.
            ConfigurationError: The payload log has no rows of the live version's columns, or cannot be read.

        """
        from wml_deployer.payload import other_frame  # noqa: PLC0415 - deferred: pandas is slow to import

        with deadline(timeout):
            live, candidate = self._deployment("compare"), self._candidate()
            if isinstance(X, PayloadLog):
                rows: Any = _logged(X, live.schema)
            else:
                frame = other_frame(X)  # once: a stream cannot be read a second time
                rows = X if frame is None else frame
            return compare_answers(_scored(live, rows), _scored(candidate, rows))

    @verb
    def promote(
        self, *, reason: str | None = None, allow_schema_change: bool = False, timeout: float = ROLLOUT_SECONDS
    ) -> Deployment:
        """Serve the candidate's version on the live endpoint, and remove the candidate.

        Args:
            reason: Why, for the history.
            allow_schema_change: Whether the candidate may take other columns than the live version, or be a regressor
                in place of a classifier; whoever scores on the URL has to know.
            timeout: Seconds for the whole call.

        Returns:
            The live deployment, serving the candidate's version.

        Raises:
            VersionError: Nothing is live, or there is no candidate.
            ConflictError: metadata.lock does not know what is live or what the candidate serves; nothing was done.
            SchemaError: It takes other columns than the live version, or answers otherwise; nothing was done.
            RolloutError: It failed on the live endpoint; the version before serves again, and the candidate stays.
            ServiceError: The candidate could not be removed; its version serves, and the next call removes it.

        """
        check_reason(reason)
        with self._changing(timeout) as project:
            record = project.wait_until_idle(project.require_deployment("promote"))
            candidate = require_candidate(project.client, self.metadata.project_name, "promote")
            chosen = version_of(self.metadata, candidate)
            if not allow_schema_change:
                refuse_schema_change(self.metadata.project_name, project.serving(record), chosen)
            record = project.serve(record, chosen, "update", reason or "the candidate was promoted")
            try:
                finish(project.client, self.metadata.project_name, chosen)
            except BaseException as error:
                add_note(
                    error, f"Version {chosen.name} serves; the candidate stays: call promote() again to remove it."
                )
                raise
            deployment = self._handle(record, chosen)
            deployment.action = "updated"
            return deployment

    @verb
    def discard(self, *, timeout: float = ROLLOUT_SECONDS) -> None:
        """Remove the candidate; its version stays stored.

        Args:
            timeout: Seconds for the whole call.

        Raises:
            VersionError: There is no candidate.
            ConflictError: metadata.lock does not know what is live or what the candidate serves; nothing was done.

        """
        with self._changing(timeout) as project:
            project.refuse_stale()
            candidate = require_candidate(project.client, self.metadata.project_name, "discard")
            delete(project.client, candidate.id)

    def _candidate(self) -> Deployment:
        client = self._project.client
        record = require_candidate(client, self.metadata.project_name, "compare")
        return self._handle(record, version_of(self.metadata, record))


def _logged(log: PayloadLog, schema: Schema | None) -> pd.DataFrame:
    """Read rows of a payload log to score them again."""
    fields = schema.fields if schema else ()
    rows = log.rows([field.name for field in fields], LOGGED_ROWS)
    if rows.empty:
        raise ConfigurationError(
            f"The payload log in {log.folder} has no rows with the columns of the live version.",
            next_step="Score rows while the log watches, or pass rows of your own.",
        )
    return with_dtypes(rows, fields)


def _scored(deployment: Deployment, rows: Any) -> TimedScores:
    began = time.perf_counter()
    scores = deployment._unwatched().score_rows(rows, Batching())  # noqa: SLF001 - a handle of its own
    return TimedScores(str(deployment.version), scores, time.perf_counter() - began)
