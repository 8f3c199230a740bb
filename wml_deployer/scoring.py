"""Scoring from where the rows are: a callable that travels to workers and connects there.

Secrets do not travel. A worker finds them where the driver did: in the credentials file of the same path, in the
environment (``WML_APIKEY`` ...), or in the embedded service's folder.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wml_deployer._scoring.kept import beside, split
from wml_deployer._scoring.options import Batching
from wml_deployer._scoring.worker import ask_from_worker, endpoint_of_worker, pace_of_worker
from wml_deployer.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from wml_deployer._scoring.batches import Send
    from wml_deployer._scoring.pace import Pace
    from wml_deployer._scoring.revisions import Revision
    from wml_deployer._scoring.serving import Endpoint
    from wml_deployer.credentials._location import Source
    from wml_deployer.schema import Schema

__all__ = ["Scorer"]

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

    Example:
        >>> import pandas as pd
        >>> from wml_deployer.credentials._location import Source
        >>> from wml_deployer.schema import Schema
        >>> meta = pd.DataFrame({"prediction": pd.Series(dtype="int64")})
        >>> Scorer(Source(), "3f2c", Schema(), meta).spark_schema
        '`prediction` bigint'

    """

    source: Source
    deployment_id: str
    schema: Schema
    meta: pd.DataFrame
    keep: tuple[str, ...] = ()
    batching: Batching = field(default_factory=lambda: Batching(in_flight=1))
    revisions: tuple[tuple[tuple[str, str | None], Revision], ...] = field(default=(), repr=False)

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score a partition.

        Args:
            frame: n rows × k fields, and the columns to keep.

        Returns:
            n rows on the frame's index, in the shape of ``meta`` unless another version serves whose classes are
            others: the columns are always those of the version that scored the rows.

        Raises:
            SchemaError: The columns are not the model's, or one to keep is not there.
            ServiceError: The service refused a batch, or stayed too busy; the message names its rows.
            ConflictError: It is not known which probability is whose.

        """
        if frame.empty:
            return self.meta.set_axis(frame.index, axis=0)
        kept, rows = self._split(frame)
        return self._beside(kept, self._endpoint.score(rows, self.batching, self._ask, self._pace))

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

        for scores in self._endpoint.score_chunks(sent(), self.batching, self._ask, self._pace):
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
        endpoint = endpoint_of_worker(self.source, self.deployment_id)
        for asset, revision in self.revisions:
            endpoint.learn_revision(asset, revision)
        return endpoint

    @property
    def _ask(self) -> Send:
        return ask_from_worker(self.source, self.deployment_id, self.batching)

    @property
    def _pace(self) -> Pace:
        return pace_of_worker(self.deployment_id, self.batching)

    def _split(self, frame: pd.DataFrame) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        return split(frame, self.keep) if self.keep else (None, frame)

    def _beside(self, kept: pd.DataFrame | None, scores: pd.DataFrame) -> pd.DataFrame:
        """In the shape of ``meta``, as far as the columns are the same."""
        whole = scores if kept is None else beside(kept, scores)
        if whole.dtypes.equals(self.meta.dtypes):
            return whole
        return whole.astype({name: dtype for name, dtype in self.meta.dtypes.items() if name in whole.columns})

    @property
    def spark_schema(self) -> str:
        """What a call returns, as Spark's DDL."""
        names = [str(name).replace("`", "``") for name in self.meta]
        types = [_SPARK_TYPES.get(dtype.kind, "string") for dtype in self.meta.dtypes]
        return ", ".join(f"`{name}` {kind}" for name, kind in zip(names, types, strict=True))
