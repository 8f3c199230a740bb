"""Spaces over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.http import patch
from wml_deployer.server.http.paging import page, size_of
from wml_deployer.server.http.routing import Answer, Route
from wml_deployer.server.spaces import members, models
from wml_deployer.server.spaces.containers import SPACE, find_container, remove_container

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = [
    "ROUTES",
    "add_members",
    "create",
    "delete",
    "list_members",
    "listing",
    "remove_member",
    "show",
    "show_member",
    "update",
    "update_member",
]


def create(call: Call) -> Answer:
    """Create a space."""
    record = models.create(call.context, call.transaction, call.caller, call.fields)
    # Clients look again after ten seconds where a space is not active at once.
    if call.context.control.pacing.at_once(SPACE):
        models.mark_active(call.context, call.transaction, record)
    else:
        call.afterwards.append(lambda: call.context.spawn(models.activate(call.context, record.id)))
    return Answer(202, _with_members(record))


def listing(call: Call) -> Answer:
    """List the spaces, or the one of a name."""
    where = {"entity.name": call.query["name"]} if "name" in call.query else None
    return Answer(200, page(call, SPACE, None, lambda record: record.document, where=where, absolute=True))


def show(call: Call) -> Answer:
    """Show a space."""
    call.context.control.pacing.looked(call.path["space_id"])
    return Answer(200, _space(call).document)


def update(call: Call) -> Answer:
    """Patch a space."""
    record = _space(call)
    models.update(call.context, call.transaction, record, patch.parse(call.body))
    return Answer(200, _with_members(record))


def delete(call: Call) -> Answer:
    """Delete a space with everything in it."""
    record = _space(call)
    remove_container(call, record)
    return Answer(202, record.document)


def add_members(call: Call) -> Answer:
    """Add members to a space."""
    record = _space(call)
    return Answer(200, {"resources": members.add(call.transaction, record, call.fields.get("members"))})


def list_members(call: Call) -> Answer:
    """List the members of a space."""
    found = members.members_of(_space(call))
    href = f"{call.url}/v2/spaces/{call.path['space_id']}/members?limit={size_of(call)}"
    return Answer(200, {"first": {"href": href}, "limit": size_of(call), "resources": found[: size_of(call)]})


def show_member(call: Call) -> Answer:
    """Show a member of a space."""
    return Answer(200, members.find(_space(call), call.path["member_id"]))


def update_member(call: Call) -> Answer:
    """Patch the role or state of a member."""
    record = _space(call)
    member = members.find(record, call.path["member_id"])
    members.update(call.transaction, record, member, patch.parse(call.body))
    return Answer(200, member)


def remove_member(call: Call) -> Answer:
    """Remove a member from a space."""
    record = _space(call)
    members.remove(call.transaction, record, members.find(record, call.path["member_id"]))
    return Answer(204)


def _space(call: Call) -> Record:
    return find_container(call.transaction, SPACE, call.path["space_id"])


def _with_members(record: Record) -> dict[str, Any]:
    """Return the document as it is after a change: with the members, as recorded."""
    return {"metadata": record.metadata, "entity": {**record.entity, "members": record.private["members"]}}


_MEMBERS = "/v2/spaces/{space_id}/members"

ROUTES = (
    Route("POST", "/v2/spaces", create, takes="NewSpace", gives="202 Space"),
    Route("GET", "/v2/spaces", listing, query="page name", gives="200 Spaces"),
    Route("GET", "/v2/spaces/{space_id}", show, gives="200 Space"),
    Route("PATCH", "/v2/spaces/{space_id}", update, takes="SpacePatch", gives="200 Space"),
    Route("DELETE", "/v2/spaces/{space_id}", delete, gives="202 Space"),
    Route("POST", _MEMBERS, add_members, takes="NewMembers", gives="200 Members"),
    Route("GET", _MEMBERS, list_members, query="page", gives="200 Members"),
    Route("GET", f"{_MEMBERS}/{{member_id}}", show_member, gives="200 Member"),
    Route("PATCH", f"{_MEMBERS}/{{member_id}}", update_member, takes="MemberPatch", gives="200 Member"),
    Route("DELETE", f"{_MEMBERS}/{{member_id}}", remove_member, gives="204"),
)
"""The routes of spaces."""
