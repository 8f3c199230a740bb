"""Know what a deployment serves, with its columns and classes, and how fresh that knowledge is.

Everything in this process that scores on a deployment shares what is known of it. A lookup asks the service, and is
trusted for :data:`TRUST_SECONDS`, unless this process has begun to change the deployment since. When the last one is
older than :data:`LOOK_AGAIN_SECONDS`, the next scoring request is sent together with another lookup on a thread of its
own, whose result is there when the scores are: it costs no time.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future, wait
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from wml_deployer._clients.deployments import change_count
from wml_deployer._clients.documents import text_of
from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.orphans import CUSTOM_KEY
from wml_deployer._transport.deadline import POLL_SECONDS, deadline, pause, remaining
from wml_deployer.errors import DeadlineError, NotFoundError
from wml_deployer.payload._labels import ClassNames
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.metadata import Version

__all__ = ["Lookups", "Revision", "Served", "describe_revision"]

TRUST_SECONDS = 10.0
"""How long a lookup is trusted, unless an answer speaks against it."""
LOOK_AGAIN_SECONDS = 5.0
"""How old a lookup is when the next request is sent together with another one."""
LOOK_SECONDS = 10.0
"""Time for a lookup, whatever the request's own."""
SETTLE_SECONDS = 300.0
"""How long to wait for an update that is still in progress, where the caller does not say."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0

_UNSETTLED = frozenset({"initializing", "updating"})


@dataclass(frozen=True)
class Revision:
    """A revision, as far as this process knows it.

    Attributes:
        version: Name of its version, where the project knows it.
        schema: Its fields and classes; ``None`` where nobody told.

    """

    version: str | None
    schema: Schema | None

    @cached_property
    def names(self) -> ClassNames:
        """The classes, with the names of their columns."""
        return ClassNames(self.schema.classes if self.schema else ())

    @cached_property
    def reading(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the columns of rows and of answers."""
        return tuple(field.name for field in self.schema.fields) if self.schema else (), self.names.columns


class Served(NamedTuple):
    """The result of one lookup of a deployment.

    Attributes:
        record: The deployment.
        revision: The revision that it serves, or is about to serve.
        looked_up_at: When the lookup was sent, by the monotonic clock.
        changes: How many changes of it this process had counted by then.

    """

    record: DeploymentRecord
    revision: Revision
    looked_up_at: float
    changes: int

    @property
    def is_settled(self) -> bool:
        """Whether it serves what it names: during an update, the version before answers."""
        return self.record.state not in _UNSETTLED

    def is_unchanged_in(self, later: Served) -> bool:
        """Say whether nothing else served between this lookup and a later one."""
        same = asset_of(self.record) == asset_of(later.record) and self.record.modified_at == later.record.modified_at
        return same and self.is_settled and later.is_settled


