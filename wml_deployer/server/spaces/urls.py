"""Routes of the spaces."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.spaces import responses

__all__ = ["ROUTES"]

_MEMBERS = "/v2/spaces/{space_id}/members"

ROUTES = (
    Route("POST", "/v2/spaces", responses.create),
    Route("GET", "/v2/spaces", responses.listing),
    Route("GET", "/v2/spaces/{space_id}", responses.show),
    Route("PATCH", "/v2/spaces/{space_id}", responses.update),
    Route("DELETE", "/v2/spaces/{space_id}", responses.delete),
    Route("POST", _MEMBERS, responses.add_members),
    Route("GET", _MEMBERS, responses.list_members),
    Route("GET", f"{_MEMBERS}/{{member_id}}", responses.show_member),
    Route("PATCH", f"{_MEMBERS}/{{member_id}}", responses.update_member),
    Route("DELETE", f"{_MEMBERS}/{{member_id}}", responses.remove_member),
)
"""What these operations are."""
