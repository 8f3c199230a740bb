"""Scoring from where the rows are: a callable that travels to workers and connects there.

Secrets do not travel. A worker finds them where the driver did: in the credentials file of the same path, in the
environment (``WML_APIKEY`` ...), or in the embedded service's folder.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from wml_deployer._clients.door import open_scoring
from wml_deployer._scoring.batches import Batching, score_rows
from wml_deployer.credentials import LocalCredentials, load_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.protocol import Scoring
    from wml_deployer._scoring.source import Source
    from wml_deployer.schema import Schema

__all__ = ["Scorer"]

_SPARK_TYPES = {"b": "boolean", "i": "bigint", "u": "bigint", "f": "double", "M": "timestamp"}


@dataclass(frozen=True)
class Scorer:
    """Scores frames on a deployment; made by :meth:`wml_deployer.Deployer.scorer`.

    It is what the engines run on their workers: ``dask_frame.map_partitions(scorer, meta=scorer.meta)`` and
    ``spark_frame.mapInPandas(scorer.map_in_pandas, scorer.spark_schema)``. It pickles without secrets and opens its
    connections where it is called; all calls of a process share them.

    Attributes:
        source: Where a worker finds its credentials.
        deployment_id: What to score on.
        schema: The model's fields and classes.
        meta: No rows of what a call returns: names and dtypes.
        keep: Columns that are not sent, and stand before the scores.
        batching: How rows are spread over requests.

    Example:
        >>> from wml_deployer._scoring.source import Source
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

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score a partition.

        Args:
            frame: n rows × k fields, and the columns to keep.

        Returns:
            n rows on the frame's index, in the shape of ``meta``.

        Raises:
            SchemaError: The columns are not the model's.
            ServiceError: The service refused; the engine may try the partition again, nothing was done.

        """
        if frame.empty:
            return self.meta
        client = _client(self.source)
        kept = frame[list(self.keep)]
        rows = frame.drop(columns=list(self.keep))
        scores = score_rows(rows, lambda body: client.score(self.deployment_id, body), self.schema, self.batching)
        whole = pd.concat([kept, scores], axis=1) if self.keep else scores
        return whole.astype(dict(self.meta.dtypes))

    def map_in_pandas(self, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Score the batches that Spark hands to a task, one after the other.

        Args:
            frames: Batches of n rows × k fields.

        Returns:
            Their scores, in order.

        """
        return map(self, frames)

    @property
    def spark_schema(self) -> str:
        """What a call returns, as Spark's DDL."""
        columns = [f"`{name}` {_SPARK_TYPES.get(dtype.kind, 'string')}" for name, dtype in self.meta.dtypes.items()]
        return ", ".join(columns)


_opening = threading.Lock()


def _client(source: Source) -> Scoring:
    with _opening:
        return _opened(source)


@lru_cache(maxsize=8)
def _opened(source: Source) -> Scoring:
    if source.directory is not None:
        return open_scoring(LocalCredentials(directory=source.directory))
    return open_scoring(load_credentials(source.file))
