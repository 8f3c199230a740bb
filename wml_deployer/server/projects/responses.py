"""Projects over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.artifacts.models import KINDS
from wml_deployer.server.assets import models as assets
from wml_deployer.server.http.paging import page
from wml_deployer.server.http.routing import JsonResponse, Route
from wml_deployer.server.projects import models
from wml_deployer.server.spaces.containers import PROJECT, SPACE, find_container, find_named, remove_container

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = ["ROUTES", "create", "delete", "listing", "promote", "promote_asset", "show", "update"]


def create(call: Call) -> JsonResponse:
    """Create a project."""
    record = models.create(call.context, call.transaction, call.caller, call.fields)
    return JsonResponse(201, {"location": f"/v2/projects/{record.id}"})


def listing(call: Call) -> JsonResponse:
    """List the projects."""
    where = {"entity.name": call.query["name"]} if "name" in call.query else None
    return JsonResponse(200, page(call, PROJECT, None, lambda record: record.document, where=where, absolute=True))


def show(call: Call) -> JsonResponse:
    """Show a project."""
    return JsonResponse(200, _project(call).document)


def update(call: Call) -> JsonResponse:
    """Update a project."""
    record = _project(call)
    models.update(call.context, call.transaction, record, call.fields)
    return JsonResponse(200, record.document)


def delete(call: Call) -> JsonResponse:
    """Delete a project with everything in it."""
    record = _project(call)
    remove_container(call, record)
    return JsonResponse(204)


def promote(call: Call) -> JsonResponse:
    """Copy an asset of a project to a space, in the form that the clients use."""
    project = find_container(call.transaction, PROJECT, str(call.fields.get("projectId")))
    space = find_container(call.transaction, SPACE, str(call.fields.get("spaceId")))
    record = assets.find(call.transaction, project, call.path["asset_id"])
    copy = models.promote(call.context, call.transaction, record, space)
    return JsonResponse(200, {"promotedAsset": {"asset_id": copy.id, "asset_name": copy.name}})


def promote_asset(call: Call) -> JsonResponse:
    """Copy an asset of the project in the query to the space in the body."""
    space = find_container(call.transaction, SPACE, str(call.fields.get("space_id")))
    record = assets.find(call.transaction, find_named(call.transaction, call.query), call.path["asset_id"])
    copy = models.promote(call.context, call.transaction, record, space)
    return JsonResponse(201, assets.artifact_as_asset(copy) if copy.kind in KINDS else copy.document)


def _project(call: Call) -> Record:
    return find_container(call.transaction, PROJECT, call.path["project_id"])


ROUTES = (
    Route("POST", "/transactional/v2/projects", create, takes="NewProject", gives="201 Located"),
    Route("DELETE", "/transactional/v2/projects/{project_id}", delete, gives="204"),
    Route("GET", "/v2/projects", listing, query="page name", gives="200 Projects"),
    Route("GET", "/v2/projects/{project_id}", show, gives="200 Project"),
    Route("PATCH", "/v2/projects/{project_id}", update, takes="ProjectChange", gives="200 Project"),
    Route(
        *("POST", "/v2/assets/{asset_id}/promote", promote_asset),
        query="scope",
        takes="Promotion",
        gives="201 Asset",
    ),
    Route(
        *("POST", "/projects/api/rest/catalogs/assets/{asset_id}/promote", promote),
        takes="PromotionFrom",
        gives="200 Promoted",
    ),
)
"""The routes of projects."""
