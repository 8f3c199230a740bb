"""Handles of what lives on the service: a stored model, and a deployment."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from typing_extensions import Unpack

from wml_deployer._clients.records import DeploymentRecord
from wml_deployer._rollout.serving_options import user_tags
from wml_deployer._rollout.waiting import wait_until_serving
from wml_deployer._scoring.options import BATCH_BYTES, IN_FLIGHT, Batching, BatchingOptions, OnError
from wml_deployer._transport.deadline import deadline, request_deadline, stoppable
from wml_deployer.display._card import fingerprint
from wml_deployer.display._handles import deployment_view, model_view
from wml_deployer.display._view import View, view_of
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from typing_extensions import Self

    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.sources import VersionSource
    from wml_deployer._scoring.options import ArrowRowsT
    from wml_deployer._scoring.serving import Endpoint
    from wml_deployer.display._frames import Scores
    from wml_deployer.metadata import Route, Version
    from wml_deployer.monitoring import ScoringHook
    from wml_deployer.payload._arrow import ArrowFrame
    from wml_deployer.schema import Schema

__all__ = ["Deployment", "StoredModel"]

REQUEST_SECONDS = 60.0

Done = Literal["deployed", "updated", "rolled back", "configured", "unchanged"]
"""What a call did to a deployment."""


@dataclass(frozen=True)
class StoredModel:
    """A model on the service, frozen as a revision that can be deployed and rolled back to.

    Attributes:
        version: Its name in this project (``"v0.1"``).
        id: Id of the model asset.
        revision: Number of the revision, as the service writes it.
        digest: Digest of its content; the same for the same model.
        model_type: Framework and version (``"scikit-learn_1.6"``).
        software_specification: Name of the specification that runs it.
        schema: Input fields and classes.
        route: How it goes live: ``"native"``, ``"derived"`` or ``"function"``.

    Example:
        >>> StoredModel("v0.1", "3f2c", "1", "sha256:9a", "scikit-learn_1.6", "runtime-25.1-py3.12").revision
        '1'

    """

    version: str
    id: str
    revision: str
    digest: str
    model_type: str
    software_specification: str
    schema: Schema | None = field(default=None, repr=False)
    route: Route = "native"
    _source: VersionSource | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_version(cls, version: Version, source: VersionSource | None = None) -> Self:
        """Make the handle of a version that metadata.lock keeps; other spaces can take it from its source."""
        facts = (version.digest, version.model_type, version.software_specification, version.schema, version.route)
        return cls(version.name, version.model_id, version.revision, *facts, source)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection to its space here: elsewhere, a pickled handle names a version of the same space."""
        return {**self.__dict__, "_source": None}

    def _repr_html_(self) -> str:
        return view_of(self).html


