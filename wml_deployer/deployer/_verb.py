"""Check the arguments of each verb, keep its deadline, and name it in its errors."""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from wml_deployer._transport.deadline import cleanup_deadline, deadline
from wml_deployer.errors import ConfigurationError, Fault, WMLDeployerError
from wml_deployer.metadata import name_fault, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer.metadata import Metadata

__all__ = ["LONGEST_SECONDS", "check_arguments", "verb"]

LONGEST_SECONDS = 31_536_000.0
"""The longest time for a call, a year."""


class _HasMetadata(Protocol):
    @property
    def metadata(self) -> Metadata:
        """The project as metadata.yaml says now."""


Method = TypeVar("Method", bound="Callable[..., Any]")

_names: set[str] = set()


def verb(method: Method) -> Method:
    """Make a verb of a method.

    Before the method runs, its arguments are checked, all at once. It gets ``timeout`` seconds, if it has such an
    argument. Errors are told under its name, also those of the steps that it takes; and Ctrl-C says what serves.
    """
    name = method.__name__
    signature = inspect.signature(method)
    _names.add(name)

    @wraps(method)
    def call(self: _HasMetadata, *args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError:
            return method(self, *args, **kwargs)  # Python's own words name the method
        given.apply_defaults()
        with _named(self, name):
            check_arguments(name, given.arguments)
            with deadline(given.arguments.get("timeout")):
                return method(self, *args, **kwargs)

    return cast("Method", call)


def check_arguments(name: str, arguments: dict[str, Any]) -> None:
    """Refuse arguments that no call can use, before anything is done.

    Args:
        name: The verb.
        arguments: Its arguments by name.

    Raises:
        ConfigurationError: Its ``faults`` name every argument that cannot be used.

    Example:
        >>> check_arguments("deploy", {"timeout": "5", "version": 2})
        Traceback (most recent call last):
        wml_deployer.errors.ConfigurationError: deploy: 2 arguments cannot be used; nothing was done.
          - timeout: it is '5' (a number of seconds above 0)
          - version: it is 2 (text, such as '2')
        Next: Correct the arguments.

    """
    faults = tuple(
        Fault(argument, f"it is {_shortened(value)}", expected)
        for argument, value in arguments.items()
        if (check := _EXPECTED.get(f"{name}.{argument}", _EXPECTED.get(argument))) and (expected := check(value))
    )
    if faults:
        count = "1 argument" if len(faults) == 1 else f"{len(faults)} arguments"
        raise ConfigurationError(
            f"{count} cannot be used; nothing was done.",
            operation=name,
            faults=faults,
            next_step="Correct the arguments.",
        )


@contextmanager
def _named(project: _HasMetadata, name: str) -> Iterator[None]:
    try:
        yield
    except WMLDeployerError as error:
        if error.operation is not None and error.operation not in _names:
            error.message = f"Cannot {error.operation}: {error.message}"
        error.operation = name
        raise
    except KeyboardInterrupt as interrupt:
        if not interrupt.args:
            interrupt.args = (_interrupted(project, name),)
        raise


def _interrupted(project: _HasMetadata, name: str) -> str:
    """Say what serves after Ctrl-C, as far as that is known at once."""
    try:
        with cleanup_deadline():  # the files may have to be looked up by the space, which asks the service
            metadata = project.metadata
        live = metadata.log[-1].to_version if metadata.log else None
    except WMLDeployerError as error:
        serves = f"What serves is not known: {error.message}"
    else:
        serves = f"According to metadata.yaml, {f'version {live} serves' if live else 'nothing is deployed'}."
    return f"{name} was interrupted. {serves} Call it again to finish it."


def _seconds(value: Any) -> str:
    is_right = value is None or (
        not isinstance(value, bool) and isinstance(value, Real) and 0 < float(value) <= LONGEST_SECONDS
    )
    return "" if is_right else "a number of seconds above 0"


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return ""
    is_number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    return f"text, such as '{value}'" if is_number else "text"


def _name(value: Any) -> str:
    return "text, such as 'churn-staging'" if value is None else _text(value)


def _count(value: object) -> str:
    return "" if value is None or (isinstance(value, int) and not isinstance(value, bool)) else "a whole number"


def _texts(value: object) -> str:
    is_right = isinstance(value, str) or (isinstance(value, Sequence) and all(isinstance(text, str) for text in value))
    return "" if is_right else "text, or a list of texts"


def _paths(value: object) -> str:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    is_right = value is None or (is_list and all(isinstance(path, str | os.PathLike) for path in cast("Any", value)))
    return "" if is_right else "a list of paths, such as ['src/shop']"


def _requirements(value: object) -> str:
    is_list = isinstance(value, Sequence) and all(isinstance(text, str) for text in value)
    is_right = value is None or isinstance(value, os.PathLike) or (is_list and not isinstance(value, bytes))
    return "" if is_right else "a list such as ['lightgbm==4.6.0'], the path of a requirements file, or 'auto'"


def _by_name(value: object) -> str:
    is_right = value is None or (isinstance(value, Mapping) and all(isinstance(name, str) for name in value))
    return "" if is_right else "numbers by name, such as {'f1': 0.93}"


def _serving_name(value: object) -> str:
    is_right = value is None or (isinstance(value, str) and re.fullmatch(r"[a-z0-9_]{1,36}", value) is not None)
    return "" if is_right else "up to 36 of the characters a-z, 0-9 and _"


def _description(value: object) -> str:
    is_right = value is None or (isinstance(value, str) and unwritable(value, lines=True) is None)
    return "" if is_right else "plain text"


def _tags(value: object) -> str:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    tags: Any = value if is_list else ()
    is_right = is_list and all(isinstance(tag, str) and name_fault(tag) is None for tag in tags)
    return "" if value is None or is_right else "a list of words, such as ['churn', 'team-a']"


def _copies(value: object) -> str:
    is_right = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return "" if value is None or is_right else "a whole number from 1 on"


def _hardware(value: object) -> str:
    is_right = value is None or (isinstance(value, str) and name_fault(value) is None)
    return "" if is_right else "a name, such as 'M'"


def _callable(value: object) -> str:
    return "" if callable(value) else "a function of an event, or another callable"


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "True or False"


_EXPECTED: dict[str, Callable[[object], str]] = {
    "allow_schema_change": _flag,
    "batch_bytes": _count,
    "batch_rows": _count,
    "cascade": _flag,
    "code": _paths,
    "copies": _copies,
    "create_space.name": _name,
    "description": _description,
    "hardware": _hardware,
    "hook": _callable,
    "in_flight": _count,
    "isolated": _flag,
    "metrics": _by_name,
    "named": _texts,
    "on_error": _text,
    "prune.keep": _count,
    "scorer.keep": _texts,
    "one": _text,
    "other": _text,
    "production": _flag,
    "reason": _text,
    "requirements": _requirements,
    "runtime": _text,
    "serving_name": _serving_name,
    "specification": _text,
    "storage": _text,
    "strict": _flag,
    "tags": _tags,
    "timeout": _seconds,
    "to": _text,
    "unpickle": _flag,
    "version": _text,
}
"""What an argument must be, by its name or by verb and name; a check returns no text for a value that can be used."""


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"  # noqa: PLR2004 - a line
