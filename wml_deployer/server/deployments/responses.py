"""Deployments over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.deployments import models
from wml_deployer.server.deployments.changes import FollowUp, load_pending
from wml_deployer.server.deployments.changes import update as update_deployment
from wml_deployer.server.deployments.models import ServingNameTakenError, not_found, serving_name_of
from wml_deployer.server.deployments.predictions import predict
from wml_deployer.server.http import patch
from wml_deployer.server.http.paging import page
from wml_deployer.server.http.routing import JsonResponse, Route
from wml_deployer.server.spaces.containers import find_in_container, requested_container
from wml_deployer.server.storage.records import PRESENT

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.http.tokens import Flavour
    from wml_deployer.server.storage.records import Record

__all__ = ["ROUTES", "create", "delete", "document", "listing", "show", "update"]

#: Query parameters that filter a list, and their paths in the document.
_FILTERS = {
    "asset_id": "entity.asset.id",
    "name": "entity.name",
    "serving_name": "entity.online.parameters.serving_name",
    "state": "entity.status.state",
    "tag.value": "metadata.tags[]",
}


_METHODS = ("online", "batch")
# Recorded texts; the old client fails on an empty list of warnings.
_WARNINGS: dict[Flavour, str] = {
    "software": "online_url is deprecated and will be removed in a future release. Use serving_urls instead.",
    "cloud": (
        "online_url and serving_urls are deprecated and will be removed in a future release. Use inference instead."
    ),
}


def create(call: Call) -> JsonResponse:
    """Create a deployment."""
    container = requested_container(call)
    call.context.control.quota.check_deployments(call.transaction.count(models.KIND))
    record = models.create(call.context, call.transaction, call.caller, container, call.fields)
    if "online" in record.entity:
        _load_afterwards(call, record)
    return JsonResponse(202, _document(call, record))


def listing(call: Call) -> JsonResponse:
    """List the deployments of a space; with `conflict`, check whether a serving name is used anywhere."""
    if call.query.get("conflict") == "true" and "serving_name" in call.query:
        if models.with_serving_name(call.transaction, call.query["serving_name"]) is None:
            return JsonResponse(204)
        raise ServingNameTakenError(f"The serving name '{call.query['serving_name']}' is used by a deployment.")
    where: dict[str, Any] = {path: call.query[key] for key, path in _FILTERS.items() if key in call.query}
    if call.query.get("type") in _METHODS:
        where[f"entity.{call.query['type']}"] = PRESENT
    container = requested_container(call).id
    return JsonResponse(200, page(call, models.KIND, container, lambda record: _document(call, record), where=where))


def show(call: Call) -> JsonResponse:
    """Show a deployment."""
    record = _record(call)
    call.context.control.pacing.count_read(record.id)
    return JsonResponse(200, _document(call, record))


def update(call: Call) -> JsonResponse:
    """Patch a deployment; changes of the asset and the number of copies are completed in the background."""
    record = _record(call)
    operations = patch.parse(call.body)
    follow_up = update_deployment(call.context, call.transaction, record, operations)
    if follow_up is FollowUp.LOAD:
        _load_afterwards(call, record)
        return JsonResponse(202, _document(call, record))
    if follow_up is FollowUp.RELEASE:
        call.afterwards.append(lambda: call.context.spawn(call.context.serving.stop(record.id)))
        return JsonResponse(202, _document(call, record))
    renamed = any(operation.root == "online" for operation in operations)
    return JsonResponse(202 if renamed else 200, _document(call, record))


def delete(call: Call) -> JsonResponse:
    """Delete a deployment."""
    record = _record(call)
    call.transaction.remove(record)
    call.afterwards.append(lambda: call.context.end_deployment(record.id))
    return JsonResponse(204)


def _record(call: Call) -> Record:
    identifier = call.path["deployment_id"]
    return find_in_container(call, models.KIND, identifier, error=not_found(identifier))


def _load_afterwards(call: Call, record: Record) -> None:
    call.afterwards.append(lambda: call.context.spawn(load_pending(call.context, record.id)))


def _document(call: Call, record: Record) -> dict[str, Any]:
    return document(record, call.url, call.caller.flavour)


def document(record: Record, url: str, flavour: Flavour) -> dict[str, Any]:
    """Return the public document of a deployment: the stored one, with the URLs for predictions.

    Args:
        record: The deployment.
        url: URL under which the caller reaches the service.
        flavour: The platform; documents of IBM Cloud contain more.

    """
    if "online" not in record.entity:
        return record.document
    collection = f"{url}/ml/v4/deployments"
    names = [name for name in (record.id, serving_name_of(record)) if name is not None]
    urls = [f"{collection}/{name}/predictions" for name in names]
    status = {**record.entity["status"], "online_url": {"url": urls[0]}, "serving_urls": urls}
    if flavour == "cloud":
        status["inference"] = [{"url": each} for each in urls]
    return {
        "metadata": record.metadata,
        "entity": {**record.entity, "status": status},
        "system": {"warnings": [{"id": "Deprecated", "message": _WARNINGS[flavour]}]},
    }


ROUTES = (
    Route("POST", "/ml/v4/deployments/{deployment_id}/predictions", predict, takes="Rows", gives="200 Predictions"),
    Route("POST", "/ml/v4/deployments", create, query="scope", takes="NewDeployment", gives="202 Deployment"),
    Route(
        *("GET", "/ml/v4/deployments", listing),
        query="scope page name state tag asset_id",
        gives="200 Deployments, 204",
    ),
    Route("GET", "/ml/v4/deployments/{deployment_id}", show, query="scope", gives="200 Deployment"),
    Route(
        *("PATCH", "/ml/v4/deployments/{deployment_id}", update),
        query="scope",
        takes="DeploymentPatch",
        gives="200 Deployment, 202 Deployment",
    ),
    Route("DELETE", "/ml/v4/deployments/{deployment_id}", delete, query="scope", gives="204"),
)
"""The routes of deployments."""
