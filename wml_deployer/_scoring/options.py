"""The keyword arguments of scoring, as users write them."""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = ["BATCH_BYTES", "IN_FLIGHT", "BatchingOptions", "OnError"]

BATCH_BYTES = 4_000_000
"""Bytes of a request's body at most, unless told: what services of this kind take without complaint."""

IN_FLIGHT = 4
"""Requests at the same time, unless told."""

OnError = Literal["raise", "null"]
"""What becomes of a batch that fails."""


class BatchingOptions(TypedDict, total=False):
    """How rows are spread over requests.

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
