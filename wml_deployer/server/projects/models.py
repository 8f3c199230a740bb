"""Projects: their documents, and the promotion of their assets to spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts.models import KINDS
from wml_deployer.server.errors import InvalidRequestError, check_labels, wrong_field
from wml_deployer.server.spaces.containers import PROJECT, scope_of
from wml_deployer.server.spaces.models import compute_of
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["create", "promote", "update"]

_CHANGEABLE = ("name", "description", "tags", "type", "public", "compute", "tools", "catalog", "settings")


def create(context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any]) -> Record:
    """Create a project.

    Raises:
        InvalidRequestError: The name is missing or invalid.

    """
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a project must be a non-empty string.")
    check_labels(fields)
    identifier, now = context.identifiers.new(), context.clock.stamp()
    storage = fields.get("storage") or {"type": "assetfiles", "guid": context.identifiers.new()}
    kept = {key: fields[key] for key in ("description", "generator", "type", "public") if key in fields}
    document: dict[str, Any] = {
        "metadata": {"guid": identifier, "url": f"/v2/projects/{identifier}", "created_at": now, "updated_at": now},
        "entity": {
            **kept,
            "name": name,
            "creator_iam_id": caller.user_id,
            "storage": storage,
            **compute_of(caller, fields),
            "scope": {"bss_account_id": "cpdaccount"},
        },
    }
    record = Record(PROJECT, identifier, "", name, document)
    transaction.add(record)
    return record


def update(context: Context, transaction: Transaction, record: Record, fields: dict[str, Any]) -> None:
    """Update a project.

    Raises:
        InvalidRequestError: A field is fixed, or the name is invalid.

    """
    for field in fields:
        if field not in _CHANGEABLE:
            raise InvalidRequestError(f"/{field} of a project cannot be changed.")
    check_labels(fields)
    record.entity.update(fields)
    name: Any = record.entity.get("name")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a project must be a non-empty string.")
    record.name = name
    record.metadata["updated_at"] = context.clock.stamp()
    transaction.save(record)


def promote(context: Context, transaction: Transaction, record: Record, space: Record) -> Record:
    """Copy an asset of a project with its contents to a space; return the copy."""
    metadata = {key: value for key, value in record.metadata.items() if key not in ("project_id", "commit_info")}
    copy = Record(record.kind, context.identifiers.new(), space.id, record.name, {**record.document})
    key = "id" if record.kind in KINDS else "asset_id"
    copy.document["metadata"] = {**metadata, key: copy.id, **scope_of(space)}
    copy.private = {key: value for key, value in record.private.items() if key != "revisions"}
    transaction.add(copy)
    transaction.copy_contents(record, copy)
    return copy
