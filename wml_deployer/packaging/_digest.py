"""Digest a fitted estimator by its content: one model, one digest.

Two files of one model rarely hold the same bytes. Protocols and compression differ, a pickle records which equal
strings are one object, neighbour models count their calls, and memory left over between the fields of an array is
written along. The digest is therefore taken of the object. It is taken apart as pickle does (``__reduce_ex__``: what to
call, with which arguments, which state to set), and its parts are hashed by value, leaves first, as in a Merkle tree::

    LogisticRegression()      sha256("object", "sklearn...LogisticRegression", its state:)
    ├── C         1.0             1.0
    ├── classes_  ["no", "yes"]   sha256("array", "|O", (2,), 'no', 'yes')
    └── coef_     [[0.3, -2.0]]   sha256("array", "<f8", (1, 2), 16 bytes)

Nothing but values counts: whether two equal parts are one object, the order of attributes and of sets, byte order,
memory layout, memory maps and padding of arrays do not. What changes with use and not with training is left out by the
rules below, and by those of each framework. Everything else counts, each number to its last bit.
"""

from __future__ import annotations

import copyreg
import hashlib
import pickle
import sys
from operator import attrgetter
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import PackagingError
from wml_deployer.frameworks._registry import FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["digest"]

_VOLATILE_ATTRIBUTES = frozenset(
    {
        "_cache",  # pandas keeps what it has computed once
        "_readonly",  # pandas 3 notes how an array may be written to
        "_has_canonical_format",  # scipy.sparse notes what it found out about a matrix,
        "_has_sorted_indices",  # when it is first asked
    }
)
"""Attributes that say nothing of what a model answers, beside those that the frameworks name."""

_BLOCK = 1 << 20
"""Bytes of an array that are copied at once, where they have to be."""

_BATCH = 4096
"""Items of a list that are written at once."""

_PLAIN = frozenset({bool, complex, float, int, str, type(None)})
"""Types whose ``ascii()`` says everything: floats round-trip, text is quoted, and no result holds a line break."""

_PROTOCOL = 4


def digest(estimator: object, *, by_value: Collection[str] | None = None) -> str:
    """Digest an estimator by its content.

    Args:
        estimator: Anything that can be pickled; it is not changed.
        by_value: Modules whose classes and functions are digested by their code, as cloudpickle takes them along; so
            are those that cannot be imported. Without it there must be none.

    Returns:
        A SHA-256, 64 hexadecimal digits.

    Raises:
        PackagingError: A part of it cannot be pickled; the message names the attribute, and what its own code raised is
            the cause.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> model = DummyRegressor().fit([[1.0], [2.0]], [3.0, 5.0])
        >>> digest(model) == digest(pickle.loads(pickle.dumps(model, protocol=2)))
        True

    """
    walk = _Walk(by_value=by_value)
    try:
        return walk.node(estimator)
    except Exception as error:
        raise PackagingError(
            f"{type(estimator).__name__} cannot be pickled: {walk.where or 'it'} is {_describe(walk.current)}. "
            f"{type(error).__name__}: {error}",
            next_step="Put functions at the top level of an importable module, and keep open files, locks and "
            "connections out of the model.",
        ) from error


