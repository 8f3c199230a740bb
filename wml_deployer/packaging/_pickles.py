"""Read what a model's pickles import, and which libraries wrote them, without loading them; or load the one model.

A pickle is a program for a small stack machine. The standard library's ``pickletools`` takes it apart; here it is
followed as far as names, tuples, dictionaries and states go. Everything else is an unknown value, and nothing is ever
imported or called. joblib writes the bytes of an array right behind the object that describes it; those are skipped.
"""

from __future__ import annotations

import _compat_pickle
import bz2
import gzip
import lzma
import math
import pickletools
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wml_deployer.errors import ModelError, PackagingError
from wml_deployer.frameworks._registry import FRAMEWORKS
from wml_deployer.packaging._archive import require_gzip
from wml_deployer.packaging._files import BROKEN, HEAD, LFS_NEXT_STEP, is_lfs_pointer, is_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["PickleScan", "load_estimator", "open_pickles", "scan_pickle", "scan_pickles"]

_SUFFIXES = (".joblib", ".pickle", ".pkl")

_BROKEN_PICKLE = (AttributeError, TypeError, *BROKEN)


def scan_pickles(source: str | os.PathLike[str]) -> PickleScan:
    """Read what loading a model would import, and the versions of the libraries that saved it.

    Args:
        source: A ``.joblib`` or ``.pkl`` file (compressed by joblib or not), a directory or ``.tar.gz`` with such
            files, or a :class:`~wml_deployer.packaging.Package`.

    Returns:
        What its pickles say; nothing where it has none.

    Raises:
        PackagingError: It cannot be read, or holds something else in place of a pickle.

    Example:
        >>> import collections, pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.pkl")
        ...     _ = path.write_bytes(pickle.dumps(collections.Counter("aab")))
        ...     scan_pickles(path)
        PickleScan(globals={('collections', 'Counter')}, versions={})

    """
    scan = PickleScan()
    try:
        for name, stream in open_pickles(Path(source)):
            _scan(name, stream, scan)
    except PackagingError:  # a ValueError, too
        raise
    except BROKEN as error:
        raise PackagingError(f"{source} cannot be read: {error}", next_step="Save the model again.") from error
    return scan


def open_pickles(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Open every pickle of a model, one after the other.

    Args:
        path: A file, a directory or a ``.tar.gz``.

    Yields:
        How errors name it, and the pickle, open until the next one is asked for.

    Example:
        >>> import pathlib, pickle, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "model.pkl").write_bytes(pickle.dumps("a model"))
        ...     [pickle.load(stream) for _, stream in open_pickles(pathlib.Path(folder))]
        ['a model']

    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in _SUFFIXES:
                yield from open_pickles(file)
    elif path.name.endswith((".tar.gz", ".tgz")):
        require_gzip(path)
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(_SUFFIXES) else None
                if stream:
                    yield f"{member.name} in {path}", stream
    else:
        with path.open("rb") as stream:
            yield str(path), stream


def load_estimator(source: str | os.PathLike[str], versions: Mapping[str, str]) -> Any:
    """Unpickle the model of a file, a directory or an archive. This runs the code that the pickle brings along.

    Args:
        source: A ``.joblib`` or ``.pkl`` file, or a directory or ``.tar.gz`` that holds exactly one.
        versions: Versions of the libraries that pickled it, where the pickle says so.

    Raises:
        ModelError: There is not exactly one, or it cannot be loaded here.

    """
    import joblib  # noqa: PLC0415 - deferred: it imports numpy, and only this needs it

    found = []
    try:
        for name, stream in open_pickles(Path(source)):
            found.append(name)
            estimator = joblib.load(stream)
    except Exception as error:
        saved_by = "".join(f" It was saved by {library} {version}." for library, version in versions.items())
        raise ModelError(
            f"{found[-1] if found else source} cannot be loaded here: {type(error).__name__}: {error}.{saved_by}",
            operation="store",
            next_step="Load it with the packages it was saved with. Or leave unpickle out, and set model_type in "
            "metadata.yaml.",
        ) from error
    if len(found) != 1:
        raise ModelError(
            f"{source} holds {len(found)} pickles: {', '.join(found) or 'none'}. It has to hold one, the model.",
            operation="store",
            next_step="Pass a file, directory or archive with one .joblib or .pkl.",
        )
    return estimator


def _scan(name: str, stream: Any, scan: PickleScan) -> None:
    head = stream.peek(HEAD)[:HEAD]
    compression = next((kind for magic, kind in _COMPRESSIONS.items() if head.startswith(magic)), None)
    try:
        if compression is None:
            scan_pickle(stream, scan)
        else:
            with compression(stream) as plain:
                scan_pickle(plain, scan)
    except _BROKEN_PICKLE as error:
        raise _not_a_pickle(name, head, error) from error


def _not_a_pickle(name: str, head: bytes, error: Exception) -> PackagingError:
    if is_lfs_pointer(head):
        return PackagingError(f"{name} is a Git LFS pointer, not the model itself.", next_step=LFS_NEXT_STEP)
    if not head:
        return PackagingError(f"{name} is empty.", next_step="Save the model again.")
    if is_text(head):
        return PackagingError(f"{name} is a text file, not a pickle.", next_step="Save the model with joblib.dump.")
    return PackagingError(
        f"{name} is not a pickle, or only a part of one: {type(error).__name__}: {error}",
        next_step="Save the model again with joblib.dump.",
    )


