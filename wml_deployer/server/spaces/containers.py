"""Containers: the space or project that a resource is in, as requests name it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ForbiddenError, InvalidRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "PROJECT",
    "SPACE",
    "find_container",
    "find_in_container",
    "find_named",
    "remove_container",
    "requested_container",
    "require_runtime",
    "scope_of",
]

SPACE = "space"
"""Kind of the records of spaces."""
PROJECT = "project"
"""Kind of the records of projects."""
_DEPLOYMENT = "deployment"
_KEYS = {"space_id": SPACE, "project_id": PROJECT}


def requested_container(call: Call) -> Record:
    """Return the space or project that the request names, in its query or else in its body.

    Raises:
        InvalidRequestError: It names neither (recorded text).
        NotFoundError: The space or project does not exist.

    """
    body = call.body if isinstance(call.body, dict) else {}
    return find_named(call.transaction, {**body, **call.query})


def find_named(transaction: Transaction, source: Mapping[str, Any]) -> Record:
    """Return the space or project given by ``space_id`` or ``project_id`` in a mapping."""
    for key, kind in _KEYS.items():
        identifier = source.get(key)
        if identifier:
            return find_container(transaction, kind, str(identifier))
    raise InvalidRequestError("Missing either space_id or project_id or wml_instance_crn")


def find_container(transaction: Transaction, kind: str, identifier: str) -> Record:
    """Return the space or project with this id.

    Raises:
        NotFoundError: It does not exist.

    """
    found = transaction.get(kind, identifier)
    if found is None:
        raise NotFoundError(f"The {kind} with id '{identifier}' does not exist.", code=f"{kind}_does_not_exist")
    return found


def remove_container(call: Call, container: Record) -> None:
    """Delete a space or project with everything in it; workers of its deployments are stopped afterwards."""
    for record in (*call.transaction.in_container(container.id), container):
        call.transaction.remove(record)
        if record.kind == _DEPLOYMENT:
            call.afterwards.append(partial(call.context.end_deployment, record.id))


def scope_of(container: Record) -> dict[str, str]:
    """Return the field that names the container in documents."""
    return {f"{container.kind}_id": container.id}


def find_in_container(call: Call, kind: str, identifier: str, *, error: NotFoundError) -> Record:
    """Return the record with this id in the container that the request names.

    Raises:
        NotFoundError: The given error: the record does not exist, or is in another container.

    """
    container = requested_container(call)
    record = call.transaction.get(kind, identifier)
    if record is None or record.container != container.id:
        raise error
    return record


def require_runtime(container: Record) -> None:
    """Check that a space or project has a machine learning instance.

    Raises:
        ForbiddenError: It has none (recorded text).

    """
    if not container.entity.get("compute"):
        raise ForbiddenError(
            f"{container.kind}_id {container.id} is not associated with a WML instance",
            code="no_associated_service_instance_error",
        )
