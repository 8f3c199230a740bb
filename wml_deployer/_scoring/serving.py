"""Read each answer with the columns and classes of the version that gave it.

An answer is ``[label, [probabilities]]``: it names neither its classes nor the revision that gave it, and anybody may
let the deployment serve another version between two requests. For example, version 1 has the classes ``buy`` and
``leave``, version 2 ``leave`` and ``stay``, and rows that were encoded for version 1 come back as::

    ["stay", [0.1, 0.9]]

``stay`` is not a class of version 1, so the deployment is looked up at once: it serves version 2 now, and the rows are
scored again with that version's columns. ``["leave", [0.2, 0.8]]`` would fit both versions, in one with a probability
of 0.8 and in the other with 0.2; it, too, is only believed after a lookup that was sent after the request.

So each attempt to score encodes the rows for one revision, and afterwards the labels and the newest lookup
(:mod:`wml_deployer._scoring.lookups`) have to agree that this revision answered. If they do not, the next attempt
begins with a new lookup. Scores that no known revision explains are an error.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from wml_deployer._scoring.batches import score_chunks, score_rows
from wml_deployer._scoring.lookups import Lookups
from wml_deployer._transport.deadline import deadline
from wml_deployer._transport.idempotency import add_note
from wml_deployer.errors import (
    BadRequestError,
    ConflictError,
    InvalidResponseError,
    SchemaError,
    WMLDeployerError,
)
from wml_deployer.monitoring._events import ScoringEvent, notify
from wml_deployer.payload._labels import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from wml_deployer._scoring.batches import AdaptiveBatchSizer, Report, Send
    from wml_deployer._scoring.lookups import Served
    from wml_deployer._scoring.options import Batching
    from wml_deployer.monitoring._events import RequestRecord, ScoringHook

__all__ = ["Endpoint"]

PATIENCE_SECONDS = 1.0
"""How long scores without names wait for a lookup, which only tells whether the order of their columns was right."""
UNSTEADY_SECONDS = 60.0
"""How long rows are scored again and again while the deployment keeps changing."""


class Endpoint(Lookups):
    """Scores on one deployment.

    Args:
        client: What to ask through.
        deployment_id: The deployment.

    """

    def score(
        self,
        rows: object,
        batching: Batching,
        ask: Send,
        sizer: AdaptiveBatchSizer | None = None,
        *,
        hooks: Sequence[ScoringHook] = (),
    ) -> pd.DataFrame:
        """Score rows, however many.

        Args:
            rows: n rows × k fields.
            batching: How they are spread over requests.
            ask: Sends one request; called from several threads.
            sizer: What earlier calls learned of the size of requests, if there were any.
            hooks: What is told of each request.

        Raises:
            ConflictError: What serves is changed faster than the rows are scored, or its classes are not known.
            InvalidResponseError: The answer is not one of the revision that serves.

        """
        failures = _Failures(self.id)
        while True:
            attempt = _Attempt(self, ask, None, hooks, again=failures.any())
            try:
                scores = score_rows(rows, attempt.ask, attempt.schema, batching, sizer, report=attempt.report)
                if attempt.explains(scores):
                    return scores
            except (BadRequestError, SchemaError) as error:
                if not attempt.was_outdated(error):
                    raise
            failures.count()

    def score_chunks(
        self,
        chunks: Iterator[object],
        batching: Batching,
        ask: Send,
        sizer: AdaptiveBatchSizer | None = None,
        timeout: float | None = None,
        *,
        hooks: Sequence[ScoringHook] = (),
    ) -> Iterator[pd.DataFrame]:
        """Score chunk after chunk; each gets the columns of the version that scored it.

        Args:
            chunks: Each n rows × k fields.
            batching: How their rows are spread over requests.
            ask: Sends one request; called from several threads.
            sizer: What earlier calls learned of the size of requests, if there were any.
            timeout: Seconds for all of them.
            hooks: What is told of each request.

        """
        end = None if timeout is None else time.monotonic() + timeout
        unscored: deque[object] = deque()

        def taken() -> Iterator[object]:
            for chunk in chunks:
                unscored.append(chunk)
                yield chunk

        failures = _Failures(self.id)
        while True:
            attempt = _Attempt(self, ask, end, hooks, again=failures.any())
            # What was read ahead and not scored comes first when scoring starts again.
            waiting = chain(tuple(unscored), taken())
            try:
                scored = score_chunks(waiting, attempt.ask, attempt.schema, batching, sizer, report=attempt.report)
                for scores in scored:
                    if not attempt.explains(scores):
                        break
                    unscored.popleft()
                    failures = _Failures(self.id)
                    yield scores
                else:
                    return
            except (BadRequestError, SchemaError) as error:
                if not attempt.was_outdated(error):
                    raise
            failures.count()


class _Failures:
    """Attempts in a row during which the deployment was changed."""

    def __init__(self, deployment_id: str) -> None:
        self._id = deployment_id
        self._first: float | None = None

    def any(self) -> bool:
        """Say whether there was one."""
        return self._first is not None

    def count(self) -> None:
        """Count one.

        Raises:
            ConflictError: This goes on for too long.

        """
        now = time.monotonic()
        if self._first is None:
            self._first = now
        if now - self._first >= UNSTEADY_SECONDS:
            raise ConflictError(
                f"Deployment {self._id} was changed again and again while it was scored on.",
                operation="score",
                next_step="Score again once nobody changes what it serves.",
            )


class _Attempt:
    """One attempt at scoring, read with one revision's fields and classes."""

    def __init__(
        self, endpoint: Endpoint, ask: Send, end: float | None, hooks: Sequence[ScoringHook], *, again: bool
    ) -> None:
        self._endpoint = endpoint
        self._send = ask
        self._end = end
        self._hooks = hooks
        with self._bounded():
            self.served = endpoint.current(settled=again)
        self.schema = self.served.revision.schema
        self._begin = time.monotonic()

    def ask(self, body: bytes) -> bytes:
        """Send a request, with a lookup beside it if the last one is old."""
        self._begin = time.monotonic()
        self._endpoint.look_up_in_background()
        with self._bounded():
            return self._send(body)

    @property
    def report(self) -> Report | None:
        """What takes the record of each request, where there are hooks."""
        return self._notify if self._hooks else None

    def _notify(self, record: RequestRecord) -> None:
        """Tell the hooks of a request, with its scores if the revision that they are read with gave them."""
        scores: pd.DataFrame | None = None
        error: WMLDeployerError | None = None
        if isinstance(record.result, WMLDeployerError):
            error = record.result
        elif record.result is not None:
            try:
                scores = record.result if self.explains(record.result) else None
            except WMLDeployerError as failure:
                error = failure
        served = self.served
        event = ScoringEvent(
            deployment_id=served.record.id,
            deployment_name=served.record.name,
            url=served.record.url,
            version=served.revision.version,
            model_id=served.record.model_id,
            revision=served.record.revision,
            rows=record.rows,
            request_bytes=len(record.body),
            response_bytes=record.response_bytes,
            started=record.started,
            seconds=record.seconds,
            outcome="failed" if error is not None else "outdated" if scores is None else "scored",
            error=error,
            attempts=tuple(record.attempts),
            _body=record.body,
            _scores=scores,
            _index=record.index,
            _fields=self.schema.fields if self.schema else (),
        )
        notify(self._hooks, event)

    def was_outdated(self, error: WMLDeployerError) -> bool:
        """Say whether rows were refused that are not to be refused by what serves now."""
        refused_by_service = isinstance(error, BadRequestError)
        try:
            with self._bounded():
                look_up = self._endpoint.lookup_since if refused_by_service else self._endpoint.trusted_lookup
                now = look_up(self._begin)
        except WMLDeployerError:
            return False
        return now.revision.reading != self.served.revision.reading

    def explains(self, scores: pd.DataFrame) -> bool:
        """Say whether the revision that these scores are read with gave them; if not, they are to be scored again.

        Args:
            scores: n rows, named by the revision's classes.

        Raises:
            ConflictError: It is not known which probability is whose.
            InvalidResponseError: The answer is not one of the revision that serves.

        """
        endpoint, served = self._endpoint, self.served
        verdict = served.revision.names.judge(scores)
        if verdict is Verdict.LESS_PROBABLE and endpoint.is_disagreeing(served):
            verdict = Verdict.AGREES
        has_names = verdict is not Verdict.UNNAMED or ("probability_0" in scores.columns and endpoint.knows_schemas)
        try:
            with self._bounded(), deadline(None if has_names else PATIENCE_SECONDS):
                now = endpoint.trusted_lookup(self._begin)
                if not self._is_possible(now, scores, verdict):
                    return False
                is_plain = verdict in {Verdict.UNNAMED, Verdict.AGREES} and not self._is_ambiguous(scores, verdict)
                if not is_plain:
                    now = endpoint.lookup_since(time.monotonic())
        except WMLDeployerError as error:
            if has_names:
                add_note(error, "The rows were scored, but the service does not tell which version did that.")
                raise
            is_plain = True
        if is_plain:
            return self._is_named(scores)
        if not served.is_unchanged_in(now):
            return False
        if verdict in {Verdict.FOREIGN, Verdict.OTHER_COUNT}:
            raise self._unexplained()
        if verdict is Verdict.LESS_PROBABLE:
            endpoint.note_disagreement(served)
        return True

    def _is_possible(self, now: Served, scores: pd.DataFrame, verdict: Verdict) -> bool:
        """Say whether the revision may have answered, as far as a lookup tells what serves."""
        before, after = self.served.revision.reading, now.revision.reading
        if before == after:
            return True
        # Until an update is through, the version before answers, or just no more: the labels have to tell.
        is_told = verdict is Verdict.AGREES and not self._is_ambiguous(scores, verdict)
        return not now.is_settled and before[0] == after[0] and is_told

    def _is_ambiguous(self, scores: pd.DataFrame, verdict: Verdict) -> bool:
        """Say whether the labels could be those of other classes as well."""
        rivals = self._endpoint.rivals(self.served) if verdict is Verdict.AGREES else []
        return any(rival.could_have_given(scores) for rival in rivals)

    def _is_named(self, scores: pd.DataFrame) -> bool:
        """Refuse probabilities without names where a project's other versions have them."""
        if self.schema is None and "probability_0" in scores.columns and self._endpoint.knows_schemas:
            record = self.served.record
            raise ConflictError(
                f"Deployment {record.id} serves revision {record.revision} of model {record.model_id}, which "
                "metadata.lock does not know and whose classes the service does not tell: nobody knows which "
                "probability is whose.",
                operation="score",
                next_step="Call recover() to learn of the version, or update(model) to serve one that is known.",
            )
        return True

    def _unexplained(self) -> InvalidResponseError:
        record, classes = self.served.record, self.schema.classes if self.schema else ()
        return InvalidResponseError(
            f"Deployment {record.id} answers labels or probabilities that do not go with the classes of what it serves "
            f"(revision {record.revision} of model {record.model_id}): {', '.join(map(repr, classes))}.",
            operation="score",
            next_step="Look at what it serves with status(); if it was just updated, score again.",
        )

    def _bounded(self) -> AbstractContextManager[None]:
        return deadline(None if self._end is None else self._end - time.monotonic())