def _zlib(stream: IO[bytes]) -> Any:
    from joblib.compressor import BinaryZlibFile  # noqa: PLC0415 - only pickles that joblib compressed need it

    return BinaryZlibFile(stream, "rb")


_COMPRESSIONS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZ": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00": lzma.open,
    b"x": _zlib,
}
"""How the files that joblib compresses begin."""


_CHUNK = 256 * 1024
_MARK = object()
_UNKNOWN = object()

_RENAMED_IN_PYTHON_3 = 3
"""Earlier protocols use the names of Python 2."""


@dataclass
class PickleScan:
    """The findings about pickles that were not loaded.

    Attributes:
        globals: Module and qualified name of the classes and functions that loading them would import.
        versions: Versions of the libraries that pickled them, by the name pip knows, where the pickles say it:
            scikit-learn's estimators and XGBoost's Boosters do.

    """

    globals: set[tuple[str, str]] = field(default_factory=set)
    versions: dict[str, set[str]] = field(default_factory=dict)


def scan_pickle(stream: IO[bytes], scan: PickleScan) -> None:
    """Read one pickle to its end.

    Args:
        stream: An open binary file, at the pickle's first byte.
        scan: What is found is added to it.

    Raises:
        ValueError: It is not a pickle, or not a whole one. (Nonsense can end in other errors of the standard library.)

    """
    machine = _Machine(stream, scan)
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "PROTO":
            machine.protocol = int(argument or 0)
        machine.step(opcode, argument)


@dataclass(frozen=True)
class _Global:
    """A class or function, by its name alone."""

    module: str
    name: str


@dataclass
class _Object:
    """An object that unpickling would create by calling something."""

    made_by: object
    arguments: object
    state: object = None


class _Machine:
    """The stack and the memory that a pickle works with."""

    def __init__(self, stream: IO[bytes], scan: PickleScan) -> None:
        self._stream = stream
        self._scan = scan
        self.protocol = 0
        self._stack: list[Any] = []
        self._memory: dict[int, Any] = {}

    def step(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Follow one instruction; its effect on the stack is known for all, its result for those that matter."""
        match opcode.name:
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self._memory[len(self._memory) if argument is None else argument] = self._stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self._stack.append(self._memory[argument])
            case "MARK":
                self._stack.append(_MARK)
            case "GLOBAL" | "INST" | "STACK_GLOBAL":
                taken = self._take(opcode)
                self._name(*(_module_and_name(argument) if argument else taken))
            case "EMPTY_TUPLE" | "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._take(opcode)))
            case "SETITEM" | "SETITEMS":
                self._fill(*self._take(opcode))
            case "EMPTY_DICT" | "DICT":
                self._fill({}, *self._take(opcode))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                self._stack.append(_Object(*self._take(opcode)[:2]))
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
        if self.protocol < _RENAMED_IN_PYTHON_3:
            # As pickle.Unpickler does: copy_reg is copyreg now, and __builtin__ is builtins.
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        self._scan.globals.add((module, name))
        self._stack.append(_Global(module, name))

    def _fill(self, target: Any, *pairs: Any) -> None:
        if isinstance(target, dict):
            target.update(zip(map(_key, pairs[::2]), pairs[1::2], strict=True))
        self._stack.append(target)

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, _Object):
            target.state = state
            # Protocols 0 and 1 make objects by copyreg._reconstructor, whose first argument is the class.
            made_of = (target.made_by, *_arguments(target))
            if _Global("joblib.numpy_pickle", "NumpyArrayWrapper") in made_of:
                self._skip_array(state)
            self._note_versions(made_of, state)
        self._stack.append(target)

    def _note_versions(self, made_of: tuple[Any, ...], state: Any) -> None:
        """Note the versions of frameworks that an object's state names."""
        if not isinstance(state, dict):
            return
        classes = {f"{part.module}.{part.name}" for part in made_of if isinstance(part, _Global)}
        attributes = {name: _plain(value) for name, value in state.items()}
        for framework in FRAMEWORKS:
            version = framework.saved_version(classes, attributes)
            if version is not None:
                self._scan.versions.setdefault(framework.name, set()).add(version)

    def _skip_array(self, wrapper: dict[str, Any]) -> None:
        """Read what joblib writes behind the description of an array: its bytes, or a pickle of its objects."""
        letters, has_objects = _dtype(wrapper["dtype"])
        if has_objects:
            scan_pickle(self._stream, self._scan)
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


def _module_and_name(joined: str) -> list[str]:
    """Take apart what ``pickletools`` has put together; a blank in one of the two leaves open which it is."""
    parts = joined.split(" ")
    if len(parts) != len(("module", "name")):
        raise ValueError("a name in it has a blank")
    return parts


def _arguments(made: _Object) -> tuple[Any, ...]:
    return made.arguments if isinstance(made.arguments, tuple) else ()


def _plain(value: Any) -> Any:
    """Return the text or bytes in a value: older protocols pickle bytes as a call, of text even."""
    while isinstance(value, _Object):
        value = next(iter(_arguments(value)), None)
        value = value.encode("latin-1", "replace") if isinstance(value, str) else value
    return value


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
