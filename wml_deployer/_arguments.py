"""A misspelt keyword argument is answered with the one that was meant, on every Python."""

from __future__ import annotations

from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, iscoroutinefunction, isfunction, signature
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["suggest_arguments"]

Owner = TypeVar("Owner")


def suggest_arguments(owner: type[Owner]) -> type[Owner]:
    """Let every public method of a class say what was meant by a keyword argument that it does not know.

    Python does so from 3.13 on, and names the candidate alone.

    Example:
        >>> @suggest_arguments
        ... class Project:
        ...     def deploy(self, *, sample=None, version=None): ...
        >>> Project().deploy(smaple=[1])
        Traceback (most recent call last):
        TypeError: deploy() has no argument 'smaple': did you mean 'sample'? It takes sample, version.

    """
    for name, method in list(vars(owner).items()):
        if isfunction(method) and not name.startswith("_") and not iscoroutinefunction(method):
            kinds = {parameter.kind for parameter in signature(method).parameters.values()}
            if Parameter.KEYWORD_ONLY in kinds and Parameter.VAR_KEYWORD not in kinds:
                setattr(owner, name, _suggesting(method))
    return owner


def _suggesting(method: Callable[..., Any]) -> Callable[..., Any]:
    _, *names = signature(method).parameters
    known = frozenset(names)

    @wraps(method)
    def called(*args: Any, **options: Any) -> Any:
        if not known.issuperset(options):
            raise TypeError(_said(method.__name__, next(name for name in options if name not in known), names))
        return method(*args, **options)

    return called


def _said(verb: str, given: str, names: list[str]) -> str:
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    meant = f": did you mean {near[0]!r}?" if near else "."
    return f"{verb}() has no argument {given!r}{meant} It takes {', '.join(names)}."
