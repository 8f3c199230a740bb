"""Routes of the spaces."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.spaces import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/v2/spaces", responses.create),
    Route("GET", "/v2/spaces", responses.listing),
    Route("GET", "/v2/spaces/{space_id}", responses.show),
    Route("PATCH", "/v2/spaces/{space_id}", responses.update),
    Route("DELETE", "/v2/spaces/{space_id}", responses.delete),
)
"""What these operations are."""
