"""Which version's columns and classes an answer is read with.

An answer carries no class names and does not tell which revision gave it, and anybody may let a deployment serve
another version between two requests. What is known of a deployment is shared by everything in this process that scores
on it, and checked against each answer:

- A change that this process makes counts at once.
- A look is trusted for ten seconds. When it is older than five, the next request is sent together with another look,
  which is there when the scores are: it costs no time.
- A label that is no class, or not the most probable one, is looked up at once, and so are scores that would fit as
  well the classes of another version that is known: as many, with other names. Where the deployment serves the same
  revision as before the request, unchanged since then, that revision gave the answer. Otherwise the rows are scored
  again.

Scores that no known revision explains are an error.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from concurrent.futures import Future, wait
from copy import copy
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from wml_deployer._clients.changes import change_count
from wml_deployer._rollout.assets import asset_of
from wml_deployer._scoring.batches import score_chunks, score_rows
from wml_deployer._scoring.labels import ClassNames, Verdict
from wml_deployer._scoring.revisions import Revision, Served, described
from wml_deployer._transport.deadline import POLL_SECONDS, deadline, pause, remaining
from wml_deployer._transport.idempotency import add_note
from wml_deployer.errors import (
    BadRequestError,
    ConflictError,
    DeadlineError,
    InvalidResponseError,
    SchemaError,
    WMLDeployerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    import pandas as pd

    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._scoring.batch_size import AdaptiveBatchSizer
    from wml_deployer._scoring.batches import Send
    from wml_deployer._scoring.options import Batching
    from wml_deployer.metadata import Version
    from wml_deployer.schema import Schema

__all__ = ["Endpoint"]

TRUST_SECONDS = 10.0
"""How long a look is trusted, unless an answer speaks against it."""
LOOK_AGAIN_SECONDS = 5.0
"""How old a look is when the next request is sent together with another one."""
LOOK_SECONDS = 10.0
"""Time for a look, whatever the request's own."""
PATIENCE_SECONDS = 1.0
"""How long scores without names wait for a look, which only tells whether the order of their columns was right."""
SETTLE_SECONDS = 300.0
"""How long to wait for an update that is not through, where the caller does not say."""
UNSTEADY_SECONDS = 60.0
"""How long rows are scored again and again while the deployment keeps changing."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


@dataclass
class _Shared:
    """What this process knows of one deployment.

    Attributes:
        revisions: Every revision that was heard of.
        last: The newest look.
        settled: The newest look at which it was serving what it named.
        pending: The look that goes on beside a request.
        disagreeing: Revisions whose labels are not always the most probable ones.

    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    revisions: dict[tuple[str, str | None], Revision] = field(default_factory=dict)
    last: Served | None = None
    settled: Served | None = None
    pending: Future[Served] | None = None
    pending_since: float = float("-inf")
    disagreeing: set[tuple[str, str | None]] = field(default_factory=set)


_shared: WeakValueDictionary[tuple[str, str], _Shared] = WeakValueDictionary()
_sharing = threading.Lock()


