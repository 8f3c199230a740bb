"""Deployment spaces: their documents, their machine learning instances, and their activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, InvalidRequestError, check_labels, object_in, wrong_field
from wml_deployer.server.http.patch import Operation, apply
from wml_deployer.server.http.tokens import Caller
from wml_deployer.server.spaces.containers import SPACE
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["DEFAULT_NAME", "activate", "compute_of", "create", "ensure_default", "mark_active", "resume", "update"]

DEFAULT_NAME = "Default space"
"""Name of the space that the first start creates."""

_COMPUTE = {
    "crn": "crn:v1:cpd:private:pm-20:private:a/cpduser:99999999-9999-9999-9999-999999999999::",
    "guid": "99999999-9999-9999-9999-999999999999",
    "name": "Watson Machine Learning",
    "type": "machine_learning",
}
_PATCHABLE = ("name", "description", "tags", "compute", "stage")


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, identifier: str | None = None
) -> Record:
    """Create a space.

    Raises:
        InvalidRequestError: The name is missing or invalid.
        ConflictError: Another space has this name.

    """
    name = _free_name(transaction, fields.get("name"))
    check_labels(fields)
    now = context.clock.stamp()
    record = Record(SPACE, identifier or context.identifiers.new(), "", name, {"metadata": {}, "entity": {}})
    record.metadata.update(created_at=now, creator_id=caller.user_id, id=record.id, url=f"/v2/spaces/{record.id}")
    record.entity.update({key: fields[key] for key in ("description", "tags", "type", "settings") if key in fields})
    record.entity.update(
        **compute_of(caller, fields),
        name=name,
        scope={"bss_account_id": "cpdaccount"},
        stage={"production": bool(object_in(fields, "stage").get("production", False))},
        status={"state": "preparing"},
    )
    record.private["members"] = [{"id": caller.user_id, "role": "admin", "state": "active", "type": "user"}]
    transaction.add(record)
    return record


def mark_active(context: Context, transaction: Transaction, record: Record) -> None:
    """Mark a space as active."""
    record.entity["status"] = {"state": "active"}
    record.metadata["updated_at"] = context.clock.stamp()
    transaction.save(record)


def update(context: Context, transaction: Transaction, record: Record, operations: list[Operation]) -> None:
    """Patch a space.

    Raises:
        InvalidRequestError: The patch changes a fixed field, or a value is invalid.
        ConflictError: Another space has the new name.

    """
    for operation in operations:
        if operation.root not in _PATCHABLE:
            raise InvalidRequestError(f"/{operation.root} of a space cannot be changed.")
        if operation.path == ("name",) and operation.value != record.name:
            record.name = _free_name(transaction, operation.value)
        apply(record.entity, operation)
    check_labels(record.entity)
    record.metadata["updated_at"] = context.clock.stamp()
    transaction.save(record)


def ensure_default(context: Context, transaction: Transaction, caller: Caller) -> str:
    """Return the id of the default space, creating it if missing."""
    space_id = transaction.setting("default_space") or context.identifiers.new()
    if transaction.get(SPACE, space_id) is None:
        taken = transaction.find(SPACE, where={"entity.name": DEFAULT_NAME})
        # Recreate it under the same id, which users have in their files.
        space = taken[0] if taken else create(context, transaction, caller, {"name": DEFAULT_NAME}, identifier=space_id)
        # The account has a user id on each platform; make both members.
        cloud = Caller(caller.username, "cloud")
        if not taken:
            space.private["members"].append({**space.private["members"][0], "id": cloud.user_id})
        mark_active(context, transaction, space)
        transaction.set_setting("default_space", space.id)
        return space.id
    return space_id


def compute_of(caller: Caller, fields: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the field with the instances of a space or project: that of Cloud Pak, or those that the caller names.

    Without instances the field is missing, since IBM's client fails on an empty list.
    """
    if caller.flavour == "software":
        return {"compute": [dict(_COMPUTE)]}
    given = fields.get("compute")
    named = [
        {"guid": _guid(item), **item} for item in (given if isinstance(given, list) else ()) if isinstance(item, dict)
    ]
    return {"compute": named} if named else {}


def _guid(item: dict[str, Any]) -> str:
    """Return the id of an instance, which is the eighth part of its cloud resource name."""
    parts = str(item.get("crn", "")).split(":")
    return parts[7] if len(parts) > 7 else ""  # noqa: PLR2004


def _free_name(transaction: Transaction, name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a space must be a non-empty string.")
    if transaction.find(SPACE, where={"entity.name": name}, limit=1):
        raise ConflictError(f"A space with the name '{name}' exists already.", code="space_name_exists")
    return name


async def activate(context: Context, space_id: str) -> None:
    """Activate a space once the pace set by a test allows it."""
    await context.control.pacing.wait(SPACE, space_id)
    with context.store.transaction() as transaction:
        record = transaction.get(SPACE, space_id)
        if record is not None:
            mark_active(context, transaction, record)


def resume(context: Context, records: Iterable[Record]) -> None:
    """Resume activations that were interrupted by the end of the last process."""
    for record in records:
        if record.entity["status"]["state"] == "preparing":
            context.spawn(activate(context, record.id))
