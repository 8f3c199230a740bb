"""Routes of the projects."""

from __future__ import annotations

from wml_deployer.server.projects import responses
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/transactional/v2/projects", responses.create),
    Route("DELETE", "/transactional/v2/projects/{project_id}", responses.delete),
    Route("GET", "/v2/projects", responses.listing),
    Route("GET", "/v2/projects/{project_id}", responses.show),
    Route("PATCH", "/v2/projects/{project_id}", responses.update),
    Route("POST", "/v2/assets/{asset_id}/promote", responses.promote_asset),
    Route("POST", "/projects/api/rest/catalogs/assets/{asset_id}/promote", responses.promote),
)
"""What these operations are."""