@dataclass
class _State:
    """The state that all lookups of one deployment in this process share.

    Attributes:
        revisions: Every known revision, by model and revision number.
        last: The newest lookup.
        settled: The newest lookup at which it served what it named.
        pending: The lookup that runs beside a request.
        disagreeing: Revisions whose labels are not always the most probable ones.

    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    revisions: dict[tuple[str, str | None], Revision] = field(default_factory=dict)
    last: Served | None = None
    settled: Served | None = None
    pending: Future[Served] | None = None
    pending_since: float = float("-inf")
    disagreeing: set[tuple[str, str | None]] = field(default_factory=set)


_states: WeakValueDictionary[tuple[str, str], _State] = WeakValueDictionary()
_states_lock = threading.Lock()


class Lookups:
    """Looks up what one deployment serves, and keeps it for this process.

    Args:
        client: What to ask through.
        deployment_id: The deployment.

    """

    def __init__(self, client: Scoring, deployment_id: str) -> None:
        """Send nothing yet."""
        self.client = client
        self.id = deployment_id
        self._process = os.getpid()
        self._known_state = _state_of(client.url, deployment_id)

    def learn(self, versions: Iterable[Version]) -> None:
        """Add the versions of a project that metadata.lock has."""
        for version in versions:
            self.learn_revision(asset_of(version), Revision(version.name, version.schema))

    def learn_revision(self, asset: tuple[str, str | None], revision: Revision) -> None:
        """Add the fields and classes of a model's revision."""
        with self._state.lock:
            self._state.revisions[asset] = revision

    def add_record(self, record: DeploymentRecord) -> None:
        """Add a record that was fetched elsewhere: the first rows are encoded with it, and it is looked up again soon.

        Args:
            record: The deployment.

        """
        revision = self.revision(asset_of(record))
        if revision is not None:
            self._keep(Served(record, revision, float("-inf"), change_count(self.id)))

    def look_up(self) -> Served:
        """Ask the service what the deployment serves.

        Raises:
            NotFoundError: It was deleted.

        """
        changes, asked = change_count(self.id), time.monotonic()
        with deadline(LOOK_SECONDS):
            record = self.client.deployment(self.id)
            served = Served(record, self._revision_of(record), asked, changes)
        self._keep(served)
        return served

    def latest(self) -> Served | None:
        """Return what was looked up last, however old."""
        return self._state.last

    def revision(self, asset: tuple[str, str | None]) -> Revision | None:
        """Return what is known of a revision, asking nobody."""
        return self._state.revisions.get(asset)

    def revisions(self) -> tuple[tuple[tuple[str, str | None], Revision], ...]:
        """Return every known revision, for an endpoint elsewhere to learn; equal schemas are one, and pickled once."""
        schemas: dict[Schema | None, Schema | None] = {}
        return tuple(
            (asset, Revision(known.version, schemas.setdefault(known.schema, known.schema)))
            for asset, known in self._state.revisions.items()
        )

    def current(self, *, settled: bool) -> Served:
        """Return what to encode rows with: what was looked up last, or is looked up now.

        Args:
            settled: Whether to look now, and to wait for an update that is not through.

        """
        shared = self._state
        last = shared.last
        if settled or last is None or last.changes != change_count(self.id):
            last = self.look_up()
        if last.is_settled:
            return last
        before = shared.settled
        if not settled and before is not None and before.changes == change_count(self.id):
            return before
        if not settled and all(last.revision.reading == other.reading for other in list(shared.revisions.values())):
            return last
        return self._wait_until_settled()

    def look_up_in_background(self) -> None:
        """Start a lookup on a thread of its own if the last one is old, unless one is running."""
        if self.client.is_crowded:
            return  # it would take the turn of a request; it is made when the scores are there
        shared, now = self._state, time.monotonic()
        with shared.lock:
            last = shared.last
            if shared.pending is not None and not shared.pending.done():
                return
            fresh = last is not None and last.changes == change_count(self.id)
            since = max(shared.pending_since, last.looked_up_at if last is not None and fresh else float("-inf"))
            if now - since < LOOK_AGAIN_SECONDS:
                return
            shared.pending, shared.pending_since = Future(), now
            pending = shared.pending
        self.client.beside(lambda: self._run_pending(pending))

    def lookup_since(self, begin: float) -> Served:
        """Return a lookup that was sent after this time: the one beside the request if there is one."""
        pending, since = self._state.pending, self._state.pending_since
        return _result_of(pending) if pending is not None and since >= begin else self.look_up()

    def trusted_lookup(self, begin: float) -> Served:
        """Return a lookup that is recent enough for the answer to a request that was sent at this time."""
        last = self._state.last
        if last is not None and last.changes == change_count(self.id):
            is_young = last.is_settled and time.monotonic() - last.looked_up_at <= TRUST_SECONDS
            if is_young or last.looked_up_at >= begin:
                return last
        return self.lookup_since(begin)

    def rivals(self, served: Served) -> list[ClassNames]:
        """List the classes of other known revisions that its own could be taken for: as many, with other names."""
        own = served.revision.names
        known = [revision.names for revision in list(self._state.revisions.values())]
        return [names for names in known if len(names.classes) == len(own.classes) and names.columns != own.columns]

    def note_disagreement(self, served: Served) -> None:
        """Remember that a revision's labels are not always the most probable ones."""
        self._state.disagreeing.add(asset_of(served.record))

    def is_disagreeing(self, served: Served) -> bool:
        """Say whether a revision's labels are known not to be always the most probable ones."""
        return asset_of(served.record) in self._state.disagreeing

    @property
    def knows_schemas(self) -> bool:
        """Whether any version of what it serves is known by its fields and classes."""
        return any(revision.schema is not None for revision in list(self._state.revisions.values()))

    @property
    def _state(self) -> _State:
        if self._process != os.getpid():
            # The threads that look for the parent are not there in a forked child.
            self._process, self._known_state = os.getpid(), _state_of(self.client.url, self.id)
        return self._known_state

    def _keep(self, served: Served) -> None:
        with self._state.lock:
            shared = self._state
            newest = shared.last is None or served.looked_up_at >= shared.last.looked_up_at
            if newest or (shared.last is not None and served.changes > shared.last.changes):
                shared.last = served
                shared.settled = served if served.is_settled else shared.settled

    def _revision_of(self, record: DeploymentRecord) -> Revision:
        """Return what is known of the revision that a deployment serves, asking the service at the first time."""
        asset = asset_of(record)
        known = self._state.revisions.get(asset)
        if known is None:
            known = describe_revision(self.client, asset)
            self.learn_revision(asset, known)
        return known

    def _wait_until_settled(self) -> Served:
        """Repeat lookups until the deployment serves what it names."""
        seconds = FIRST_PAUSE_SECONDS
        with deadline(SETTLE_SECONDS if remaining() is None else None):
            while not (served := self.look_up()).is_settled:
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

    def _run_pending(self, pending: Future[Served]) -> None:
        try:
            pending.set_result(self.look_up())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            pending.set_exception(error)


def describe_revision(client: Scoring, asset: tuple[str, str | None]) -> Revision:
    """Ask the service for the name, the fields and the classes of a stored revision."""
    try:
        model = client.model(*asset)
    except NotFoundError:
        return Revision(None, None)
    facts = model.custom.get(CUSTOM_KEY)
    if not isinstance(facts, dict) or not facts.get("digest"):
        return Revision(None, None)
    schema = Schema(model.schema.fields, tuple(facts.get("classes", ())), model.schema.named)
    return Revision(text_of(facts.get("version")), schema)


def _state_of(url: str, deployment_id: str) -> _State:
    with _states_lock:
        return _states.setdefault((url.rstrip("/"), deployment_id), _State())


def _result_of(pending: Future[Served]) -> Served:
    """Wait for a lookup beside a request as long as the call may take; the lookup's own time is bounded as well."""
    while not pending.done():
        left = remaining()
        wait([pending], POLL_SECONDS if left is None else min(POLL_SECONDS, left))
    error = pending.exception()
    if error is not None:
        # Each call that waits for it gets an error of its own, which tells what that call was at.
        raise copy(error) from error
    return pending.result()


def _reset_after_fork() -> None:
    """Start without state in a forked child: the threads that keep it up to date run in the parent."""
    global _states_lock, _states
    _states_lock, _states = threading.Lock(), WeakValueDictionary()


os.register_at_fork(after_in_child=_reset_after_fork)
