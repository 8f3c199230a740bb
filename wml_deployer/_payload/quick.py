"""The usual answers, [[label, [probabilities]], ...] and [[number], ...], straight from their bytes.

A parser that makes a list for every row spends most of its time on the lists: making them, and having the garbage
collector walk them. Here the brackets are blanked, and all numbers parsed as one flat list. That they stand where they
seem to is proven first: what is left of the text without its numbers has to be that of as many equal rows. Whatever is
not exactly so is left to the parser that can say what is wrong.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from wml_deployer._payload.assemble import labelled_frame, plain_frame, probability_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from wml_deployer.schema import ClassLabel

__all__ = ["quick_frame"]

_KEY = b'"values":['
_END = b"]}]}"
_HOLE = "wml_deployer: the values stood here"
_OF_NUMBERS = b"0123456789.eE+-"
_NULL = b"null"
_BLANKED = bytes.maketrans(b"[]", b"  ")
_TEXTS = re.compile(rb'"[^"]*"')
# Small enough for the processor's cache, and for memory that the allocator keeps at hand.
_PIECE_BYTES = 1 << 16
_PACKED_ROWS = 1024
# How struct packs a label: as a double, as a 64-bit integer, or leaving eight bytes for what is kept elsewhere.
_FLOAT, _INTEGER, _TEXT, _NO_LABEL = "d", "q", "8x", ""


class _Row(NamedTuple):
    """What every row of an answer looks like."""

    label: str
    numbers: int

    @property
    def places(self) -> int:
        """Values in a row."""
        return self.numbers + (self.label != _NO_LABEL)

    @property
    def shape(self) -> bytes:
        """What is left of a row without its numbers."""
        if self.label == _NO_LABEL:
            return b"[],"
        return b"[%b,[%b]]," % (_NULL if self.label == _TEXT else b"", b"," * (self.numbers - 1))


def quick_frame(body: bytes, classes: Sequence[ClassLabel], index: pd.Index[Any] | None) -> pd.DataFrame | None:
    """The frame of an answer of one of the two usual shapes; None for any other.

    Raises:
        InvalidResponseError: The answer has not as many rows as ``index``.

    """
    start, stop = body.find(_KEY) + len(_KEY), body.rfind(_END)
    row = _row_of(body, start, stop) if len(_KEY) <= start < stop else None
    read = _read(_pieces(body, start, stop, row), row) if row else None
    if row is None or read is None:
        return None
    packed, texts = read
    block = np.frombuffer(packed).reshape(-1, row.places)
    if row.label == _NO_LABEL:
        return plain_frame(block, ("prediction",), index)
    labels: Any = texts or block.view(np.int64 if row.label == _INTEGER else np.float64)[:, 0].copy()
    return labelled_frame(labels, block, ("prediction", *probability_names(row.numbers, classes)), index)


def _row_of(body: bytes, start: int, stop: int) -> _Row | None:
    """What the first row looks like, if what lies between start and stop are the values of a usual answer."""
    fields = _fields_around(body, start, stop)
    if fields == ["prediction"]:
        return _Row(_NO_LABEL, 1)
    if fields != ["prediction", "probability"]:
        return None
    first = body[start : body.find(b"]]", start)]
    label = _TEXT if b'"' in first else _FLOAT if b"." in first[: first.find(b",")] else _INTEGER
    count = _TEXTS.sub(b"", first).count(b",")
    return _Row(label, count) if count else None


def _fields_around(body: bytes, start: int, stop: int) -> Any:
    """The fields of the answer's only block, if what lies between start and stop is in its list of values."""
    try:
        document = orjson.loads(body[: start - 1] + orjson.dumps(_HOLE) + body[stop + 1 :])
        (block,) = document["predictions"]
        return block.get("fields") if block["values"] == _HOLE else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _pieces(body: bytes, start: int, stop: int, row: _Row) -> Iterator[bytes]:
    """The rows between start and stop, some whole ones at a time."""
    row_end = b"]],[" if row.label else b"],["
    while (cut := body.find(row_end, start + _PIECE_BYTES, stop)) >= 0:
        comma = cut + row_end.index(b",")
        yield body[start:comma]
        start = comma + 1
    yield body[start:stop]


def _read(pieces: Iterator[bytes], row: _Row) -> tuple[bytearray, list[str]] | None:
    """All rows packed, and their text labels; None where one of them is not like the first."""
    packed, texts = bytearray(), []
    try:
        for piece in pieces:
            found, numbers = _without_texts(piece) if row.label == _TEXT else ([], piece)
            flat = _flat(numbers, row)
            if flat is None or not _without_labels(flat, row, len(found)):
                return None
            _pack(flat, row, packed)
            texts += found
    except (ValueError, struct.error):
        return None
    return packed, texts


def _without_texts(text: bytes) -> tuple[list[str], bytes]:
    """Take the texts out, each for a null; a text with an escape in it is left to the parser."""
    if b"\\" in text:
        raise ValueError("a text with an escape in it")
    pieces = text.split(b'"')
    found = pieces[1::2]
    known = {piece: orjson.loads(b'"' + piece + b'"') for piece in set(found)}
    return [known[piece] for piece in found], _NULL.join(pieces[::2])


def _flat(text: bytes, row: _Row) -> list[Any] | None:
    """The values of all rows in one list; None where the rows are not all like this one."""
    found = text.translate(None, _OF_NUMBERS)
    rows, rest = divmod(len(found) + 1, len(row.shape))
    if rest or found + b"," != row.shape * rows:
        return None
    if row.label == _NO_LABEL and text.count(b".") != rows:  # a regressor's number is written as an integer
        return None
    # Blanks, for without them a number in a wrong place would join another one.
    flat: list[Any] = orjson.loads(b"[%b]" % text.translate(_BLANKED))
    return flat


def _without_labels(flat: list[Any], row: _Row, texts: int) -> bool:
    """Drop the nulls of text labels; whether the labels are what those of the first row are."""
    if row.label == _TEXT:
        labels = flat[:: row.places]
        del flat[:: row.places]
        return labels.count(None) == len(labels) == texts
    return row.label != _FLOAT or set(map(type, flat[:: row.places])) == {float}


def _pack(flat: list[Any], row: _Row, packed: bytearray) -> None:
    """Append the numbers as rows of 8-byte values; a number of another kind is struct's error."""
    width = row.places - (row.label == _TEXT)
    for first in range(0, len(flat), _PACKED_ROWS * width):
        part = flat[first : first + _PACKED_ROWS * width] if len(flat) > _PACKED_ROWS * width else flat
        packed += _packer(row.label, row.numbers, len(part) // width).pack(*part)


@lru_cache(maxsize=32)
def _packer(label: str, numbers: int, rows: int) -> struct.Struct:
    return struct.Struct("=" + f"{label}{numbers}d" * rows)