class _Walk:
    """One walk over an object graph.

    Args:
        by_value: Modules whose classes and functions are digested by their code, if any may be.

    Attributes:
        current: The object that the walk is at, which is the culprit when something is raised.

    """

    def __init__(self, *, by_value: Collection[str] | None) -> None:
        import numpy as np  # noqa: PLC0415 - deferred: only estimators need it

        self.current: object = None
        self._by_value = by_value
        self._np = np
        self._rules = dict(_RULES)
        self._volatile = set(_VOLATILE_ATTRIBUTES)
        for framework in FRAMEWORKS:
            self._rules |= framework.reducers
            self._volatile |= framework.volatile_attributes
        self._path: list[str] = []
        self._known: dict[int, tuple[object, str]] = {}  # with the object, since the id of a dead one is used again
        self._open: dict[int, int] = {}

    @property
    def where(self) -> str:
        """Path of the current object, as in ``steps[0][1].func``."""
        return "".join(self._path).lstrip(".")

    def node(self, value: Any) -> str:
        """Digest anything that is not plain."""
        self.current = value
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        if id(value) in self._open:
            return f"cycle {len(self._open) - self._open[id(value)]}"
        self._open[id(value)] = len(self._open)
        hashed = hashlib.sha256()
        keep = self._write(hashed.update, value)
        del self._open[id(value)]
        found = hashed.hexdigest()
        if keep:
            self._known[id(value)] = (value, found)
        return found

    def _write(self, write: Callable[[Any], None], value: Any) -> bool:
        """Write one object's parts; returns whether its digest is worth keeping, and the object with it."""
        kind = type(value)
        if isinstance(value, self._np.ndarray) and self._is_plain_array(kind):
            self._array(write, value)
        elif isinstance(value, self._np.generic):
            self._array(write, self._np.asarray(value), "scalar")
        elif kind in {bytes, bytearray}:
            write(b"%s %d\n" % (kind.__name__.encode(), len(value)))
            write(value)
        elif isinstance(value, type | FunctionType) and self._goes_along(value):
            _line(write, "code", value.__qualname__)
            self._all(write, _code_of(value))
        elif isinstance(value, type | FunctionType):
            pickle.dumps(value, _PROTOCOL)  # raises where it cannot be imported by its name
            _line(write, "global", value.__module__, value.__qualname__)
        else:
            self._composite(write, kind, value)
            return True
        return False

    def _goes_along(self, value: Any) -> bool:
        """Whether cloudpickle takes the code of a class or function along."""
        return self._by_value is not None and (value.__module__ in self._by_value or not _is_imported(value))

    def _composite(self, write: Callable[[Any], None], kind: type, value: Any) -> None:
        if kind in {list, tuple}:
            _line(write, kind.__name__, len(value))
            self._all(write, value)
        elif kind is dict:
            _line(write, "dict", len(value))
            self._mapping(write, value)
        elif kind in {set, frozenset}:
            _line(write, kind.__name__, len(value))
            write("".join(sorted(map(self._text, value))).encode())
        else:
            self._object(write, value)

    def _all(self, write: Callable[[Any], None], values: Sequence[Any], step: str = "[{}]") -> None:
        """Write values in their order."""
        for start in range(0, len(values), _BATCH):
            batch = values[start : start + _BATCH]
            kinds = set(map(type, batch))
            if kinds <= _PLAIN:
                write("".join(map(_plain, batch)).encode())
            elif len(kinds) == 1 and isinstance(batch[0], self._np.number):
                self._array(write, self._np.array(batch), "scalars")
            else:
                for position, value in enumerate(batch, start):
                    write(self._text(value, step.format(position)).encode())

    def _mapping(self, write: Callable[[Any], None], mapping: dict[Any, Any], step: str = "[{!r}]") -> None:
        self._all(write, [*mapping])
        values = [*mapping.values()]
        if _PLAIN.issuperset(map(type, values)):
            self._all(write, values)
        else:
            for key, value in mapping.items():
                write(self._text(value, step.format(key)).encode())

    def _text(self, value: Any, step: str = "") -> str:
        """One line that says what a value is: itself where it is plain, else its digest."""
        if type(value) in _PLAIN:
            return _plain(value)
        self._path.append(step)
        found = self.node(value)
        self._path.pop()  # not reached when something is raised: the path then leads to the culprit
        return f"@{found}\n"

    def _object(self, write: Callable[[Any], None], value: Any) -> None:
        """Write an object as pickle takes it apart."""
        names = map(_name, type(value).__mro__)
        rule = next((self._rules[name] for name in names if name in self._rules), _reduced)
        reduced = rule(value)
        if isinstance(reduced, str):
            _line(write, "global", str(getattr(value, "__module__", None)), reduced)
            return
        function, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
        _line(write, "object", len(arguments))
        self._all(write, (function, *arguments), "")
        self._state(write, state)
        for name, content in (("items", [*(items or ())]), ("pairs", [each for pair in pairs or () for each in pair])):
            _line(write, name, len(content))
            self._all(write, content, "")

    def _state(self, write: Callable[[Any], None], state: Any) -> None:
        """Write what an object's state is set to: its attributes in the order of their names."""
        if type(state) is dict:
            kept = {name: value for name, value in state.items() if name not in self._volatile}
            if all(type(name) is str for name in kept):
                kept = dict(sorted(kept.items(), key=lambda item: item[0]))
            _line(write, "state", len(kept))
            self._mapping(write, kept, ".{}")
        elif type(state) is tuple:
            # Attributes and slots, or whatever a class of its own makes of it.
            _line(write, "states", len(state))
            for part in state:
                self._state(write, part)
        else:
            write(self._text(state).encode())

    def _is_plain_array(self, kind: type) -> bool:
        """Whether an array is described by its values: subclasses of users' own may carry more."""
        return kind.__module__.partition(".")[0] == "numpy"

    def _array(self, write: Callable[[Any], None], array: Any, tag: str = "array") -> None:
        np = self._np
        if isinstance(array, np.ma.MaskedArray):
            # What stands under a mask is left-over memory; the default fill value is set when it is first asked for.
            mask, fill = np.ma.getmaskarray(array), array._fill_value  # noqa: SLF001 - fill_value would set it
            values = np.ma.getdata(array) if array.dtype.names else array.compressed()
            _line(write, "masked", array.shape)
            fill = np.ma.default_fill_value(array) if fill is None else fill
            self._all(write, [mask, values, np.asarray(fill).item()])
            return
        if not isinstance(array, np.memmap) and type(array) is not np.ndarray:
            tag = type(array).__name__
        _line(write, tag, _describe_dtype(array.dtype), array.shape)
        for block in _blocks(np.asarray(array)):
            self._values(write, block)

    def _values(self, write: Callable[[Any], None], values: Any) -> None:
        """Write a block of values, field by field, which leaves out what is between the fields."""
        dtype = values.dtype
        if dtype.names:
            for name in dtype.names:
                self._values(write, values[name].reshape(-1))
        elif dtype.hasobject:
            self._all(write, values.tolist())
        elif dtype.itemsize:
            content = self._np.ascontiguousarray(values, dtype.newbyteorder("<")).view(self._np.uint8)
            if dtype.char in "gG" and self._np.finfo(dtype).nmant == _EXTENDED:
                content = content.reshape(-1, 16)[:, :10].copy()  # the other six are padding
            write(content)


