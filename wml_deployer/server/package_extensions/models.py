"""Package extensions: what is to be installed beside a base specification's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.containers import scope_of
from wml_deployer.server.errors import InvalidRequestError, NotFoundError, wrong_field
from wml_deployer.server.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.store import Transaction
    from wml_deployer.server.tokens.models import Caller

__all__ = ["KIND", "SLOT", "complete", "create", "find"]

KIND = "package_extension"
"""Under which package extensions are stored."""
SLOT = "content"
"""Which of its contents is the extension itself."""

_TYPES = {"conda_yml": "yml", "pip_zip": "zip", "requirements_txt": "txt", "custom_library": "zip"}


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, container: Record
) -> Record:
    """Announce a package extension.

    Raises:
        InvalidRequestError: It has no name, or no type that the service knows.

    """
    name, extension_type = fields.get("name"), fields.get("type")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "A package extension needs a name.")
    if extension_type not in _TYPES:
        raise wrong_field("type", f"The type '{extension_type}' of a package extension is none of {', '.join(_TYPES)}.")
    now = context.clock.stamp()
    record = Record(KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    record.metadata.update(
        {
            **scope_of(container),
            "name": name,
            **({"description": fields["description"]} if fields.get("description") is not None else {}),
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
            "rov": {"mode": 0, "collaborator_ids": {}},
            "usage": {"last_updated_at": now, "last_updater_id": caller.user_id, "access_count": 0},
        }
    )
    key = f"{KIND}/{'_'.join(name.split())}_{context.identifiers.secret()[:8]}.{_TYPES[extension_type]}"
    record.entity[KIND] = {"type": extension_type, "object_key": key}
    transaction.add(record)
    return record


def find(transaction: Transaction, container: str, identifier: str) -> Record:
    """Return the package extension with this id.

    Raises:
        NotFoundError: There is none in the container.

    """
    record = transaction.get(KIND, identifier)
    if record is None or record.container != container:
        raise NotFoundError(f"The package extension with id '{identifier}' does not exist.")
    return record


def complete(transaction: Transaction, record: Record) -> None:
    """Take note that the extension was uploaded.

    Raises:
        InvalidRequestError: It was not.

    """
    content = transaction.content(record, slot=SLOT)
    if content is None:
        raise InvalidRequestError(f"Nothing was uploaded to the package extension with id '{record.id}'.")
    record.metadata["size"] = content.blob.size
    transaction.save(record)
