"""Read single fields of protocol buffers: ONNX graphs and TensorFlow's SavedModels are such messages.

Only who has made a model needs the library that writes it, and loading gigabytes of weights to learn the names of three
inputs would take seconds and twice the memory. A message is a sequence of numbered fields, each with its length, so
that those that are not asked for are skipped::

    08 0a        field 1, varint:   10                  ir_version of an ONNX model
    3a 92 03 ..  field 7, 402 bytes                     its graph, a message again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Message", "text_of", "texts_of"]

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_LONGEST = 10
"""Bytes of the longest varint."""


class Message:
    r"""A message, or a part of one, whose fields are read in their order.

    Args:
        content: Its bytes; nothing is copied.

    Example:
        >>> graph = Message(memoryview(bytes.fromhex("080a3a021203")))
        >>> [(number, value if isinstance(value, int) else bytes(value)) for number, value in graph]
        [(1, 10), (7, b'\x12\x03')]

    """

    def __init__(self, content: memoryview | bytes) -> None:
        """Read nothing yet."""
        self._content = memoryview(content)

    def __iter__(self) -> Iterator[tuple[int, int | memoryview]]:
        """Yield number and value of each field: an integer, or bytes.

        Raises:
            ValueError: This is not a message, or it is damaged.

        """
        content, place = self._content, 0
        while place < len(content):
            key, place = _varint(content, place)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, place = _varint(content, place)
                yield number, value
                continue
            if kind == _BYTES:
                size, place = _varint(content, place)
            elif kind in {_FIXED_32, _FIXED_64}:
                size = 4 if kind == _FIXED_32 else 8
            else:
                raise ValueError(f"a field is of the unknown kind {kind}")
            if not number or place + size > len(content):
                raise ValueError("it is cut off or damaged")
            yield number, content[place : place + size]
            place += size

    def messages(self, number: int) -> Iterator[Message]:
        """Yield the fields of one number, which are messages themselves."""
        return (Message(value) for found, value in self if found == number and not isinstance(value, int))

    def message(self, number: int) -> Message:
        """Return the first field of one number; an empty message where there is none."""
        return next(self.messages(number), Message(b""))

    def integer(self, number: int) -> int:
        """Return the first integer of one number; 0 where there is none, as the format has it."""
        return next((value for found, value in self if found == number and isinstance(value, int)), 0)


def text_of(message: Message, number: int) -> str:
    """Return the first text of one number; empty where there is none."""
    return next(texts_of(message, number), "")


def texts_of(message: Message, number: int) -> Iterator[str]:
    """Yield the texts of one number."""
    return (str(value, "utf-8") for found, value in message if found == number and not isinstance(value, int))


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    """Read an integer of seven bits a byte, the last ones first; return it, and where the next field begins."""
    value = 0
    for count in range(_LONGEST):
        if place + count >= len(content):
            break
        byte = content[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, place + count + 1
    raise ValueError("it is cut off or damaged")
