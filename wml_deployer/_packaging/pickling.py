"""Pickle an estimator as joblib does, but so that equal estimators give equal bytes.

What differs between joblib's pickles of an estimator and of the same estimator after a reload is not the model: which
equal strings and dtypes are one object, the order of sets of strings, the uninitialised bytes between the fields of
structured arrays (the nodes of trees), and defaults that loading fills in. All of that is settled here; ``joblib.load``
reads the result as any other file.
"""

from __future__ import annotations

import io
from typing import IO, Any

from joblib.numpy_pickle import NumpyPickler

from wml_deployer.errors import PackagingError

__all__ = ["dump"]

_PROTOCOL = 4
"""Read by every runtime of the service, and the same on every Python that packs."""

_PLAIN_DTYPES = frozenset("biufcmMOSU")
"""Kinds of dtypes that their string describes wholly."""


def dump(estimator: object, target: IO[bytes]) -> None:
    """Write an estimator in joblib's format.

    Args:
        estimator: A fitted estimator; it is not changed.
        target: Binary file to write to.

    Raises:
        PackagingError: A part of the estimator cannot be pickled; the message names the attribute.

    Example:
        >>> import io, joblib
        >>> from sklearn.dummy import DummyRegressor
        >>> target = io.BytesIO()
        >>> dump(DummyRegressor().fit([[1.0], [2.0]], [3.0, 5.0]), target)
        >>> joblib.load(io.BytesIO(target.getvalue())).predict([[9.0]]).tolist()
        [4.0]

    """
    try:
        _CanonicalPickler(target).dump(estimator)
    except OSError:
        raise
    except Exception as error:
        where, culprit = _culprit(estimator)
        raise PackagingError(
            f"{type(estimator).__name__} cannot be pickled: {where or 'it'} is {_describe(culprit)} ({error})",
            next_step="put functions at the top level of an importable module, and leave open files, locks and "
            "connections out of the model",
        ) from error


class _CanonicalPickler(NumpyPickler):  # type: ignore[misc]  # joblib is untyped
    """joblib's pickler, made independent of the process that pickles."""

    dispatch = NumpyPickler.dispatch.copy()

    def __init__(self, target: IO[bytes]) -> None:
        super().__init__(target, protocol=_PROTOCOL)
        self._known: dict[Any, Any] = {}

    def save(self, obj: Any) -> Any:
        """Save one object; equal strings and dtypes are saved once, whichever objects carry them."""
        if type(obj) is str:
            obj = self._known.setdefault(obj, obj)
        elif isinstance(obj, self.np.dtype) and obj.kind in _PLAIN_DTYPES and obj.metadata is None:
            obj = self._known.setdefault((obj.str,), obj)
        elif type(obj) is self.np.ndarray and obj.dtype.names:
            obj = self._without_padding(obj)
        return super().save(obj)

    def reducer_override(self, obj: Any) -> Any:
        """Give an object the state that loading gives it, where that is another one than it has."""
        if isinstance(obj, self.np.ma.MaskedArray) and obj._fill_value is None:  # noqa: SLF001 - reading fill_value would set it
            filled = obj.view()
            filled.set_fill_value(self.np.ma.default_fill_value(obj))  # as loading does
            return filled.__reduce__()
        if type(obj).__module__ == "sklearn.utils._bunch":
            return type(obj), (), None, None, iter(obj.items())  # loading ignores all but the items
        return NotImplemented

    def _save_set(self, obj: Any) -> None:
        """Save a set of strings in order: the order of its hashes is another one in each process."""
        if all(type(item) is str for item in obj):
            self.save_reduce(type(obj), (sorted(obj),), obj=obj)
        else:
            NumpyPickler.dispatch[type(obj)](self, obj)

    dispatch[set] = _save_set
    dispatch[frozenset] = _save_set

    def _without_padding(self, array: Any) -> Any:
        """Zero the bytes that belong to no field: they are left-over memory of this process."""
        unused = self.np.ones(array.dtype.itemsize, dtype=bool)
        for dtype, offset, *_ in array.dtype.fields.values():
            unused[offset : offset + dtype.itemsize] = False
        if array.dtype.hasobject or not unused.any() or not array.size:
            return array
        # Copied as bytes: field by field, numpy takes twice as long.
        rows = self.np.ascontiguousarray(array).reshape(-1)
        clean = rows.view(self.np.uint8).reshape(-1, array.dtype.itemsize).copy()
        clean[:, unused] = 0
        return clean.view(array.dtype).reshape(array.shape)


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return len(data)

    def tell(self) -> int:
        return 0


def _culprit(value: object) -> tuple[str, object]:
    """Follow what cannot be pickled down to the smallest part: its path, and the part."""
    path, seen = "", {id(value)}
    while True:
        for step, child in _children(value):
            if id(child) not in seen and not _can_be_pickled(child):
                path, value = path + step, child
                seen.add(id(child))
                break
        else:
            return path.lstrip("."), value


def _children(value: object) -> list[tuple[str, object]]:
    """The parts of a container or object, each with how to reach it."""
    if isinstance(value, dict):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"[{position}]", item) for position, item in enumerate(value)]
    return [(f".{name}", item) for name, item in getattr(value, "__dict__", {}).items()]


def _can_be_pickled(value: object) -> bool:
    try:
        _CanonicalPickler(_Nowhere()).dump(value)  # type: ignore[arg-type]  # RawIOBase is no IO[bytes] to mypy
    except Exception:  # noqa: BLE001 - any error means no
        return False
    return True


def _describe(value: object) -> str:
    """Name a value by what it is; its content may be secret."""
    name = getattr(value, "__qualname__", None)
    return f"{type(value).__name__} {name}" if isinstance(name, str) else f"a {type(value).__name__}"
