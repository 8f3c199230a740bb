"""Checked rows, ready to be written as request bodies: whole, or range by range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from wml_deployer._payload.columns import slices
from wml_deployer._payload.fitting import Fitting
from wml_deployer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["Table", "Values", "dumped"]

Values = Callable[[int, int], Any]
"""From the first row (included) and the last (excluded) to what orjson writes as the array of the rows between."""

_PIECE_CELLS = 32_768
_SAMPLE_ROWS = 64
_HOLE = "wml_deployer: here the values go"


@dataclass(eq=False)  # not frozen: that alone would double the cost of making one
class Table:
    """Rows that can be sent: every fault in them was found before this was made.

    It reads the caller's data when it writes, so these must not change in between.

    Attributes:
        names: The k field names in the order of the values; None where the rows carry none.
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
        """The request body of the rows from ``start`` (included) to ``stop`` (excluded; the end by default)."""
        last = self.rows if stop is None else stop
        # Few rows go together, and so do the numbers of an array, as they lie in memory.
        if (last - start) * self.width <= _PIECE_CELLS or isinstance(self.values(start, start + 1), np.ndarray):
            return self._body(self.values(start, last))
        # Piece by piece into a growing buffer: the rows exist once as text, and never all of them as Python values.
        step = max(1, _PIECE_CELLS // self.width)
        head, tail = self._body(_HOLE).split(orjson.dumps(_HOLE))
        buffer = BytesIO()
        buffer.write(head)
        for offset, end in slices(last - start, step):
            buffer.write(b"," if offset else b"[")
            buffer.write(memoryview(dumped(self.values(start + offset, start + end)))[1:-1])
        buffer.write(b"]" + tail)
        return buffer.getvalue()

    def _body(self, values: Any) -> bytes:
        block = {"values": values} if self.names is None else {"fields": self.names, "values": values}
        return dumped({"input_data": [block]})

    def chunks(self, batch_rows: int, batch_bytes: int) -> Iterator[tuple[range, bytes]]:
        """Bodies of at most so many rows and bytes, in order, each with the positions of its rows.

        A single row that is larger than ``batch_bytes`` makes a body of its own.

        Raises:
            ConfigurationError: A batch of no rows or no bytes was asked for.

        """
        if batch_rows < 1 or batch_bytes < 1:
            raise ConfigurationError(
                f"A batch of {batch_rows} rows and {batch_bytes} bytes holds nothing.",
                next_step="Give batch_rows and batch_bytes of at least 1.",
            )
        fitting = Fitting(batch_rows, batch_bytes)
        if self.rows > _SAMPLE_ROWS:  # a body that is far too large is not to be written in vain
            fitting.weigh(_SAMPLE_ROWS, len(self.encode(0, _SAMPLE_ROWS)))
        return self.bodies(fitting) if self.rows else iter(())

    def bodies(self, fitting: Fitting) -> Iterator[tuple[range, bytes]]:
        """Bodies of as many rows as fit, in order, each with the positions of its rows; one for no rows at all."""
        start = 0
        while start < max(self.rows, 1):
            most = fitting.rows
            stop = min(start + most, self.rows)
            body = self.encode(start, stop)
            fits = fitting.fits(stop - start, len(body))
            if stop - start == most or not fits:  # of a rest, the names of the fields may be the larger part
                fitting.weigh(stop - start, len(body))
            if fits:
                yield range(start, stop), body
                start = max(stop, 1)


def dumped(value: Any) -> bytes:
    """JSON text of plain values and numeric arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