class Endpoint:
    """Scores on one deployment.

    Args:
        client: What to look through.
        deployment_id: The deployment.

    """

    def __init__(self, client: Scoring, deployment_id: str) -> None:
        """Look at nothing yet."""
        self.client = client
        self.id = deployment_id
        self._process = os.getpid()
        self._facts = _facts_of(client.url, deployment_id)

    def learn(self, versions: Iterable[Version]) -> None:
        """Take down what metadata.lock says of a project's versions."""
        for version in versions:
            self.learn_revision(asset_of(version), Revision(version.name, version.schema))

    def learn_revision(self, asset: tuple[str, str | None], revision: Revision) -> None:
        """Take down the fields and classes of a model's revision."""
        with self._shared.lock:
            self._shared.revisions[asset] = revision

    def take(self, record: DeploymentRecord) -> None:
        """Take down what the service told when others looked: to encode the first rows with, and to be looked up soon.

        Args:
            record: What it told.

        """
        revision = self.revision(asset_of(record))
        if revision is not None:
            self._keep(Served(record, revision, float("-inf"), change_count(self.id)))

    def look(self) -> Served:
        """Send the service what the deployment serves.

        Raises:
            NotFoundError: It was deleted.

        """
        changes, asked = change_count(self.id), time.monotonic()
        with deadline(LOOK_SECONDS):
            record = self.client.deployment(self.id)
            served = Served(record, self._revision_of(record), asked, changes)
        self._keep(served)
        return served

    def score(
        self, rows: object, batching: Batching, ask: Send, sizer: AdaptiveBatchSizer | None = None
    ) -> pd.DataFrame:
        """Score rows, however many.

        Args:
            rows: n rows × k fields.
            batching: How they are spread over requests.
            ask: Sends one request; called from several threads.
            sizer: What earlier calls learned of the size of requests, if there were any.

        Raises:
            ConflictError: What serves is changed faster than the rows are scored, or its classes are not known.
            InvalidResponseError: The answer is not one of the revision that serves.

        """
        failures = _Failures(self.id)
        while True:
            attempt = _Attempt(self, ask, None, again=failures.any())
            try:
                scores = score_rows(rows, attempt.ask, attempt.schema, batching, sizer)
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
    ) -> Iterator[pd.DataFrame]:
        """Score chunk after chunk; each gets the columns of the version that scored it.

        Args:
            chunks: Each n rows × k fields.
            batching: How their rows are spread over requests.
            ask: Sends one request; called from several threads.
            sizer: What earlier calls learned of the size of requests, if there were any.
            timeout: Seconds for all of them.

        """
        end = None if timeout is None else time.monotonic() + timeout
        unscored: deque[object] = deque()

        def taken() -> Iterator[object]:
            for chunk in chunks:
                unscored.append(chunk)
                yield chunk

        failures = _Failures(self.id)
        while True:
            attempt = _Attempt(self, ask, end, again=failures.any())
            # What was read ahead and not scored comes first when all begins anew.
            waiting = chain(tuple(unscored), taken())
            try:
                for scores in score_chunks(waiting, attempt.ask, attempt.schema, batching, sizer):
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

    def known(self) -> Served | None:
        """Return what was looked up last, however old."""
        return self._shared.last

    def revision(self, asset: tuple[str, str | None]) -> Revision | None:
        """Return what is known of a revision, asking nobody."""
        return self._shared.revisions.get(asset)

    def revisions(self) -> tuple[tuple[tuple[str, str | None], Revision], ...]:
        """Return every known revision, for an endpoint elsewhere to learn; equal schemas are one, and pickled once."""
        schemas: dict[Schema | None, Schema | None] = {}
        return tuple(
            (asset, Revision(known.version, schemas.setdefault(known.schema, known.schema)))
            for asset, known in self._shared.revisions.items()
        )

    def current(self, *, settled: bool) -> Served:
        """Return what to encode rows with: what was looked up last, or is looked up now.

        Args:
            settled: Whether to look now, and to wait for an update that is not through.

        """
        shared = self._shared
        last = shared.last
        if settled or last is None or last.changes != change_count(self.id):
            last = self.look()
        if last.is_settled:
            return last
        before = shared.settled
        if not settled and before is not None and before.changes == change_count(self.id):
            return before
        if not settled and all(last.revision.reading == other.reading for other in list(shared.revisions.values())):
            return last
        return self._wait_until_settled()

    @property
    def _shared(self) -> _Shared:
        if self._process != os.getpid():
            # The threads that look for the parent are not there in a forked child.
            self._process, self._facts = os.getpid(), _facts_of(self.client.url, self.id)
        return self._facts

    def _keep(self, served: Served) -> None:
        with self._shared.lock:
            shared = self._shared
            newest = shared.last is None or served.looked_at >= shared.last.looked_at
            if newest or (shared.last is not None and served.changes > shared.last.changes):
                shared.last = served
                shared.settled = served if served.is_settled else shared.settled

    def _revision_of(self, record: DeploymentRecord) -> Revision:
        """Return what is known of the revision that a deployment serves, asking the service at the first time."""
        asset = asset_of(record)
        known = self._shared.revisions.get(asset)
        if known is None:
            known = described(self.client, asset)
            self.learn_revision(asset, known)
        return known

    def _wait_until_settled(self) -> Served:
        """Look until the deployment serves what it names."""
        seconds = FIRST_PAUSE_SECONDS
        with deadline(SETTLE_SECONDS if remaining() is None else None):
            while not (served := self.look()).is_settled:
                try:
                    pause(seconds)
                except DeadlineError as error:
                    raise DeadlineError(
                        f"Deployment {self.id} is still {served.record.state}, to another version with other columns "
                        "or classes; the time is over.",
                        operation="score",
                        next_step="Score again once it is ready, or give it more time with timeout=, in seconds.",
                    ) from error
                seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
        return served

    def rivals(self, served: Served) -> list[ClassNames]:
        """List the classes of other known revisions that its own could be taken for: as many, with other names."""
        own = served.revision.names
        known = [revision.names for revision in list(self._shared.revisions.values())]
        return [names for names in known if len(names.classes) == len(own.classes) and names.columns != own.columns]

    def look_beside(self) -> None:
        """Look on a thread of its own if it is time to, unless one is at it already."""
        shared, now = self._shared, time.monotonic()
        with shared.lock:
            last = shared.last
            if shared.pending is not None and not shared.pending.done():
                return
            fresh = last is not None and last.changes == change_count(self.id)
            since = max(shared.pending_since, last.looked_at if last is not None and fresh else float("-inf"))
            if now - since < LOOK_AGAIN_SECONDS:
                return
            shared.pending, shared.pending_since = Future(), now
            pending = shared.pending
        self.client.beside(lambda: self._look_for(pending))

    def _look_for(self, pending: Future[Served]) -> None:
        try:
            pending.set_result(self.look())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            pending.set_exception(error)

    def looked_since(self, begin: float) -> Served:
        """Return a look that was sent after this moment: the one beside the request if there is one."""
        pending, since = self._shared.pending, self._shared.pending_since
        return _result_of(pending) if pending is not None and since >= begin else self.look()

    def trusted_since(self, begin: float) -> Served:
        """Return a look that is trusted for an answer to a request that was sent at this moment."""
        last = self._shared.last
        if last is not None and last.changes == change_count(self.id):
            is_young = last.is_settled and time.monotonic() - last.looked_at <= TRUST_SECONDS
            if is_young or last.looked_at >= begin:
                return last
        return self.looked_since(begin)

    def note_disagreement(self, served: Served) -> None:
        """Take down that a revision's labels are not always the most probable ones."""
        self._shared.disagreeing.add(asset_of(served.record))

    def is_disagreeing(self, served: Served) -> bool:
        """Say whether a revision's labels are known not to be the most probable ones always."""
        return asset_of(served.record) in self._shared.disagreeing

    @property
    def is_managed(self) -> bool:
        """Whether any version of what it serves is known by its fields and classes."""
        return any(revision.schema is not None for revision in list(self._shared.revisions.values()))


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

    def __init__(self, endpoint: Endpoint, ask: Send, end: float | None, *, again: bool) -> None:
        self._endpoint = endpoint
        self._send = ask
        self._end = end
        with self._bounded():
            self.served = endpoint.current(settled=again)
        self.schema = self.served.revision.schema
        self._begin = time.monotonic()

    def ask(self, body: bytes) -> bytes:
        """Send a request, and look beside it where it is time to."""
        self._begin = time.monotonic()
        self._endpoint.look_beside()
        with self._bounded():
            return self._send(body)

    def was_outdated(self, error: WMLDeployerError) -> bool:
        """Say whether rows were refused that are not to be refused by what serves now."""
        refused_by_service = isinstance(error, BadRequestError)
        try:
            with self._bounded():
                look = self._endpoint.looked_since if refused_by_service else self._endpoint.trusted_since
                now = look(self._begin)
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
        has_names = verdict is not Verdict.UNNAMED or ("probability_0" in scores.columns and endpoint.is_managed)
        try:
            with self._bounded(), deadline(None if has_names else PATIENCE_SECONDS):
                now = endpoint.trusted_since(self._begin)
                if not self._is_possible(now, scores, verdict):
                    return False
                is_plain = verdict in {Verdict.UNNAMED, Verdict.AGREES} and not self._is_ambiguous(scores, verdict)
                if not is_plain:
                    now = endpoint.looked_since(time.monotonic())
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
        """Say whether the revision may have answered, as far as a look tells what serves."""
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
        if self.schema is None and "probability_0" in scores.columns and self._endpoint.is_managed:
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


def _facts_of(url: str, deployment_id: str) -> _Shared:
    with _sharing:
        return _shared.setdefault((url.rstrip("/"), deployment_id), _Shared())


def _result_of(pending: Future[Served]) -> Served:
    """Wait for a look beside a request as long as the call may take; the look's own time is bounded as well."""
    while not pending.done():
        left = remaining()
        wait([pending], POLL_SECONDS if left is None else min(POLL_SECONDS, left))
    error = pending.exception()
    if error is not None:
        # Each call that waits for it gets an error of its own, which tells what that call was at.
        raise copy(error) from error
    return pending.result()


def _start_anew() -> None:
    """Leave to the parent, after a fork, what its threads may be at."""
    global _sharing, _shared
    _sharing, _shared = threading.Lock(), WeakValueDictionary()


os.register_at_fork(after_in_child=_start_anew)
