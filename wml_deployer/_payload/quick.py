"""The usual answers, [[label, [probabilities]], ...] and [[number], ...], straight from their bytes.

A parser that makes a list for every row spends most of its time on the lists: making them, and having the garbage
collector walk them. Here the brackets are blanked, and all numbers parsed as one flat list. That their places are
what they seem is proven first: what is left when the characters of numbers are taken away has to be the same for
every row. Whatever is not exactly so is left to the parser that can say what is wrong.
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
# The characters of numbers, and of null, which takes the place of text labels.
_TOKENS = b"0123456789+-.eEnul"
_COMMA, _OPENING, _CLOSING = b",[]"
_TEXTS = re.compile(rb'"[^"]*"')
_BLANKED = bytes.maketrans(b"[]", b"  ")
# Small enough for the processor's cache, and for memory that the allocator keeps at hand.
_PIECE_BYTES = 1 << 16
_PACKED_ROWS = 256
# How struct packs a label: as a double, as a 64-bit integer, or leaving eight bytes for what is kept elsewhere.
_FLOAT, _INTEGER, _TEXT, _NO_LABEL = "d", "q", "8x", ""


class _Row(NamedTuple):
    """What every row of an answer looks like."""

    skeleton: bytes
    tokens: bytes
    label: str
    numbers: int

    @property
    def places(self) -> int:
        """Values in a row."""
        return self.numbers + (self.label != _NO_LABEL)


# With its point kept, each number of a regressor shows that it is a float.
_NUMBER = _Row(b"[.]", _TOKENS.replace(b".", b""), _NO_LABEL, 1)


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
    """The pattern of the first row, if what lies between start and stop are the values of a usual answer."""
    fields = _fields_around(body, start, stop)
    if fields == ["prediction"]:
        return _NUMBER
    if fields != ["prediction", "probability"]:
        return None
    first = body[start : body.find(b"]]", start) + 2]
    label = _TEXT if b'"' in first else _FLOAT if b"." in first[: first.find(b",")] else _INTEGER
    skeleton = _TEXTS.sub(b"", first).translate(None, _TOKENS)
    count = skeleton.count(b",")
    return _Row(skeleton, _TOKENS, label, count) if skeleton == b"[,[" + b"," * (count - 1) + b"]]" else None


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
    closing = row.skeleton[-2:] if row.label else b"]"
    while (cut := body.find(closing + b",[", start + _PIECE_BYTES, stop)) >= 0:
        comma = cut + len(closing)
        yield body[start:comma]
        start = comma + 1
    yield body[start:stop]


def _read(pieces: Iterator[bytes], row: _Row) -> tuple[bytearray, list[str]] | None:
    """All rows packed, and their text labels; None where one of them is not like the first."""
    packed, texts = bytearray(), []
    try:
        for piece in pieces:
            found, numbers = _without_texts(piece) if row.label == _TEXT else ([], piece)
            rows = _row_count(numbers.translate(None, row.tokens), row.skeleton)
            flat = orjson.loads(b"[" + numbers.translate(_BLANKED) + b"]")
            if not rows or (found and len(found) != rows) or not (_is_tight(numbers) and _without_labels(flat, row)):
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
    return [known[piece] for piece in found], b"null".join(pieces[::2])


def _row_count(skeleton: bytes, row: bytes) -> int:
    """How many rows there are, if every one looks like this; otherwise 0."""
    count, rest = divmod(len(skeleton) + 1, len(row) + 1)
    return count if not rest and skeleton + b"," == (row + b",") * count else 0


def _is_tight(text: bytes) -> bool:
    """Whether no number stands on the wrong side of its bracket, which would be no JSON, though all places fit."""
    codes = np.frombuffer(text, np.uint8)
    commas = codes == _COMMA
    return not ((commas[1:] & (codes[:-1] == _OPENING)).any() or (commas[:-1] & (codes[1:] == _CLOSING)).any())


def _without_labels(flat: list[Any], row: _Row) -> bool:
    """Drop the nulls of text labels; whether the labels are what those of the first row are."""
    if row.label == _TEXT:
        labels = flat[:: row.places]
        del flat[:: row.places]
        return labels.count(None) == len(labels)
    return row.label != _FLOAT or set(map(type, flat[:: row.places])) == {float}


def _pack(flat: list[Any], row: _Row, packed: bytearray) -> None:
    """Append the numbers as rows of 8-byte values; a number of another kind is struct's error."""
    width = row.places - (row.label == _TEXT)
    for first in range(0, len(flat), _PACKED_ROWS * width):
        part = flat[first : first + _PACKED_ROWS * width]
        packed += _packer(row.label, row.numbers, len(part) // width).pack(*part)


@lru_cache(maxsize=64)
def _packer(label: str, numbers: int, rows: int) -> struct.Struct:
    return struct.Struct("=" + f"{label}{numbers}d" * rows)