@dataclass
class Deployment:
    r"""An online deployment: one id and one URL, whatever version serves.

    Attributes:
        id: Id of the deployment.
        name: Its name in the deployment space.
        url: Where predictions are asked for.
        state: ``initializing``, ``updating``, ``ready`` or ``failed``, when last looked at.
        version: Name of the version that serves, where this project knows it.
        model_id: The model asset that serves.
        revision: Its revision.
        space: Name of the deployment space.
        action: What the call that returned this did: ``"deployed"``, ``"updated"``, ``"rolled back"``,
            ``"configured"`` (how it is served was changed, and not what), ``"unchanged"``; ``None`` where it looked
            only.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from wml_deployer import Deployer
        >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
        >>> _ = path.write_text("project_name: iris\nproject_version: v0.1\n")
        >>> rows, labels = load_iris(return_X_y=True, as_frame=True)
        >>> with Deployer.local(path) as deployer:
        ...     deployment = deployer.deploy(DecisionTreeClassifier().fit(rows, labels), sample=rows.head())
        ...     deployment.score(rows.head(2))["prediction"].tolist()
        [0, 0]
        >>> deployment.state, deployment.version, deployment.action
        ('ready', 'v0.1', 'deployed')

    """

    id: str
    name: str
    url: str
    state: str
    version: str | None
    model_id: str
    revision: str | None
    action: Done | None = field(repr=False, compare=False, default=None, kw_only=True)
    space: str | None = field(default=None, kw_only=True)
    raw: dict[str, Any] = field(repr=False, compare=False)
    _client: Client = field(repr=False, compare=False)
    _schema: Schema | None = field(repr=False, compare=False, default=None)
    _versions: tuple[Version, ...] = field(repr=False, compare=False, default=())
    _hooks: Sequence[ScoringHook] = field(repr=False, compare=False, default=())

    @classmethod
    def from_record(
        cls,
        record: DeploymentRecord,
        client: Client,
        version: Version | None,
        versions: tuple[Version, ...] = (),
        hooks: Sequence[ScoringHook] = (),
    ) -> Self:
        """Make the handle of a record.

        Args:
            record: The deployment.
            client: The deployment space.
            version: The version that it serves, where the project knows it.
            versions: Every version of the project.
            hooks: What is told of each scoring request; its owner may add to it.

        """
        return cls(
            id=record.id,
            name=record.name,
            url=record.url,
            state=record.state,
            version=version.name if version else None,
            model_id=record.model_id,
            revision=record.revision,
            raw=record.raw,
            _client=client,
            _schema=version.schema if version else None,
            _versions=versions if version is None or version in versions else (*versions, version),
            space=client.scope.name or client.scope.id,
            _hooks=hooks,
        )

    @property
    def schema(self) -> Schema | None:
        """Input fields and classes of the version that serves, where this project knows it."""
        return self._schema

    @property
    def serving_name(self) -> str | None:
        """A name that stands for the id in the URL, if it has one."""
        return self._record.serving_name

    @property
    def description(self) -> str:
        """The text that describes it to people."""
        return self._record.description

    @property
    def tags(self) -> tuple[str, ...]:
        """The words to search by that its users gave it."""
        return user_tags(self._record)

    @property
    def hardware(self) -> str | None:
        """Name of the hardware specification of each copy, where the service says it."""
        return self._record.hardware

    @property
    def copies(self) -> int:
        """How many copies shared the requests when it was last looked at."""
        return self._record.copies

    @property
    def route(self) -> Route | None:
        """The way on which the version that serves went live, where this project knows it."""
        serving = self.model_id, self.revision
        return next((one.route for one in self._versions if (one.model_id, one.revision) == serving), None)

    def refresh(self, *, timeout: float | None = None) -> Self:
        """Look up the deployment again.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            This handle.

        Raises:
            NotFoundError: It was deleted.
            DeadlineError: The time is over.

        """
        with deadline(timeout):
            return self._take(self._client.deployment(self.id))

    def wait(self, timeout: float = 300.0) -> Self:
        """Wait until it serves.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            This handle, ready.

        Raises:
            RolloutError: The service says that it failed.
            DeadlineError: The time is over.

        """
        with deadline(timeout):
            record = self._client.deployment(self.id)
            return self._take(wait_until_serving(self._client, record, record.model_id, record.revision, record))

    @overload
    def score(self, X: pd.DataFrame, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    @overload
    def score(
        self, X: ArrowRowsT, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> ArrowRowsT: ...
    @overload
    def score(
        self, X: Iterator[Any], *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> Iterator[Scores]: ...
    @overload
    def score(self, X: Any, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    def score(
        self,
        X: Any,
        *,
        timeout: float | None = None,
        batch_rows: int | None = None,
        batch_bytes: int = BATCH_BYTES,
        in_flight: int = IN_FLIGHT,
        on_error: OnError = "raise",
    ) -> Any:
        """Score rows; see :meth:`wml_deployer.Deployer.score`.

        Args:
            X: n rows × k fields: a frame of pandas, polars, pyarrow or DuckDB, an array, a list of rows or a single
                row; or an iterator of such.
            timeout: Seconds for the whole call; a minute for each request if not given.
            batch_rows: Rows a request; chosen from the answer times if not given.
            batch_bytes: Bytes of a request's body at most.
            in_flight: Requests at the same time.
            on_error: ``"raise"`` fails with the first batch that fails; ``"null"`` leaves nulls in its rows.

        Returns:
            n rows on X's index: ``prediction`` and, for classifiers, ``probability_<class>``. X's library, if it is not
            pandas, gets its own kind of frame, without an index.

        """
        how = Batching(batch_rows, batch_bytes, in_flight, on_error)
        if isinstance(X, Iterator):
            return self._score_chunks(X, how, timeout)
        from wml_deployer.payload import other_frame  # noqa: PLC0415 - deferred: pandas is slow to import

        frame = other_frame(X)
        scores = self.score_rows(X if frame is None else frame, how, timeout)
        return scores if frame is None else frame.give_back(scores)

    def score_rows(self, rows: Any, batching: Batching, timeout: float | None = None) -> Scores:
        """Score rows of any library; the scores are a frame of pandas.

        Args:
            rows: n rows × k fields.
            batching: How they are spread over requests.
            timeout: Seconds for the whole call.

        """
        from wml_deployer.display._frames import as_scores  # noqa: PLC0415 - deferred: pandas is slow to import

        with deadline(timeout):
            scores = as_scores(self._endpoint.score(rows, batching, self._ask, hooks=self._hooks))
        self._follow()
        return scores

    def _score_chunks(self, chunks: Iterator[Any], batching: Batching, timeout: float | None) -> Iterator[Any]:
        """Score chunk after chunk, each in its own library."""
        from wml_deployer.display._frames import as_scores  # noqa: PLC0415 - deferred: pandas is slow to import
        from wml_deployer.payload import other_frame  # noqa: PLC0415

        waiting: deque[ArrowFrame | None] = deque()

        def taken() -> Iterator[Any]:
            for chunk in chunks:
                frame = other_frame(chunk)
                waiting.append(frame)
                yield chunk if frame is None else frame

        for scores in self._endpoint.score_chunks(taken(), batching, self._ask, timeout=timeout, hooks=self._hooks):
            frame = waiting.popleft()
            yield as_scores(scores) if frame is None else frame.give_back(scores)

    @overload
    async def ascore(
        self, X: pd.DataFrame, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> Scores: ...
    @overload
    async def ascore(
        self, X: ArrowRowsT, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> ArrowRowsT: ...
    @overload
    async def ascore(self, X: Any, *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]) -> Scores: ...
    async def ascore(self, X: Any, *, timeout: float | None = None, **batching: Unpack[BatchingOptions]) -> Any:
        """Score rows on a thread, without blocking the event loop; see :meth:`score`.

        Args:
            X: n rows × k fields.
            timeout: Seconds for the whole call.
            **batching: How rows are spread over requests.

        Returns:
            n rows on X's index.

        Raises:
            ConfigurationError: X is an iterator: await its chunks one by one.

        """
        return await score_on_thread(self.score, X, timeout, batching)

    def _repr_html_(self) -> str:
        return view_of(self).html

    @property
    def _record(self) -> DeploymentRecord:
        return DeploymentRecord.from_document(self.raw)

    def _unwatched(self) -> Self:
        """Return a handle whose requests are this library's own, and not told to the hooks."""
        return replace(self, _hooks=())

    @cached_property
    def _endpoint(self) -> Endpoint:
        """The lookups of the deployment, shared by all that score on it in this process."""
        from wml_deployer._scoring.serving import Endpoint  # noqa: PLC0415 - deferred: pandas is slow to import

        endpoint = Endpoint(self._client, self.id)
        endpoint.learn(self._versions)
        endpoint.add_record(self._record)
        return endpoint

    def _ask(self, body: bytes) -> bytes:
        with request_deadline(REQUEST_SECONDS):
            return self._client.score(self.id, body)

    def _follow(self) -> None:
        """Update this handle to the version that has just scored."""
        served = self._endpoint.latest()
        if served is not None and served.is_settled and served.record.raw is not self.raw:
            self._take(served.record)

    def _take(self, record: DeploymentRecord) -> Self:
        asset = record.model_id, record.revision
        if asset != (self.model_id, self.revision):
            # Somebody else rolled something out, which need not be one of the versions that are known here.
            revision = self._endpoint.revision(asset)
            self.version, self._schema = (revision.version, revision.schema) if revision else (None, None)
        self.state, self.raw = record.state, record.raw
        self.model_id, self.revision = asset
        return self


@view_of.register(StoredModel)
def _(stored: StoredModel) -> View:
    facts = (
        ("Model", f"{stored.id} (revision {stored.revision})"),
        ("Model type", stored.model_type),
        ("Route", stored.route),
        ("Software specification", stored.software_specification),
        ("Digest", fingerprint(stored.digest)),
    )
    return model_view(facts, stored.version, stored.schema)


@view_of.register(Deployment)
def _(deployment: Deployment) -> View:
    named = ("name", "id", "version", "route", "model_id", "revision", "space")
    facts = {name: getattr(deployment, name) for name in named}
    options = {
        name: getattr(deployment, name) for name in ("serving_name", "description", "tags", "hardware", "copies")
    }
    return deployment_view(facts, options, deployment.url, deployment.state, deployment.schema)


async def score_on_thread(
    score: Callable[..., Any], rows: Any, timeout: float | None, batching: BatchingOptions
) -> Any:
    """Score rows on a thread, without blocking the event loop; a cancelled task leaves no request behind.

    Args:
        score: The synchronous twin.
        rows: n rows × k fields.
        timeout: Seconds for the whole call.
        batching: How rows are spread over requests.

    Raises:
        ConfigurationError: The rows are an iterator: await its chunks one by one.

    """
    if isinstance(rows, Iterator):
        raise ConfigurationError("Expected rows, got an iterator of them.", next_step="Await each chunk.")
    stop = threading.Event()

    def score_unless_stopped() -> Any:
        with stoppable(stop):
            return score(rows, timeout=timeout, **batching)

    try:
        return await asyncio.to_thread(score_unless_stopped)
    finally:
        stop.set()
