"""Routes of the projects."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.projects import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/transactional/v2/projects", responses.create, takes="NewProject", gives="201 Located"),
    Route("DELETE", "/transactional/v2/projects/{project_id}", responses.delete, gives="204"),
    Route("GET", "/v2/projects", responses.listing, query="page name", gives="200 Projects"),
    Route("GET", "/v2/projects/{project_id}", responses.show, gives="200 Project"),
    Route("PATCH", "/v2/projects/{project_id}", responses.update, takes="ProjectChange", gives="200 Project"),
    Route(
        *("POST", "/v2/assets/{asset_id}/promote", responses.promote_asset),
        query="scope",
        takes="Promotion",
        gives="201 Asset",
    ),
    Route(
        *("POST", "/projects/api/rest/catalogs/assets/{asset_id}/promote", responses.promote),
        takes="PromotionFrom",
        gives="200 Promoted",
    ),
)
"""What these operations are."""
