"""Spaces over HTTP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.http import patch
from wml_deployer.server.http.paging import link, page, size_of, start_of
from wml_deployer.server.http.routing import JsonResponse, Route
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


def create(call: Call) -> JsonResponse:
    """Create a space."""
    record = models.create(call.context, call.transaction, call.caller, call.fields)
    # Clients wait for ten seconds if a space is not active immediately.
    if call.context.control.pacing.is_immediate(SPACE):
        models.mark_active(call.context, call.transaction, record)
    else:
        call.afterwards.append(lambda: call.context.spawn(models.activate(call.context, record.id)))
    return JsonResponse(202, _with_members(record))


def listing(call: Call) -> JsonResponse:
    """List the spaces, or the one with a name; with their members if asked for."""
    where = {"entity.name": call.query["name"]} if "name" in call.query else None
    return JsonResponse(200, page(call, SPACE, None, partial(_included, call), where=where, absolute=True))


def show(call: Call) -> JsonResponse:
    """Show a space; with its members if asked for."""
    call.context.control.pacing.count_read(call.path["space_id"])
    return JsonResponse(200, _included(call, _space(call)))


def update(call: Call) -> JsonResponse:
    """Patch a space."""
    record = _space(call)
    models.update(call.context, call.transaction, record, patch.parse(call.body))
    return JsonResponse(200, _with_members(record))


def delete(call: Call) -> JsonResponse:
    """Delete a space with everything in it."""
    record = _space(call)
    remove_container(call, record)
    return JsonResponse(202, record.document)


def add_members(call: Call) -> JsonResponse:
    """Add members to a space."""
    record = _space(call)
    return JsonResponse(200, {"resources": members.add(call.transaction, record, call.fields.get("members"))})


def list_members(call: Call) -> JsonResponse:
    """List the members of a space."""
    found, start, limit = members.members_of(_space(call)), start_of(call), size_of(call)
    first = {"href": call.url + link(call.location, limit, None)}
    listed = {"first": first, "limit": limit, "resources": found[start : start + limit]}
    if len(found) > start + limit:
        listed["next"] = {"href": call.url + link(call.location, limit, start + limit)}
    return JsonResponse(200, listed)


def show_member(call: Call) -> JsonResponse:
    """Show a member of a space."""
    return JsonResponse(200, members.find(_space(call), call.path["member_id"]))


def update_member(call: Call) -> JsonResponse:
    """Patch the role or state of a member."""
    record = _space(call)
    member = members.find(record, call.path["member_id"])
    members.update(call.transaction, record, member, patch.parse(call.body))
    return JsonResponse(200, member)


def remove_member(call: Call) -> JsonResponse:
    """Remove a member from a space."""
    record = _space(call)
    members.remove(call.transaction, record, members.find(record, call.path["member_id"]))
    return JsonResponse(204)


def _space(call: Call) -> Record:
    return find_container(call.transaction, SPACE, call.path["space_id"])


def _included(call: Call, record: Record) -> dict[str, Any]:
    """Return the document with what the query includes in it."""
    return _with_members(record) if "members" in call.query.get("include", "").split(",") else record.document


def _with_members(record: Record) -> dict[str, Any]:
    """Return the document with the members, as responses to changes contain it (recorded)."""
    return {"metadata": record.metadata, "entity": {**record.entity, "members": record.private["members"]}}


_MEMBERS = "/v2/spaces/{space_id}/members"

ROUTES = (
    Route("POST", "/v2/spaces", create, takes="NewSpace", gives="202 Space"),
    Route("GET", "/v2/spaces", listing, query="page name space_parts", gives="200 Spaces"),
    Route("GET", "/v2/spaces/{space_id}", show, query="space_parts", gives="200 Space"),
    Route("PATCH", "/v2/spaces/{space_id}", update, takes="SpacePatch", gives="200 Space"),
    Route("DELETE", "/v2/spaces/{space_id}", delete, gives="202 Space"),
    Route("POST", _MEMBERS, add_members, takes="NewMembers", gives="200 Members"),
    Route("GET", _MEMBERS, list_members, query="page", gives="200 Members"),
    Route("GET", f"{_MEMBERS}/{{member_id}}", show_member, gives="200 Member"),
    Route("PATCH", f"{_MEMBERS}/{{member_id}}", update_member, takes="MemberPatch", gives="200 Member"),
    Route("DELETE", f"{_MEMBERS}/{{member_id}}", remove_member, gives="204"),
)
"""The routes of spaces."""
