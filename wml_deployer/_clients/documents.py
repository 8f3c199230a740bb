"""Read the documents of the service, and refuse what has another shape than promised."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wml_deployer.errors import InvalidResponseError, WMLDeployerError
from wml_deployer.specifications import Specification

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Document",
    "entity",
    "failure_of",
    "is_document",
    "packages",
    "parts_of",
    "reading",
    "required",
    "specification_of",
    "text_of",
]

_CLOSED = ("withdrawn", "retired", "unsupported", "create-unsupported", "constricted")
"""The states that IBM's newer client knows in which a specification takes no new models, the last of a life first."""
_OPEN = ("deprecated", "supported", "available")
"""The states in which it does."""

Document = dict[str, Any]
"""A decoded JSON object."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Read a document in the block, or in a decorated function; another shape than promised is a typed error.

    Args:
        what: What the document describes.

    Raises:
        InvalidResponseError: A part is missing, or of another type.

    Example:
        >>> with reading("model"):
        ...     {}["metadata"]
        Traceback (most recent call last):
        wml_deployer.errors.InvalidResponseError: The service's document of a model has an unexpected shape: ...

    """
    try:
        yield
    except WMLDeployerError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise InvalidResponseError(
            f"The service's document of a {what} has an unexpected shape: {error!r}"[:500],
            next_step="Try again; if it stays, compare the release of the service with the ones that are supported.",
        ) from error


def is_document(value: object) -> bool:
    """Whether a decoded value is a JSON object."""
    return isinstance(value, dict)


def parts_of(document: Mapping[str, Any]) -> tuple[Document, Document]:
    """Return ``metadata`` and ``entity``; an entity may be missing.

    Raises:
        InvalidResponseError: There is no metadata.

    """
    metadata, entity = document.get("metadata"), document.get("entity", {})
    if not isinstance(metadata, dict) or not isinstance(entity, dict):
        raise InvalidResponseError(f"The service's document has no metadata: {sorted(document)}")
    return metadata, entity


def required(part: Document, key: str) -> str:
    """Return a text that the service promises.

    Raises:
        InvalidResponseError: It is not there.

    """
    if not isinstance(part.get(key), str):
        raise InvalidResponseError(f"The service's document lacks {key!r}: {sorted(part)}")
    return str(part[key])


def text_of(value: object) -> str | None:
    """Return a value as text; the service writes numbers either way."""
    return None if value is None else str(value)


def failure_of(status: Document) -> str | None:
    """Return why something failed, in the service's words."""
    failure = status.get("failure")
    if not failure:
        return None
    listed = failure.get("errors") if isinstance(failure, dict) else None
    said = [item.get("message", "") for item in listed or () if isinstance(item, dict)]
    return "; ".join(filter(None, said)) or str(failure)


def specification_of(item: dict[str, Any]) -> Specification:
    """Read an entry of the list; its packages are asked for on their own."""
    metadata = item["metadata"]
    cycle = metadata.get("life_cycle", {})
    state = _state(cycle)
    return Specification(
        id=metadata["asset_id"],
        name=metadata["name"],
        state=state,
        replacement=cycle.get("replacement_name"),
        notes=_notes(cycle.get(state)),
        packages={},
    )


def packages(document: dict[str, Any]) -> dict[str, str]:
    """Return version by name of what a runtime carries, its Python among it."""
    configuration = entity(document).get("software_configuration", {})
    platform = configuration.get("platform", {})
    listed = {item["name"]: str(item.get("version", "")) for item in configuration.get("included_packages", ())}
    return listed | ({"python": str(platform["version"])} if platform.get("name") == "python" else {})


def entity(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a specification's document says of it."""
    found: dict[str, Any] = document["entity"].get("software_specification", {})
    return found


def _state(cycle: dict[str, Any]) -> str:
    # The latest state counts: a retired specification was deprecated before. A key that is not known is a state, too,
    # if its value is an object, as theirs are; the name of the replacement is text.
    unknown = [key for key, value in cycle.items() if isinstance(value, dict) and key not in _OPEN]
    return next((state for state in (*_CLOSED, *unknown, *_OPEN) if state in cycle), "supported")


def _notes(said: object) -> str:
    # IBM documents no keys here: whatever stands there, since when or until when, is for the reader.
    listed = said.items() if isinstance(said, dict) else ()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in listed if isinstance(value, str | int))
