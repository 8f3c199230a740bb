"""Score where the rows are: a callable that travels to workers and connects there.

Secrets do not travel. A worker loads them as the driver did: from the credentials file of the same path, from the
environment (``WML_APIKEY`` ...), or from the embedded service's folder.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from wml_deployer._clients.door import open_scoring
from wml_deployer._scoring.batches import AdaptiveBatchSizer
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.serving import Endpoint
from wml_deployer._transport.deadline import hold
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.errors import ConflictError, SchemaError
from wml_deployer.payload import other_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._scoring.batches import Send
    from wml_deployer._scoring.lookups import Revision
    from wml_deployer._scoring.options import ArrowRowsT
    from wml_deployer.credentials import Credentials
    from wml_deployer.credentials._sources import CredentialsLocation
    from wml_deployer.monitoring import ScoringHook
    from wml_deployer.payload._arrow import ArrowFrame
    from wml_deployer.schema import Schema

__all__ = ["Scorer"]

PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses before a batch is sent again. A service that restarts takes seconds, and an engine whose partition fails
scores all of it again."""

_SPARK_TYPES = {
    "b": "boolean",
    "i": "bigint",
    "u": "bigint",
    "f": "double",
    "M": "timestamp",
    "m": "interval day to second",
}


@dataclass(frozen=True)
class Scorer:
    """Scores frames on a deployment; made by :meth:`wml_deployer.Deployer.scorer`.

    It is what the engines run on their workers: ``dask_frame.map_partitions(scorer, meta=scorer.meta)`` and
    ``spark_frame.mapInPandas(scorer.map_in_pandas, scorer.spark_schema)``. It pickles without secrets and opens its
    connections where it is called. All calls of a process share them, and together have no more requests in flight
    than ``batching`` says: n workers have n times as many, however many threads each of them runs.

    What a busy or absent service did not answer is asked again for about a quarter of a minute; after that the
    partition fails, and the engine may try it again. Scoring changes nothing, so no row is lost or there twice.

    Attributes:
        source: Where a worker finds its credentials.
        deployment_id: What to score on.
        schema: Fields and classes of the version that served when it was made.
        meta: No rows of what a call returned then: names and dtypes.
        keep: Columns that are not sent, and stand before the scores.
        batching: How rows are spread over requests.
        revisions: Fields and classes of the project's versions, by model and revision; others are asked for.
        hooks: What is told of each request, where it is sent. They travel with it, so they have to pickle.

    Example:
        >>> import pandas as pd
        >>> from wml_deployer.credentials._sources import CredentialsLocation
        >>> from wml_deployer.schema import Schema
        >>> meta = pd.DataFrame({"prediction": pd.Series(dtype="int64")})
        >>> Scorer(CredentialsLocation(), "3f2c", Schema(), meta).spark_schema
        '`prediction` bigint'

    """

    source: CredentialsLocation
    deployment_id: str
    schema: Schema
    meta: pd.DataFrame
    keep: tuple[str, ...] = ()
    batching: Batching = field(default_factory=lambda: Batching(in_flight=1))
    revisions: tuple[tuple[tuple[str, str | None], Revision], ...] = field(default=(), repr=False)
    hooks: tuple[ScoringHook, ...] = field(default=(), repr=False)

    @overload
    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def __call__(self, frame: ArrowRowsT) -> ArrowRowsT: ...
    def __call__(self, frame: Any) -> Any:
        """Score a partition.

        Args:
            frame: n rows × k fields, and the columns to keep; of pandas, or of another library as ``score`` takes it.

        Returns:
            n rows on the frame's index, in the shape of ``meta`` unless another version serves whose classes are
            others: the columns are always those of the version that scored the rows. A frame of another library
            gets one of that library.

        Raises:
            SchemaError: The columns are not the model's, or one to keep is not there.
            ServiceError: The service refused a batch, or stayed too busy; the message names its rows.
            ConflictError: It is not known which probability is whose.

        """
        other = other_frame(frame)
        if other is not None:
            return self._score_other(other)
        if frame.empty:
            return self.meta.set_axis(frame.index, axis=0)
        kept, rows = self._split(frame)
        return self._beside(kept, self._endpoint.score(rows, self.batching, self._ask, self._sizer, hooks=self.hooks))

    def _score_other(self, frame: ArrowFrame) -> Any:
        """Score a frame of another library, in which the columns to keep stay as they are."""
        require_columns(frame.names, self.keep)
        kept, rows = frame.split(self.keep)
        if len(frame):
            scores = self._shaped(self._endpoint.score(rows, self.batching, self._ask, self._sizer, hooks=self.hooks))
            refuse_clash(kept.names, scores)
        else:
            scores = self.meta.drop(columns=list(self.keep))
        return frame.give_back(scores, beside=kept if self.keep else None)

    def map_in_pandas(self, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Score the batches that Spark hands to a task; the next is read and encoded while one is being answered.

        Args:
            frames: Batches of n rows × k fields.

        Returns:
            Their scores, in order; nothing for a batch without rows.

        Raises:
            ConflictError: Another version serves whose columns are not those that Spark was told.

        """
        waiting: deque[pd.DataFrame | None] = deque()

        def sent() -> Iterator[pd.DataFrame]:
            for frame in frames:
                if not frame.empty:
                    kept, rows = self._split(frame)
                    waiting.append(kept)
                    yield rows

        scored = self._endpoint.score_chunks(sent(), self.batching, self._ask, self._sizer, hooks=self.hooks)
        for scores in scored:
            whole = self._beside(waiting.popleft(), scores)
            if whole.columns.tolist() != self.meta.columns.tolist():
                raise ConflictError(
                    f"Deployment {self.deployment_id} serves another version, whose scores have other columns: "
                    f"{', '.join(map(str, whole.columns))}.",
                    operation="score",
                    next_step="Make another scorer with Deployer.scorer(), and give Spark its spark_schema.",
                )
            yield whole

    @property
    def _endpoint(self) -> Endpoint:
        endpoint = worker_endpoint(self.source, self.deployment_id)
        for asset, revision in self.revisions:
            endpoint.learn_revision(asset, revision)
        return endpoint

    @property
    def _ask(self) -> Send:
        return worker_send(self.source, self.deployment_id, self.batching)

    @property
    def _sizer(self) -> AdaptiveBatchSizer:
        return worker_sizer(self.deployment_id, self.batching)

    def _split(self, frame: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        return split_kept(frame, self.keep) if self.keep else (None, frame)

    def _beside(self, kept: pd.DataFrame | None, scores: pd.DataFrame) -> pd.DataFrame:
        """Join the kept columns, and convert to the dtypes of ``meta`` where the columns are the same."""
        return self._shaped(scores if kept is None else join_kept(kept, scores))

    def _shaped(self, whole: pd.DataFrame) -> pd.DataFrame:
        if whole.dtypes.equals(self.meta.dtypes):
            return whole
        return whole.astype({name: dtype for name, dtype in self.meta.dtypes.items() if name in whole.columns})

    @property
    def spark_schema(self) -> str:
        """The columns that a call returns, as Spark's DDL."""
        names = [str(name).replace("`", "``") for name in self.meta]
        types = [_SPARK_TYPES.get(dtype.kind, "string") for dtype in self.meta.dtypes]
        return ", ".join(f"`{name}` {kind}" for name, kind in zip(names, types, strict=True))


def worker_send(source: CredentialsLocation, deployment_id: str, batching: Batching) -> Send:
    """Return the function by which a worker asks for scores.

    Args:
        source: Where it finds its credentials.
        deployment_id: What to score on.
        batching: How many requests all threads of this process together have at the same time.

    Returns:
        A function that sends a body and returns the response. While the service is busy or unreachable, it tries up
        to five times in about 15 seconds: scoring changes nothing, so a repeated request does no harm.

    Raises:
        CredentialsError: There are none at the source.

    """
    with hold(_opening):
        client = _scoring_client(source, batching.in_flight)
    return partial(client.score, deployment_id)


@lru_cache(maxsize=8)
def worker_sizer(deployment_id: str, batching: Batching) -> AdaptiveBatchSizer:  # noqa: ARG001 - each has its own
    """Return the request sizes that this process has learned, so that a partition need not learn them again.

    Args:
        deployment_id: Whose answers it learns from.
        batching: What bounds the requests.

    """
    return AdaptiveBatchSizer(batching.rows, batching.body_bytes)


@lru_cache(maxsize=8)
def worker_endpoint(source: CredentialsLocation, deployment_id: str) -> Endpoint:
    """Return the endpoint of this process for a deployment, with lookups on a connection of their own.

    Args:
        source: Where it finds its credentials.
        deployment_id: What to score on.

    Raises:
        CredentialsError: There are none at the source.

    """
    return Endpoint(open_scoring(_credentials(source), 1, space_id=source.space_id), deployment_id)


_opening = threading.Lock()


@lru_cache(maxsize=8)
def _scoring_client(source: CredentialsLocation, in_flight: int) -> Scoring:
    return open_scoring(_credentials(source), in_flight, PAUSES_SECONDS)


def _credentials(source: CredentialsLocation) -> Credentials:
    return (
        LocalCredentials(directory=source.directory) if source.directory is not None else load_credentials(source.file)
    )


def _reset_after_fork() -> None:
    """Start without locks and connections in a forked child: a thread of the parent may hold them."""
    global _opening  # noqa: PLW0603 - the process's own
    _opening = threading.Lock()
    _scoring_client.cache_clear()
    worker_endpoint.cache_clear()
    worker_sizer.cache_clear()


os.register_at_fork(after_in_child=_reset_after_fork)


def split_kept(frame: pd.DataFrame, keep: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take a frame apart into the columns to keep, and what is to be scored.

    Args:
        frame: n rows × k fields.
        keep: Names of columns.

    Raises:
        SchemaError: A column is not there.

    """
    names = list(keep)
    require_columns(frame.columns, names)
    return frame[names], frame.drop(columns=names)


def require_columns(names: Iterable[Any], keep: Sequence[str]) -> None:
    """Check that the columns to keep are there.

    Raises:
        SchemaError: A column is not there.

    """
    there = set(names)
    missing = [name for name in keep if name not in there]
    if missing:
        raise SchemaError(
            f"The columns to keep {', '.join(map(repr, missing))} are not among those of the frame.",
            next_step="Give keep= as a list of names of its columns.",
        )


def refuse_clash(kept: Iterable[Any], scores: pd.DataFrame) -> None:
    """Check that no column to keep has the name of a score.

    Raises:
        SchemaError: One has.

    """
    both = [name for name in kept if name in scores.columns]
    if both:
        raise SchemaError(
            f"The columns to keep {', '.join(map(repr, both))} are called as scores are.",
            next_step="Rename them before scoring.",
        )


def join_kept(kept: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Put what was kept before its scores.

    Raises:
        SchemaError: A column that was kept is called as one of the scores is.

    """
    refuse_clash(kept.columns, scores)
    return pd.concat([kept, scores], axis=1)
