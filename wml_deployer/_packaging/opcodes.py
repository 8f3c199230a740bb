"""Follow a pickle's instructions without carrying them out.

A pickle is a program for a small stack machine. The standard library's ``pickletools`` takes it apart; here it is
followed as far as names, tuples and dictionaries go, everything else is an unknown value, and nothing is ever imported
or called. joblib writes the bytes of an array right behind the object that describes it; those are stepped over.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["follow"]

_CHUNK = 256 * 1024
_MARK = object()
_UNKNOWN = object()


def follow(stream: IO[bytes], found: set[tuple[str, str]]) -> None:
    """Read one pickle to its end and note what it would import.

    Args:
        stream: An open binary file that stands at the pickle's first byte.
        found: Pairs of module and name are added to it.

    Raises:
        ValueError: It is no pickle, or not a whole one. (Nonsense can end in other errors of the standard library.)

    """
    machine = _Machine(stream, found)
    for opcode, argument, _ in pickletools.genops(stream):
        machine.step(opcode, argument)


@dataclass(frozen=True)
class _Global:
    """A class or function, by its name alone."""

    module: str
    name: str


@dataclass
class _Object:
    """What calling something would have made."""

    made_by: object
    arguments: object
    state: object = None


class _Machine:
    """The stack and the memory of a pickle that is followed."""

    def __init__(self, stream: IO[bytes], found: set[tuple[str, str]]) -> None:
        self._stream = stream
        self._found = found
        self._stack: list[Any] = []
        self._memory: dict[int, Any] = {}

    def step(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Follow one instruction; its effect on the stack is known for all, its result for those that matter."""
        match opcode.name:
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self._memory[len(self._memory) if argument is None else argument] = self._stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self._stack.append(self._memory[argument])
            case "MARK" | "EMPTY_DICT":
                self._stack.append(_MARK if opcode.name == "MARK" else {})
            case "GLOBAL" | "INST":
                self._take(opcode)
                self._name(*argument.split(" ", 1))
            case "STACK_GLOBAL":
                self._name(*self._take(opcode))
            case "EMPTY_TUPLE" | "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._take(opcode)))
            case "SETITEM" | "SETITEMS":
                self._fill(*self._take(opcode))
            case "REDUCE" | "NEWOBJ":
                self._stack.append(_Object(*self._take(opcode)))
            case "BUILD":
                self._build(*self._take(opcode))
            case _:
                taken = self._take(opcode)
                known = argument is not None and not taken and not opcode.stack_before
                self._stack += [argument if known else _UNKNOWN] * len(opcode.stack_after)

    def _take(self, opcode: pickletools.OpcodeInfo) -> list[Any]:
        """Take what an instruction uses up off the stack; of what lies above a mark it may be any number."""
        above: list[Any] = []
        below = len(opcode.stack_before)
        if pickletools.markobject in opcode.stack_before:
            below = opcode.stack_before.index(pickletools.markobject)
            while (value := self._stack.pop()) is not _MARK:
                above.append(value)
        return [self._stack.pop() for _ in range(below)][::-1] + above[::-1]

    def _name(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a name in it is made up as it is loaded")  # noqa: TRY004 - the pickle's fault
        self._found.add((module, name))
        self._stack.append(_Global(module, name))

    def _fill(self, target: Any, *pairs: Any) -> None:
        if isinstance(target, dict):
            target.update(zip(map(_key, pairs[::2]), pairs[1::2], strict=True))
        self._stack.append(target)

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, _Object):
            target.state = state
            if target.made_by == _Global("joblib.numpy_pickle", "NumpyArrayWrapper"):
                self._step_over_array(state)
        self._stack.append(target)

    def _step_over_array(self, wrapper: dict[str, Any]) -> None:
        """Read what joblib writes behind the description of an array: its bytes, or a pickle of its objects."""
        letters, has_objects = _dtype(wrapper["dtype"])
        if has_objects:
            follow(self._stream, self._found)
            return
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self._skip(self._skip(1)[0])
        self._skip(math.prod(wrapper["shape"]) * _bytes_of(letters))

    def _skip(self, size: int) -> bytes:
        """Read on without keeping more than a chunk; returns the last one."""
        chunk = b""
        while size > 0:
            chunk = self._stream.read(min(_CHUNK, size))
            if not chunk:
                raise ValueError("it ends inside an array")
            size -= len(chunk)
        return chunk


def _key(key: Any) -> Any:
    """A key that can be looked up: objects that are only described cannot."""
    return key if isinstance(key, str | int) else id(key)


def _dtype(described: _Object) -> tuple[str, bool]:
    """A dtype's letters (``"f8"``) and whether its values are Python objects, which is the lowest of its flags."""
    arguments, state = described.arguments, described.state
    if not (isinstance(arguments, tuple) and isinstance(state, tuple) and isinstance(arguments[0], str)):
        raise ValueError("an array in it is of an unknown type")  # noqa: TRY004 - the pickle's fault
    return arguments[0], bool(state[7] & 1)


def _bytes_of(letters: str) -> int:
    """Bytes of one value: the letters count characters in strings, of four bytes each, and bytes in all else."""
    return int(letters[1:]) * (4 if letters[0] == "U" else 1)
