"""The two usual answers, ``[[label, [probabilities]], ...]`` and ``[[number], ...]``, read straight from their bytes.

A JSON parser that makes a list for every row spends most of its time on the lists: making them, and having the garbage
collector walk them. Here the brackets are blanked first, and all numbers are parsed as one flat list:

>>> text = b"[1,[0.25,0.75]],[0,[0.5,0.5]]"
>>> orjson.loads(b"[%b]" % text.translate(bytes.maketrans(b"[]", b"  ")))
[1, 0.25, 0.75, 0, 0.5, 0.5]

That list is right only if the brackets stand where they seem to. Without its numbers, the text has to be the skeleton
of one row, as often as there are rows:

>>> text.translate(None, _OF_NUMBERS) + b","
b'[,[,]],[,[,]],'

The skeleton of ``1[,[0.25,0.75]]`` is the same, so no place for a number may be empty either; the parser makes sure
that there is exactly one number between two commas. Texts are taken out beforehand. Any other answer is left to the
parser in :mod:`wml_deployer.payload`, which can say what is wrong with it.

What looks at every byte is left to NumPy, which takes a tenth of the time that the methods of ``bytes`` take.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from wml_deployer.payload._answer import array_frame, probability_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from wml_deployer.schema import ClassLabel

__all__ = ["fast_frame"]

PIECE_BYTES = 1 << 16
"""Bytes that are parsed at a time: few enough for the processor's cache, and for memory that the allocator keeps."""

PACKED_ROWS = 1024
"""Rows that one call of struct packs."""

_KEY = b'"values":['
_END = b"]}]}"
_PLACEHOLDER = "wml_deployer: the values were here"
_OF_NUMBERS = b"0123456789.eE+-"
_POINT = ord(".")
_OPENING_TO_BLANK, _CLOSING_TO_BLANK = np.uint8(ord("[") ^ ord(" ")), np.uint8(ord("]") ^ ord(" "))
_NULL = b"null"
_TEXTS = re.compile(rb'"[^"]*"')
# How struct packs a label: as a double, as a 64-bit integer, or as eight bytes left for a text that is kept elsewhere.
_FLOAT, _INTEGER, _TEXT, _NO_LABEL = "d", "q", "8x", ""
# From here on, what orjson reads as a double may be an integer beyond 64 bits.
_BEYOND_64_BITS = 2.0**63


class _RowShape(NamedTuple):
    """The shape that every row of an answer has.

    Attributes:
        label: How its label is packed.
        numbers: How many other numbers it has.

    """

    label: str
    numbers: int

    @property
    def width(self) -> int:
        """The number of values in a row."""
        return self.numbers + (self.label != _NO_LABEL)

    @property
    def skeleton(self) -> bytes:
        """A row without its numbers."""
        if self.label == _NO_LABEL:
            return b"[],"
        return b"[%b,[%b]]," % (_NULL if self.label == _TEXT else b"", b"," * (self.numbers - 1))


def fast_frame(body: bytes, classes: Sequence[ClassLabel], index: pd.Index[Any] | None) -> pd.DataFrame | None:
    """Return the frame of an answer of one of the two usual shapes; None for any other.

    Raises:
        InvalidResponseError: The answer has not as many rows as ``index``.

    """
    start, stop = body.find(_KEY) + len(_KEY), body.rfind(_END)
    row = _first_row(body, start, stop) if len(_KEY) <= start < stop else None
    if row is None:
        return None
    packed, texts = bytearray(), list[str]()
    try:
        for piece in _pieces(body, start, stop, row):
            _read(piece, row, packed, texts)
    except (ValueError, struct.error):
        return None
    block = np.frombuffer(packed).reshape(-1, row.width)
    if row.label == _NO_LABEL:
        return array_frame(block, ("prediction",), index)
    labels: Any = texts or block.view(np.int64 if row.label == _INTEGER else np.float64)[:, 0].copy()
    if row.label == _FLOAT and not (np.abs(labels) < _BEYOND_64_BITS).all():
        return None
    return array_frame(block, ("prediction", *probability_names(row.numbers, classes)), index, labels)


