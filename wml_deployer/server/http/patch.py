"""JSON Patch (RFC 6902) as the service supports it: add, replace and remove.

Hand-written, because the errors have the texts of the service, and its patches create missing parents, which libraries
refuse. Adding an existing member replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wml_deployer.server.errors import InvalidRequestError

__all__ = ["Operation", "apply", "parse"]

_OPERATIONS = ("add", "replace", "remove")
#: Longest path: a document that is nested more deeply could not be written as JSON again.
_DEEPEST = 32


@dataclass(frozen=True)
class Operation:
    """One step of a patch.

    Attributes:
        kind: ``add``, ``replace`` or ``remove``.
        path: Path of the member, from the root.
        value: The new value; None for ``remove``.

    """

    kind: str
    path: tuple[str, ...]
    value: Any = None

    @property
    def root(self) -> str:
        """The first part of the path."""
        return self.path[0]


def parse(document: Any) -> list[Operation]:
    """Read a JSON Patch document.

    Raises:
        InvalidRequestError: It is not a patch, or contains an operation that the service does not support.

    """
    if not isinstance(document, list) or not document:
        raise InvalidRequestError("A patch must be a list with at least one operation.")
    return [_operation(step) for step in document]


def apply(target: dict[str, Any], operation: Operation) -> None:
    """Apply an operation to the target, in place.

    Example:
        >>> document = {"name": "old", "tags": []}
        >>> apply(document, Operation("add", ("name",), "new"))
        >>> document
        {'name': 'new', 'tags': []}

    """
    parent = target
    for part in operation.path[:-1]:
        child = parent.setdefault(part, {})
        if not isinstance(child, dict):
            raise InvalidRequestError(
                f"The path /{'/'.join(operation.path)} leads through a value that is not an object."
            )
        parent = child
    if operation.kind == "remove":
        parent.pop(operation.path[-1], None)
    else:
        parent[operation.path[-1]] = operation.value


def _operation(step: Any) -> Operation:
    if not isinstance(step, dict) or step.get("op") not in _OPERATIONS:
        raise InvalidRequestError(f"Each operation of a patch must have an 'op': {', '.join(_OPERATIONS)}.")
    path = step.get("path")
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise InvalidRequestError(
            "Each operation of a patch must have a 'path' that starts with '/' and names a member."
        )
    if step["op"] != "remove" and "value" not in step:
        raise InvalidRequestError(f"The operation on {path} has no 'value'.")
    parts = _parts(path)
    if len(parts) > _DEEPEST:
        raise InvalidRequestError(
            f"The 'path' of an operation can have at most {_DEEPEST} parts; this one has {len(parts)}."
        )
    return Operation(step["op"], parts, step.get("value"))


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
