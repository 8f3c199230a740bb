"""The keyword arguments of scoring: as users write them, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict, TypeVar

from wml_deployer.errors import ConfigurationError

__all__ = ["BATCH_BYTES", "IN_FLIGHT", "ArrowRows", "ArrowRowsT", "Batching", "BatchingOptions", "OnError"]

BATCH_BYTES = 4_000_000
"""Default of the most bytes in a request's body, which services of this kind accept."""

IN_FLIGHT = 4
"""Default number of requests at the same time."""

OnError = Literal["raise", "null"]
"""How a failing batch is handled."""


class ArrowRows(Protocol):
    """A frame of polars, a table of pyarrow, a relation of DuckDB: whatever has the Arrow stream protocol."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows; https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html."""


ArrowRowsT = TypeVar("ArrowRowsT", bound=ArrowRows)
"""Rows of one such library, whose scores are of the same."""


class BatchingOptions(TypedDict, total=False):
    """Keyword arguments that spread rows over requests.

    Attributes:
        batch_rows: Rows a request; chosen from the answer times if not given.
        batch_bytes: Bytes of a request's body at most (4 MB).
        in_flight: Requests at the same time (4).
        on_error: ``"raise"`` fails the call with the first batch that fails; ``"null"`` leaves nulls in its rows.

    """

    batch_rows: int | None
    batch_bytes: int
    in_flight: int
    on_error: OnError


@dataclass(frozen=True)
class Batching:
    """Checked settings that spread rows over requests.

    Attributes:
        rows: Rows a request; ``None`` chooses them from the answer times.
        body_bytes: Bytes of a request's body at most; a single larger row goes alone.
        in_flight: Requests at the same time.
        on_error: Whether a failing batch fails the call, or leaves nulls in its rows.

    Example:
        >>> Batching(rows=500).in_flight
        4

    """

    rows: int | None = None
    body_bytes: int = BATCH_BYTES
    in_flight: int = IN_FLIGHT
    on_error: OnError = "raise"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        counts = (1 if self.rows is None else self.rows, self.body_bytes, self.in_flight)
        if min(counts) < 1 or self.on_error not in {"raise", "null"}:
            raise ConfigurationError(
                f"Rows cannot be batched like this: {self}.",
                next_step="Give at least 1 for batch_rows, batch_bytes and in_flight, 'raise' or 'null' for on_error.",
            )
