"""The events that scoring hooks receive, and how they reach them."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from wml_deployer.errors import WMLDeployerError
    from wml_deployer.schema import Field

__all__ = [
    "Attempt",
    "Outcome",
    "RequestRecord",
    "ScoringEvent",
    "ScoringHook",
    "notify",
    "recorder",
    "recording",
    "with_dtypes",
]

Outcome = Literal["scored", "failed", "outdated"]
"""How a request ended; an outdated one was answered by another version than its rows were encoded for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One HTTP request: the first of a scoring request, or one of its retries.

    Attributes:
        started: When it was sent, in seconds since 1970.
        seconds: Time until its response was read, or until it failed.
        status: HTTP status; ``None`` without a response.
        error: Name of the error's class where there was no response.

    Example:
        >>> Attempt(started=1_760_000_000.0, seconds=0.02, status=429).status
        429

    """

    started: float
    seconds: float
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class ScoringEvent:
    """One scoring request, after it ended. It holds no credentials.

    A call of ``score`` sends one request for few rows, and several for many.

    Attributes:
        deployment_id: Id of the deployment.
        deployment_name: Its name in the deployment space.
        url: Where the predictions were asked for.
        version: Name of the version that answered, where the project knows it. Of a request that was not answered, the
            version that its rows were encoded for.
        model_id: The model asset of that version.
        revision: The revision of that model.
        rows: How many rows were sent.
        request_bytes: Size of the request's body.
        response_bytes: Size of the response's body; 0 without one.
        started: When it began, in seconds since 1970.
        seconds: Time until the scores were there, with all retries and the pauses between them.
        outcome: ``"scored"``; ``"failed"``, where ``error`` says why; or ``"outdated"``: another version was live, and
            the same rows are sent again with its columns.
        error: What the request ended in, if it failed.
        attempts: Every HTTP request that was sent for it.

    Example:
        >>> url = "https://us-south.ml.cloud.ibm.com/ml/v4/deployments/3f2c/predictions"
        >>> event = ScoringEvent("3f2c", "churn", url, "v0.2", "91ab", "2", rows=200, seconds=0.2)
        >>> event.outcome, event.retries
        ('scored', 0)

    """

    deployment_id: str
    deployment_name: str
    url: str
    version: str | None
    model_id: str
    revision: str | None
    rows: int
    request_bytes: int = 0
    response_bytes: int = 0
    started: float = 0.0
    seconds: float = 0.0
    outcome: Outcome = "scored"
    error: WMLDeployerError | None = None
    attempts: tuple[Attempt, ...] = ()
    # Not in the repr, which ends up in logs.
    _body: bytes = field(default=b"", repr=False, compare=False)
    _scores: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    _index: pd.Index[Any] | None = field(default=None, repr=False, compare=False)
    _fields: tuple[Field, ...] = field(default=(), repr=False, compare=False)

    @property
    def retries(self) -> int:
        """How many times the request was sent again."""
        return max(0, len(self.attempts) - 1)

    def payload(self) -> pd.DataFrame | None:
        """Return the rows as they were sent, with the dtypes of the model's columns.

        Returns:
            n rows × k fields on the index of the caller's rows; ``None`` where the request was a document of another
            shape than one table, as functions may take them.

        """
        if not self._body:
            return None
        blocks = orjson.loads(self._body)["input_data"]
        values = blocks[0]["values"] if len(blocks) == 1 else None
        if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
            return None
        import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

        names = blocks[0].get("fields") or [f"field_{place}" for place in range(len(values[0]) if values else 0)]
        frame = pd.DataFrame(values, index=self._index, columns=names)
        return with_dtypes(frame, self._fields)

    def scores(self) -> pd.DataFrame | None:
        """Return a copy of the scores: n rows on the index of the caller's rows; ``None`` if there are none."""
        if self._scores is None:
            return None
        copy = self._scores.copy()
        if self._index is not None:
            copy.index = self._index
        return copy


@dataclass
class RequestRecord:
    """What is known of one request after it ended, for the hooks.

    Attributes:
        body: The request's body.
        rows: How many rows are in it.
        index: Their labels, where the caller's rows have some.
        started: When it began, in seconds since 1970.
        seconds: Time until its scores were there, or until it failed.
        response_bytes: Size of the response's body.
        attempts: The HTTP requests that were sent.
        result: The scores, or the error.

    """

    body: bytes
    rows: int
    index: pd.Index[Any] | None = None
    started: float = field(default_factory=time.time)
    seconds: float = 0.0
    response_bytes: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    result: pd.DataFrame | WMLDeployerError | None = None


class ScoringHook(Protocol):
    """Any callable that takes an event.

    It is called on the thread that scores, once for each request, in the order of the rows, so it should return
    quickly. An error that it raises is logged, and costs no scores.

    Example:
        >>> class SlowRequests:
        ...     def __call__(self, event: ScoringEvent) -> None:
        ...         if event.seconds > 1:
        ...             print(event.version, event.rows, "rows", event.seconds, "s")
        >>> SlowRequests()(ScoringEvent("3f2c", "churn", "https://...", "v0.2", "91ab", "2", rows=200, seconds=1.5))
        v0.2 200 rows 1.5 s

    """

    def __call__(self, event: ScoringEvent, /) -> None:
        """Handle an event."""


def notify(hooks: Iterable[ScoringHook], event: ScoringEvent) -> None:
    """Call every hook. The rows are scored already: what a hook raises is logged."""
    for hook in tuple(hooks):
        try:
            hook(event)
        except Exception:  # noqa: BLE001, PERF203 - a broken hook must not cost the scores
            _log.exception("A scoring hook failed: %s", type(hook).__name__)


_attempts: ContextVar[list[Attempt] | None] = ContextVar("wml_deployer_attempts", default=None)


@contextmanager
def recording() -> Iterator[list[Attempt]]:
    """Record the HTTP requests of the scoring request that is sent within the block."""
    attempts: list[Attempt] = []
    token = _attempts.set(attempts)
    try:
        yield attempts
    finally:
        _attempts.reset(token)


def recorder() -> list[Attempt] | None:
    """Return the list to which HTTP requests for scores are added, if they are recorded."""
    return _attempts.get()


def with_dtypes(frame: pd.DataFrame, fields: Iterable[Field]) -> pd.DataFrame:
    """Give rows that were read from JSON the dtypes of a model's columns, as far as their values allow that.

    Args:
        frame: n rows × k columns; it is changed.
        fields: The model's columns.

    """
    for known in fields:
        if known.name in frame:
            frame[known.name] = _typed(frame[known.name], known.dtype)
    return frame


def _typed(column: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

    name = dtype.lower()
    try:
        if name.startswith("datetime64"):
            return pd.to_datetime(column, utc="," in name, format="ISO8601")
        if name.startswith("float"):
            return column.astype("float64")
        if name.startswith(("int", "uint")):
            return column.astype("Int64" if column.isna().any() else "int64")
        if name.startswith("bool"):
            return column.astype("boolean" if column.isna().any() else "bool")
    except (TypeError, ValueError, OverflowError):
        return column  # values of another type stay as they were sent
    return column
