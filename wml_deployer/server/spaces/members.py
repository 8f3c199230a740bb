"""Members of spaces. Since there is only one account, they are stored and shown, but have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import InvalidRequestError, NotFoundError, wrong_field
from wml_deployer.server.http.patch import Operation, apply

if TYPE_CHECKING:
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["add", "find", "members_of", "remove", "update"]

_ROLES = ("admin", "editor", "viewer")
_TYPES = ("user", "group", "service")


def members_of(record: Record) -> list[dict[str, Any]]:
    """Return the members of a space."""
    members: list[dict[str, Any]] = record.private["members"]
    return members


def add(transaction: Transaction, record: Record, members: Any) -> list[dict[str, Any]]:
    """Add members, each in place of one with the same id if there is one; return the new ones.

    Raises:
        InvalidRequestError: They are not a list of members, or a field is invalid.

    """
    if not isinstance(members, list) or not members:
        raise wrong_field("members", "The members must be a non-empty list.")
    added = [_checked(member) for member in members]
    kept = [member for member in members_of(record) if member["id"] not in {new["id"] for new in added}]
    record.private["members"] = kept + added
    transaction.save(record)
    return added


def find(record: Record, identifier: str) -> dict[str, Any]:
    """Return the member with this id.

    Raises:
        NotFoundError: The member does not exist.

    """
    for member in members_of(record):
        if member["id"] == identifier:
            return member
    raise NotFoundError(f"The space has no member with id '{identifier}'.", code="member_does_not_exist")


def update(transaction: Transaction, record: Record, member: dict[str, Any], operations: list[Operation]) -> None:
    """Patch a member.

    Raises:
        InvalidRequestError: The patch changes another field than role and state, or a value is invalid.

    """
    for operation in operations:
        if operation.root not in ("role", "state"):
            raise InvalidRequestError(f"/{operation.root} of a member cannot be changed.")
        apply(member, operation)
    _checked(member)
    transaction.save(record)


def remove(transaction: Transaction, record: Record, member: dict[str, Any]) -> None:
    """Remove a member."""
    members_of(record).remove(member)
    transaction.save(record)


def _checked(member: Any) -> dict[str, Any]:
    if not isinstance(member, dict) or not isinstance(member.get("id"), str):
        raise wrong_field("members", "A member must be an object with an id.")
    if member.get("role") not in _ROLES:
        raise wrong_field("role", f"The role of a member must be one of {', '.join(_ROLES)}.")
    if member.get("type", "user") not in _TYPES:
        raise wrong_field("type", f"The type of a member must be one of {', '.join(_TYPES)}.")
    return {"state": "active", "type": "user", **member}
