"""Package extensions: packages to be installed on top of a base specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import InvalidRequestError, NotFoundError, check_labels, wrong_field
from wml_deployer.server.spaces.containers import scope_of
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["KIND", "SLOT", "complete", "create", "find"]

KIND = "package_extension"
"""Kind of the records of package extensions."""
SLOT = "content"
"""Slot of the uploaded file."""

_TYPES = {"conda_yml": "yml", "pip_zip": "zip", "requirements_txt": "txt", "custom_library": "zip"}


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, container: Record
) -> Record:
    """Create a package extension.

    Raises:
        InvalidRequestError: The name or the type is missing or invalid.

    """
    name, extension_type = fields.get("name"), fields.get("type")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a package extension must be a non-empty string.")
    if not isinstance(extension_type, str) or extension_type not in _TYPES:
        raise wrong_field(
            "type", f"The type of a package extension must be one of {', '.join(_TYPES)}, not '{extension_type}'."
        )
    check_labels(fields)
    now = context.clock.stamp()
    record = Record(KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    record.metadata.update(_metadata(record, caller, now, container))
    if fields.get("description") is not None:
        record.metadata["description"] = fields["description"]
    key = f"{KIND}/{'_'.join(name.split())}_{context.identifiers.secret()[:8]}.{_TYPES[extension_type]}"
    record.entity[KIND] = {"type": extension_type, "object_key": key}
    transaction.add(record)
    return record


def _metadata(record: Record, caller: Caller, now: str, container: Record) -> dict[str, Any]:
    """Return the metadata of a new package extension, with all fields of the recorded ones."""
    roles = {caller.user_id: {"user_iam_id": caller.user_id, "roles": ["OWNER"]}}
    return {
        **scope_of(container),
        "usage": {
            "last_updated_at": now,
            "last_updater_id": caller.user_id,
            "last_update_time": 0,
            "last_accessed_at": now,
            "last_access_time": 0,
            "last_accessor_id": caller.user_id,
            "access_count": 0,
        },
        "rov": {"mode": 0, "collaborator_ids": {}, "member_roles": roles},
        "is_primary_attachment_downloadable": True,
        "name": record.name,
        "tags": ["dsx"],
        "asset_type": KIND,
        "origin_country": "us",
        "rating": 0,
        "total_ratings": 0,
        "catalog_id": container.id,
        "created": 0,
        "created_at": now,
        "owner_id": caller.user_id,
        "size": 0,
        "version": 0,
        "asset_state": "available",
        "asset_attributes": [KIND],
        "asset_id": record.id,
        "asset_category": "USER",
        "creator_id": caller.user_id,
    }


def find(transaction: Transaction, container: str, identifier: str) -> Record:
    """Return the package extension with this id.

    Raises:
        NotFoundError: It does not exist in the container.

    """
    record = transaction.get(KIND, identifier)
    if record is None or record.container != container:
        raise NotFoundError(f"The package extension with id '{identifier}' does not exist.")
    return record


def complete(transaction: Transaction, record: Record) -> None:
    """Complete a package extension after its upload.

    Raises:
        InvalidRequestError: Nothing was uploaded.

    """
    content = transaction.content(record, slot=SLOT)
    if content is None:
        raise InvalidRequestError(f"No content was uploaded to the package extension with id '{record.id}'.")
    record.metadata["size"] = content.blob.size
    transaction.save(record)
