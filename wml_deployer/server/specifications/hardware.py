"""Hardware specifications: the base ones, and those of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError, check_labels, wrong_field
from wml_deployer.server.spaces.containers import scope_of
from wml_deployer.server.specifications.catalogue import HARDWARE
from wml_deployer.server.specifications.models import SINCE
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["KIND", "choose", "create", "document", "documents", "find"]

KIND = "hardware_specification"
"""Kind of the records of users' hardware specifications."""


def documents(transaction: Transaction, container: str | None, name: str | None) -> list[dict[str, Any]]:
    """Return all hardware specifications that are visible in a container, or those with a name."""
    found = [_base(each) for each in HARDWARE if name in (None, each)]
    if container is not None:
        where = {"metadata.name": name} if name is not None else None
        found += [record.document for record in transaction.find(KIND, container, where=where)]
    return found


def document(transaction: Transaction, identifier: str) -> dict[str, Any]:
    """Return the hardware specification with this id.

    Raises:
        NotFoundError: It does not exist.

    """
    for name, (known, _, _) in HARDWARE.items():
        if known == identifier:
            return _base(name)
    record = transaction.get(KIND, identifier)
    if record is None:
        raise _not_found(identifier)
    return record.document


def create(context: Context, transaction: Transaction, fields: dict[str, Any], *, container: Record) -> Record:
    """Create a hardware specification.

    Raises:
        InvalidRequestError: The name is missing or invalid.
        ConflictError: Another specification has this name.

    """
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a hardware specification must be a non-empty string.")
    check_labels(fields)
    if documents(transaction, container.id, name):
        raise ConflictError(f"A hardware specification with the name '{name}' exists already.", code="already_exists")
    identifier, now = context.identifiers.new(), context.clock.stamp()
    record = Record(KIND, identifier, container.id, name, {})
    record.document = _document(identifier, name, fields.get("description") or "", now)
    record.metadata.update(scope_of(container))
    record.entity[KIND] = {key: value for key, value in fields.items() if key not in ("name", "description")}
    transaction.add(record)
    return record


def find(transaction: Transaction, container: str, identifier: str) -> Record:
    """Return the user's hardware specification with this id.

    Raises:
        NotFoundError: It does not exist in the container.

    """
    record = transaction.get(KIND, identifier)
    if record is None or record.container != container:
        raise _not_found(identifier)
    return record


def choose(transaction: Transaction, container: str, reference: dict[str, Any]) -> tuple[str, str]:
    """Return id and name of the hardware specification that a deployment names.

    Raises:
        InvalidRequestError: It does not exist.

    """
    for each in documents(transaction, container, None):
        metadata = each["metadata"]
        by_name = "id" not in reference and reference.get("name") == metadata["name"]
        if by_name or reference.get("id") == metadata["asset_id"]:
            return metadata["asset_id"], metadata["name"]
    named = reference.get("id") or reference.get("name")
    raise InvalidRequestError(f"Invalid request entity: Unsupported hardware specification '{named}'.")


def _base(name: str) -> dict[str, Any]:
    identifier, cores, memory = HARDWARE[name]
    base = _document(identifier, name, f"A hardware specification with {cores} cores and {memory} of memory", SINCE)
    base["entity"][KIND] = {"nodes": {"cpu": {"units": cores}, "mem": {"size": memory}, "num_nodes": 1}}
    return base


def _document(identifier: str, name: str, description: str, time: str) -> dict[str, Any]:
    """Return a document. It has a description, since the list of IBM's client fails without one."""
    metadata = {
        "name": name,
        "description": description,
        "asset_type": KIND,
        "asset_id": identifier,
        "href": f"/v2/hardware_specifications/{identifier}",
        "created_at": time,
        "updated_at": time,
    }
    return {"metadata": metadata, "entity": {}}


def _not_found(identifier: str) -> NotFoundError:
    return NotFoundError(f"The hardware specification with id '{identifier}' does not exist.")
