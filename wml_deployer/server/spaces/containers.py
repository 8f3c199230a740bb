"""Spaces and projects as containers of other resources."""

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
    "container_of",
    "find_container",
    "named_container",
    "remove_container",
    "require",
    "require_runtime",
    "scope_of",
]

SPACE = "space"
"""The kind of deployment spaces."""
PROJECT = "project"
"""The kind of projects."""
_DEPLOYMENT = "deployment"
_KEYS = {"space_id": SPACE, "project_id": PROJECT}


def container_of(call: Call) -> Record:
    """Return the space or project that the query, or else the body, names.

    Raises:
        InvalidRequestError: Neither is named (recorded text).
        NotFoundError: It is not there.

    """
    body = call.body if isinstance(call.body, dict) else {}
    return named_container(call.transaction, {**body, **call.query})


def named_container(transaction: Transaction, source: Mapping[str, Any]) -> Record:
    """Return the space or project that a mapping names under ``space_id`` or ``project_id``."""
    for key, kind in _KEYS.items():
        identifier = source.get(key)
        if identifier:
            return find_container(transaction, kind, str(identifier))
    raise InvalidRequestError("Missing either space_id or project_id or wml_instance_crn")


def find_container(transaction: Transaction, kind: str, identifier: str) -> Record:
    """Return the space or project.

    Raises:
        NotFoundError: There is none of this kind with this id.

    """
    found = transaction.get(kind, identifier)
    if found is None:
        raise NotFoundError(f"The {kind} with id '{identifier}' does not exist.", code=f"{kind}_does_not_exist")
    return found


def remove_container(call: Call, container: Record) -> None:
    """Delete a space or project with everything in it; its workers are stopped after the answer."""
    for record in (*call.transaction.inside(container.id), container):
        call.transaction.remove(record)
        if record.kind == _DEPLOYMENT:
            call.afterwards.append(partial(call.context.end_deployment, record.id))


def scope_of(container: Record) -> dict[str, str]:
    """Return the member of documents that names their container."""
    return {f"{container.kind}_id": container.id}


def require(call: Call, kind: str, identifier: str, *, error: NotFoundError) -> Record:
    """Return the record with this id in the container that the request names.

    Raises:
        NotFoundError: The given error: there is none, or it is somewhere else.

    """
    container = container_of(call)
    record = call.transaction.get(kind, identifier)
    if record is None or record.container != container.id:
        raise error
    return record


def require_runtime(container: Record) -> None:
    """Refuse a space or project without a machine learning instance.

    Raises:
        ForbiddenError: As the service says it.

    """
    if not container.entity.get("compute"):
        raise ForbiddenError(
            f"{container.kind}_id {container.id} is not associated with a WML instance",
            code="no_associated_service_instance_error",
        )