_EXTENDED = 63
"""Bits of the mantissa of x86's long doubles, which take 10 of their 16 bytes."""


def _plain(value: Any) -> str:
    try:
        return ascii(value) + "\n"
    except ValueError:  # an integer of more digits than Python likes to write
        return hex(value) + "\n"


def _line(write: Callable[[Any], None], *parts: object) -> None:
    """Write what kind of thing follows, and how much of it."""
    write(ascii(parts).encode() + b"\n")


def _blocks(array: Any) -> Iterator[Any]:
    """Cut an array along its first axis, so that only a part has to be copied where it is not contiguous."""
    if array.ndim == 0 or not array.size:
        yield array.reshape(-1)
        return
    rows = max(1, _BLOCK // (array[:1].nbytes or 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows].reshape(-1)


def _describe_dtype(dtype: Any) -> Any:
    """Describe a dtype, without the byte order and the memory layout of its fields."""
    if dtype.names:
        return [(name, _describe_dtype(dtype.fields[name][0])) for name in dtype.names]
    if dtype.subdtype:
        return _describe_dtype(dtype.base), dtype.shape
    return dtype.newbyteorder("<").str


def _is_imported(value: Any) -> bool:
    """Whether another process finds a class or function by its name."""
    if value.__module__ in {"__main__", "__mp_main__"}:
        return False
    try:
        return attrgetter(value.__qualname__)(sys.modules[value.__module__]) is value
    except (KeyError, AttributeError):
        return False


def _code_of(value: Any) -> list[Any]:
    """List what a class or function consists of: bytecode, constants, and what it refers to in its module."""
    if isinstance(value, type):
        own = {name: member for name, member in vars(value).items() if name not in _OF_EVERY_CLASS}
        return [list(value.__bases__), *own, *(_member(member) for member in own.values())]
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    code = value.__code__
    named = [value.__globals__[name] for name in _names(code) if name in value.__globals__]
    return [_instructions(code), value.__defaults__, value.__kwdefaults__, cells, *map(_member, named)]


def _names(code: CodeType) -> list[str]:
    """List the names that code refers to, that of its inner functions included."""
    nested = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [*code.co_names, *(name for each in nested for name in _names(each))]


def _instructions(code: CodeType) -> list[Any]:
    nested = [_instructions(constant) if isinstance(constant, CodeType) else constant for constant in code.co_consts]
    return [code.co_code, nested, code.co_names, code.co_varnames, code.co_freevars]


def _member(value: Any) -> Any:
    """Return what counts of a member of a class, or of a name in a module."""
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    return value.__func__ if isinstance(value, classmethod | staticmethod) else value


_OF_EVERY_CLASS = frozenset({"__dict__", "__doc__", "__module__", "__weakref__", "_abc_impl", "__firstlineno__"})


def _reduced(value: Any) -> Any:
    """Take an object apart as pickle does."""
    reduce = copyreg.dispatch_table.get(type(value))
    return reduce(value) if reduce else value.__reduce_ex__(_PROTOCOL)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _class_alone(value: Any) -> Any:
    """A random generator by its class: every draw, anybody's, moves it."""
    return type(value), ()


def _arrow(values: Any) -> Any:
    """Arrow's arrays by their values: what lies in their buffers beside them is left-over memory."""
    return type(values), (str(values.type), values.to_pylist())


def _pandas_array(values: Any) -> Any:
    """Take pandas' arrays by their values: they also note how they may be written to."""
    return type(values), (values.dtype, values._ndarray)  # noqa: SLF001 - what it pickles


def _frame(frame: Any) -> Any:
    """A DataFrame by its columns: how it groups them into blocks changes when it is read."""
    columns = [frame.iloc[:, position].array for position in range(frame.shape[1])]
    return type(frame), (frame.columns, frame.index, columns, frame.attrs)


_RULES: dict[str, Callable[[Any], Any]] = {
    "numpy.random._generator.Generator": _class_alone,
    "numpy.random.bit_generator.BitGenerator": _class_alone,
    "numpy.random.mtrand.RandomState": _class_alone,
    "pandas._libs.arrays.NDArrayBacked": _pandas_array,
    "pandas.DataFrame": _frame,  # pandas 3
    "pandas.core.frame.DataFrame": _frame,
    "pyarrow.lib.Array": _arrow,
    "pyarrow.lib.ChunkedArray": _arrow,
    "random.Random": _class_alone,
}
"""By class, what of its objects counts, where a pickle holds more; beside the classes that the frameworks name."""


def _describe(value: object) -> str:
    """Name a value by what it is; its content may be secret."""
    name = getattr(value, "__qualname__", None)
    return f"{type(value).__name__} {name}" if isinstance(name, str) else f"a {type(value).__name__}"
