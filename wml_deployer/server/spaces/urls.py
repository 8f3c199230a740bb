"""Routes of the spaces."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.spaces import responses

__all__ = ["ROUTES"]

_MEMBERS = "/v2/spaces/{space_id}/members"

ROUTES = (
    Route("POST", "/v2/spaces", responses.create, takes="NewSpace", gives="202 Space"),
    Route("GET", "/v2/spaces", responses.listing, query="page name", gives="200 Spaces"),
    Route("GET", "/v2/spaces/{space_id}", responses.show, gives="200 Space"),
    Route("PATCH", "/v2/spaces/{space_id}", responses.update, takes="SpacePatch", gives="200 Space"),
    Route("DELETE", "/v2/spaces/{space_id}", responses.delete, gives="202 Space"),
    Route("POST", _MEMBERS, responses.add_members, takes="NewMembers", gives="200 Members"),
    Route("GET", _MEMBERS, responses.list_members, query="page", gives="200 Members"),
    Route("GET", f"{_MEMBERS}/{{member_id}}", responses.show_member, gives="200 Member"),
    Route("PATCH", f"{_MEMBERS}/{{member_id}}", responses.update_member, takes="MemberPatch", gives="200 Member"),
    Route("DELETE", f"{_MEMBERS}/{{member_id}}", responses.remove_member, gives="204"),
)
"""What these operations are."""
