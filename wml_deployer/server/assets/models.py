"""Assets: documents of any type, with attachments and revisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.artifacts.models import KINDS
from wml_deployer.server.errors import InvalidRequestError, NotFoundError, check_labels, wrong_field
from wml_deployer.server.http.patch import Operation, apply
from wml_deployer.server.spaces.containers import scope_of
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "KIND",
    "Attachment",
    "artifact_as_asset",
    "at_revision",
    "attach",
    "attachment",
    "commit",
    "create",
    "detach",
    "find",
    "href",
    "list_documents",
    "revision_number",
    "slot",
    "update",
]

KIND = "asset"
"""Kind of the records of assets."""

_FIXED = ("asset_id", "asset_type", "space_id", "project_id", "created_at", "owner_id", "size", "usage")


@dataclass(frozen=True)
class Attachment:
    """An attachment of an asset: stored content, or a reference to remote data.

    Attributes:
        id: Id of the attachment.
        document: Public document of the attachment.

    """

    id: str
    document: dict[str, Any]


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, container: Record
) -> Record:
    """Create an asset.

    Raises:
        InvalidRequestError: A field is missing or invalid.

    """
    metadata = fields.get("metadata")
    if not isinstance(metadata, dict):
        raise wrong_field("metadata", "The metadata of an asset must be an object.")
    name, asset_type = _text(metadata, "name"), _text(metadata, "asset_type")
    check_labels(metadata, "metadata.")
    entity = fields.get("entity") or {}
    if not isinstance(entity, dict):
        raise wrong_field("entity", "The entity of an asset must be an object.")
    now = context.clock.stamp()
    record = Record(KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": entity})
    record.metadata.update(
        {
            "rov": {"mode": 0, "collaborator_ids": {}},
            **metadata,
            **scope_of(container),
            "usage": _usage(now, caller.user_id),
            "name": name,
            "asset_type": asset_type,
            "asset_id": record.id,
            "asset_attributes": list(entity) or [asset_type],
            "asset_category": metadata.get("asset_category", "USER"),
            "asset_state": "available",
            "catalog_id": container.id,
            "created_at": now,
            "owner_id": caller.user_id,
            "creator_id": caller.user_id,
            "origin_country": metadata.get("origin_country", "none"),
            "rating": 0,
            "size": 0,
            "tags": metadata.get("tags") or [],
            "total_ratings": 0,
            "version": 2,
        }
    )
    record.document["attachments"] = []
    transaction.add(record)
    return record


def find(transaction: Transaction, container: Record, identifier: str) -> Record:
    """Return the asset or artifact with this id.

    Raises:
        NotFoundError: It does not exist in the container.

    """
    record = transaction.get(KIND, identifier) or artifacts.find_any(transaction, identifier)
    if record is None or record.container != container.id:
        raise NotFoundError(f"The asset with id '{identifier}' does not exist.", code="asset_does_not_exist")
    return record


def artifact_as_asset(record: Record) -> dict[str, Any]:
    """Return the document of an artifact in the form of an asset."""
    asset_type = KINDS[record.kind].asset_type
    metadata = record.metadata
    kept = ("name", "description", "tags", "created_at", "space_id", "project_id")
    return {
        "metadata": {
            **{key: metadata[key] for key in kept if key in metadata},
            "asset_id": record.id,
            "asset_type": asset_type,
            "owner_id": metadata["owner"],
            "size": 0,
            "usage": _usage(metadata["modified_at"], metadata["owner"]),
        },
        "entity": {asset_type: record.entity},
        "attachments": [],
    }


def list_documents(transaction: Transaction, container: Record, asset_type: str) -> list[dict[str, Any]]:
    """Return the documents of all assets of a type in a container."""
    kind = next((kind for kind in KINDS.values() if kind.asset_type == asset_type), None)
    if kind is not None:
        return [artifact_as_asset(record) for record in transaction.find(kind.name, container.id)]
    found = transaction.find(KIND, container.id, where={"metadata.asset_type": asset_type})
    return [record.document for record in found]


def update(context: Context, transaction: Transaction, record: Record, operations: list[Operation]) -> None:
    """Patch an asset, below ``/metadata`` and ``/entity``.

    Raises:
        InvalidRequestError: The patch changes a fixed field, or a value is invalid.

    """
    for operation in operations:
        is_below = len(operation.path) > 1 and operation.root in ("metadata", "entity")
        if not is_below or (operation.root == "metadata" and operation.path[1] in _FIXED):
            raise InvalidRequestError(f"/{'/'.join(operation.path)} of an asset cannot be changed.")
        apply(record.document, operation)
    record.name = _text(record.metadata, "name")
    check_labels(record.metadata, "metadata.")
    _touch(context, record)
    transaction.save(record)


def attach(context: Context, transaction: Transaction, record: Record, fields: dict[str, Any]) -> Attachment:
    """Add an attachment; its content is uploaded later."""
    identifier = context.identifiers.new()
    document = {
        **{key: value for key, value in fields.items() if key != "id"},
        "id": identifier,
        "version": 2,
        "asset_type": fields.get("asset_type", record.metadata["asset_type"]),
        "name": fields.get("name", identifier),
        "created_at": context.clock.stamp(),
        "is_remote": bool(fields.get("connection_id") or fields.get("is_remote")),
    }
    record.document["attachments"].append(document)
    transaction.save(record)
    return Attachment(identifier, document)


def attachment(record: Record, identifier: str) -> Attachment:
    """Return an attachment of an asset.

    Raises:
        NotFoundError: The attachment does not exist.

    """
    for document in record.document.get("attachments", ()):
        if document["id"] == identifier:
            return Attachment(identifier, document)
    raise NotFoundError(f"The attachment with id '{identifier}' does not exist.", code="attachment_does_not_exist")


def detach(transaction: Transaction, record: Record, removed: Attachment) -> None:
    """Delete an attachment with its content."""
    record.document["attachments"].remove(removed.document)
    transaction.detach(record, slot(removed.id))
    transaction.save(record)


def slot(attachment_id: str) -> str:
    """Return the slot of the content of an attachment."""
    return f"attachment {attachment_id}"


def commit(context: Context, transaction: Transaction, record: Record, message: str | None) -> dict[str, Any]:
    """Save an asset with its contents as the next revision; return the document of the revision."""
    number = record.private["revisions"] = record.private.get("revisions", 0) + 1
    information = {"committed_at": context.clock.stamp(), "commit_message": message or ""}
    metadata = {**record.metadata, "revision_id": number, "commit_info": information}
    document = {**record.document, "metadata": metadata}
    transaction.save_revision(record, number, document)
    record.metadata["commit_info"] = information
    transaction.save(record)
    return document


def at_revision(transaction: Transaction, record: Record, revision: str | None) -> dict[str, Any]:
    """Return the current document of an asset, or a given revision of it.

    Raises:
        NotFoundError: The revision does not exist.

    """
    if revision is None:
        return record.document
    document = transaction.revision(record, revision_number(record, revision))
    if document is None:
        raise NotFoundError(
            f"Revision '{revision}' of the asset with id '{record.id}' does not exist.", code="revision_does_not_exist"
        )
    return document


def revision_number(record: Record, revision: str) -> int:
    """Return the number of a revision; -1 if it is invalid."""
    if revision == "latest":
        return int(record.private.get("revisions", -1))
    return int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else -1  # noqa: PLR2004


def href(metadata: dict[str, Any]) -> str:
    """Return the path of an asset with this metadata."""
    scope = "space_id" if "space_id" in metadata else "project_id"
    return f"/v2/assets/{metadata['asset_id']}?{scope}={metadata[scope]}"


def _touch(context: Context, record: Record) -> None:
    record.metadata["usage"] = _usage(context.clock.stamp(), record.metadata["owner_id"])


def _usage(time: str, user_id: str) -> dict[str, Any]:
    return {
        "last_updated_at": time,
        "last_updater_id": user_id,
        "last_accessed_at": time,
        "last_accessor_id": user_id,
        "access_count": 0,
    }


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise wrong_field(f"metadata.{key}", f"The {key} of an asset must be a non-empty string.")
    return value
