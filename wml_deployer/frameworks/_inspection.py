"""Look at objects without importing the libraries that they come from."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["descends", "distributions_of_modules", "parts", "roots"]

_ATOMS = (str, bytes, int, float, complex, bool, type(None))


def roots(value: object) -> set[str]:
    """Top-level packages that a value's classes come from."""
    return {cls.__module__.partition(".")[0] for cls in type(value).__mro__}


def descends(value: object, module: str, name: str) -> bool:
    """Whether a value's class, or one that it is derived from, has this name in this module."""
    return any(cls.__module__ == module and cls.__name__ == name for cls in type(value).__mro__)


def parts(estimator: object, is_model: Callable[[object], bool]) -> Iterator[object]:
    """Yield the estimator and every estimator inside it, fitted ones and parameters alike.

    Args:
        estimator: Where to begin.
        is_model: Says whether an object is a model of a framework; whatever has ``get_params`` counts, too.

    """
    seen: dict[int, object] = {}  # Keeps what it has seen alive: the id of a dead object is used again.
    waiting = [estimator]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        inside = _items(value)
        if value is estimator or hasattr(value, "get_params") or is_model(value):
            yield value
            inside = getattr(value, "__dict__", {}).values()
        waiting += [child for child in inside if not isinstance(child, _ATOMS)]


def _items(value: Any) -> Iterable[object]:
    """Return the items of a container; gradient boosting keeps its trees in arrays of objects."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if "numpy" in roots(value) and getattr(getattr(value, "dtype", None), "hasobject", False):
        items: list[object] = value.ravel().tolist()
        return items
    return ()


@cache
def distributions_of_modules() -> dict[str, tuple[str, ...]]:
    """Name the distributions that bring each top-level module; reads every package's list of files.

    ``importlib.metadata.packages_distributions`` knows on Python 3.10 only those that say so in ``top_level.txt``,
    which most build backends do not write any more.

    Returns:
        Module -> names of distributions, in the order in which they are found.

    """
    found: dict[str, dict[str, None]] = {}
    for distribution in metadata.distributions():
        for module in _modules(distribution):
            found.setdefault(module, {})[distribution.metadata["Name"]] = None
    return {module: tuple(names) for module, names in found.items()}


def _modules(distribution: metadata.Distribution) -> set[str]:
    said = (distribution.read_text("top_level.txt") or "").split()
    paths = (PurePosixPath(file) for file in distribution.files or ())
    return set(said) or {path.parts[0].removesuffix(".py") for path in paths if path.suffix == ".py"}
