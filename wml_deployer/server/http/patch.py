"""JSON Patch (RFC 6902) as the service takes it: add, replace and remove; to add a member that is there replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wml_deployer.server.errors import InvalidRequestError

__all__ = ["Operation", "apply", "parse"]

_OPERATIONS = ("add", "replace", "remove")
#: Most parts of a path: documents are not nested deeper, and what is cannot be written as JSON again.
_DEEPEST = 32


@dataclass(frozen=True)
class Operation:
    """One step of a patch.

    Attributes:
        kind: ``add``, ``replace`` or ``remove``.
        path: The member it is about, from the root down.
        value: What it becomes; None for ``remove``.

    """

    kind: str
    path: tuple[str, ...]
    value: Any = None

    @property
    def root(self) -> str:
        """The first part of the path, which decides where it lives."""
        return self.path[0]


def parse(document: Any) -> list[Operation]:
    """Read a JSON Patch document.

    Raises:
        InvalidRequestError: It is none, or names an operation that the service does not take.

    """
    if not isinstance(document, list) or not document:
        raise InvalidRequestError("A patch is a list with at least one operation.")
    return [_operation(step) for step in document]


def apply(target: dict[str, Any], operation: Operation) -> None:
    """Do one operation on the target, in place.

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
                f"The path /{'/'.join(operation.path)} leads through something that has no members."
            )
        parent = child
    if operation.kind == "remove":
        parent.pop(operation.path[-1], None)
    else:
        parent[operation.path[-1]] = operation.value


def _operation(step: Any) -> Operation:
    if not isinstance(step, dict) or step.get("op") not in _OPERATIONS:
        raise InvalidRequestError(f"Each operation of a patch has an 'op' out of {', '.join(_OPERATIONS)}.")
    path = step.get("path")
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise InvalidRequestError("Each operation of a patch has a 'path' that starts with '/' and names a member.")
    if step["op"] != "remove" and "value" not in step:
        raise InvalidRequestError(f"The operation on {path} lacks its 'value'.")
    parts = _parts(path)
    if len(parts) > _DEEPEST:
        raise InvalidRequestError(f"The 'path' of an operation has at most {_DEEPEST} parts, and one has {len(parts)}.")
    return Operation(step["op"], parts, step.get("value"))


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