def _first_row(body: bytes, start: int, stop: int) -> _RowShape | None:
    """Return what the first row looks like, if the values of a usual answer lie between start and stop."""
    fields = _fields_around(body, start, stop)
    if fields == ["prediction"]:
        return _RowShape(_NO_LABEL, 1)
    if fields != ["prediction", "probability"]:
        return None
    first = body[start : body.find(b"]]", start)]
    label = _TEXT if b'"' in first else _FLOAT if b"." in first[: first.find(b",")] else _INTEGER
    count = _TEXTS.sub(b"", first).count(b",")
    return _RowShape(label, count) if count else None


def _fields_around(body: bytes, start: int, stop: int) -> Any:
    """Return the fields of the answer's only block, if start and stop enclose its list of values."""
    try:
        document = orjson.loads(body[: start - 1] + orjson.dumps(_PLACEHOLDER) + body[stop + 1 :])
        (block,) = document["predictions"]
        return block.get("fields") if block["values"] == _PLACEHOLDER else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _pieces(body: bytes, start: int, stop: int, row: _RowShape) -> Iterator[bytes]:
    """Cut the text between start and stop into pieces of whole rows."""
    row_end = b"]],[" if row.label else b"],["
    while (cut := body.find(row_end, start + PIECE_BYTES, stop)) >= 0:
        comma = cut + row_end.index(b",")
        yield body[start:comma]
        start = comma + 1
    yield body[start:stop]


def _read(piece: bytes, row: _RowShape, packed: bytearray, texts: list[str]) -> None:
    """Append the rows of a piece.

    Raises:
        ValueError: They are not all like the first row.
        struct.error: One of the values is not a number of its kind.

    """
    found, numbers = _without_texts(piece) if row.label == _TEXT else ([], piece)
    values = _flat(numbers, row)
    if row.label == _TEXT:
        nulls = values[:: row.width]
        del values[:: row.width]
        if not nulls.count(None) == len(nulls) == len(found):
            raise ValueError("a label that is not text")
    elif row.label == _FLOAT and set(map(type, values[:: row.width])) != {float}:
        raise ValueError("a label that is an integer")
    _pack(values, row, packed)
    texts += found


def _without_texts(text: bytes) -> tuple[list[str], bytes]:
    """Take out the texts, and put a null in place of each; the parser knows escapes."""
    if b"\\" in text:
        raise ValueError("a text with an escape in it")
    pieces = text.split(b'"')
    found = pieces[1::2]
    known = {piece: orjson.loads(b'"' + piece + b'"') for piece in set(found)}
    return [known[piece] for piece in found], _NULL.join(pieces[::2])


def _flat(text: bytes, row: _RowShape) -> list[Any]:
    """Return the values of all rows in one list."""
    skeleton = text.translate(None, _OF_NUMBERS) + b","
    rows, rest = divmod(len(skeleton), len(row.skeleton))
    if rest or skeleton != row.skeleton * rows:
        raise ValueError("not rows like the first one")
    values: list[Any] = orjson.loads(_without_brackets(text, row, rows))
    return values


def _without_brackets(text: bytes, row: _RowShape, rows: int) -> bytes:
    """Blank the brackets. Blanks rather than nothing, so that no two numbers can become one.

    The work is done in place where it can be: memory outside the processor's cache would cost more than all of it.
    """
    letters = np.frombuffer(text, dtype=np.uint8)
    opening, comma, closing = (letters == mark for mark in b"[,]")
    blanked = opening.view(np.uint8) * _OPENING_TO_BLANK
    blanked ^= letters
    blanked ^= closing.view(np.uint8) * _CLOSING_TO_BLANK
    before, behind = np.logical_or(opening, comma, out=opening), np.logical_or(closing, comma, out=closing)
    if np.count_nonzero(before[:-1] & behind[1:]):
        raise ValueError("a place without a number")
    if row.label == _NO_LABEL and np.count_nonzero(letters == _POINT) != rows:
        raise ValueError("a regressor's number that is written as an integer")
    return b"[%b]" % blanked.tobytes()


def _pack(values: list[Any], row: _RowShape, packed: bytearray) -> None:
    """Append numbers as rows of 8-byte values; a value of another kind is an error of struct."""
    width = row.width - (row.label == _TEXT)
    for first in range(0, len(values), PACKED_ROWS * width):
        part = values[first : first + PACKED_ROWS * width] if len(values) > PACKED_ROWS * width else values
        packed += _packer(row.label, row.numbers, len(part) // width).pack(*part)


@lru_cache(maxsize=32)
def _packer(label: str, numbers: int, rows: int) -> struct.Struct:
    return struct.Struct("=" + f"{label}{numbers}d" * rows)
