"""Checked rows, written as request bodies: whole, or as many rows at a time as fit into a body."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer.payload._columns import slices

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["BatchSizer", "Table", "Values", "dump_json"]

Values = Callable[[int, int], Any]
"""From the first row (included) and the last (excluded) to what orjson writes as the array of the rows between."""

PIECE_CELLS = 32_768
"""Values that are written at a time, so that rows exist once as text and never all of them as Python values."""


_FILL = 0.9
_PLACEHOLDER = "wml_deployer: the values go here"


class BatchSizer:
    """Decides how many rows a body takes: at most so many, and as many as fit into so many bytes.

    The size of rows is learned from the bodies written before. Rows differ in size, so bodies are filled to nine
    tenths.

    Args:
        rows: Rows of a body at most.
        body_bytes: Bytes of a body at most; a single row that is larger makes a body of its own.

    Example:
        >>> sizer = BatchSizer(rows=2_000, body_bytes=1_000_000)
        >>> sizer.weigh(rows=2_000, size=2_000_000)
        >>> sizer.rows
        900

    """

    def __init__(self, rows: int, body_bytes: int) -> None:
        """Begin without knowing the size of rows."""
        self._rows = rows
        self._body_bytes = body_bytes
        self._fitting: float = math.inf

    @property
    def rows(self) -> int:
        """Rows for the next body."""
        return int(min(self._rows, self._fitting))

    def weigh(self, rows: int, size: int) -> None:
        """Take the size of one body in bytes into account, so that the next one fits."""
        self._fitting = max(1, int(max(rows, 1) * self._body_bytes / size * _FILL))

    def fits(self, rows: int, size: int) -> bool:
        """Return whether a body of so many rows and bytes can be sent."""
        return size <= self._body_bytes or rows <= 1


@dataclass(eq=False)  # not frozen: that alone would double the cost of making one
class Table:
    """Rows that can be sent: every fault in them was found before this was made.

    It reads the caller's data when it writes, so these must not change in between.

    Attributes:
        names: The k field names in the order of the values; None if the rows have none.
        width: How many values a row has.
        rows: How many rows there are.
        index: The labels of the rows, to be put on the answer; None where an answer need not have as many rows.
        values: The rows of a range, in the form that orjson writes fastest.

    Example:
        >>> from wml_deployer.payload import prepare
        >>> table = prepare([{"age": 31}, {"age": 52}])
        >>> table.names, table.rows
        (['age'], 2)
        >>> table.encode(1)
        b'{"input_data":[{"fields":["age"],"values":[[52]]}]}'

    """

    names: list[str] | None
    width: int
    rows: int
    index: pd.Index[Any] | None
    values: Values

    def encode(self, start: int = 0, stop: int | None = None) -> bytes:
        """Write the request body of the rows from ``start`` (included) to ``stop`` (excluded; the end by default)."""
        last = self.rows if stop is None else stop
        step = max(1, PIECE_CELLS // max(1, self.width))
        if last - start <= step:
            return self._body(self.values(start, last))
        head, tail = self._body(_PLACEHOLDER).split(orjson.dumps(_PLACEHOLDER))
        buffer = BytesIO()
        buffer.write(head)
        for offset, end in slices(last - start, step):
            buffer.write(b"," if offset else b"[")
            buffer.write(memoryview(dump_json(self.values(start + offset, start + end)))[1:-1])
        buffer.write(b"]" + tail)
        return buffer.getvalue()

    def _body(self, values: Any) -> bytes:
        block = {"values": values} if self.names is None else {"fields": self.names, "values": values}
        return dump_json({"input_data": [block]})

    def bodies(self, sizer: BatchSizer) -> Iterator[tuple[range, bytes]]:
        """Write bodies of as many rows as fit, in order, each with the positions of its rows; one for no rows."""
        start = 0
        while start < max(self.rows, 1):
            most = sizer.rows
            stop = min(start + most, self.rows)
            body = self.encode(start, stop)
            fits = sizer.fits(stop - start, len(body))
            if stop - start == most or not fits:  # of the last few rows, the field names may be the larger part
                sizer.weigh(stop - start, len(body))
            if fits:
                yield range(start, stop), body
                start = max(stop, 1)


def dump_json(value: Any) -> bytes:
    """Write plain values and numeric arrays as JSON."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
