"""Jobs over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.http.paging import page
from wml_deployer.server.http.routing import JsonResponse, Route
from wml_deployer.server.jobs import models
from wml_deployer.server.jobs.running import run
from wml_deployer.server.spaces.containers import find_in_container, requested_container

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = ["ROUTES", "create", "delete", "listing", "show"]

_FILTERS = {"deployment_id": "entity.deployment.id", "state": "entity.scoring.status.state", "name": "metadata.name"}


def create(call: Call) -> JsonResponse:
    """Queue a job."""
    record = models.create(
        call.context, call.transaction, call.caller, call.fields, container=requested_container(call)
    )
    context = call.context
    call.afterwards.append(lambda: context.spawn(run(context, record.id)))
    return JsonResponse(202, record.document)


def listing(call: Call) -> JsonResponse:
    """List the jobs of a space."""
    where = {path: call.query[key] for key, path in _FILTERS.items() if key in call.query}
    container = requested_container(call).id
    return JsonResponse(200, page(call, models.KIND, container, lambda record: _document(call, record), where=where))


def show(call: Call) -> JsonResponse:
    """Show a job; `include` selects parts of its scoring section."""
    record = _record(call)
    call.context.control.pacing.count_read(record.id)
    return JsonResponse(200, _document(call, record))


def delete(call: Call) -> JsonResponse:
    """Cancel a job, or delete it with `hard_delete`."""
    record = _record(call)
    call.context.control.pacing.forget(record.id)
    if call.query.get("hard_delete", "").lower() == "true":
        call.transaction.remove(record)
    else:
        models.cancel(call.context, call.transaction, record)
    return JsonResponse(204)


def _record(call: Call) -> Record:
    identifier = call.path["job_id"]
    return find_in_container(call, models.KIND, identifier, error=models.not_found(identifier))


def _document(call: Call, record: Record) -> dict[str, Any]:
    include = call.query.get("include")
    if not include:
        return record.document
    names = {name.strip() for name in include.split(",")}
    scoring = {key: value for key, value in record.entity["scoring"].items() if key in names}
    return {"metadata": record.metadata, "entity": {**record.entity, "scoring": scoring}}


ROUTES = (
    Route("POST", "/ml/v4/deployment_jobs", create, query="scope", takes="NewJob", gives="202 Job"),
    Route(
        *("GET", "/ml/v4/deployment_jobs", listing),
        query="scope page name state deployment_id include",
        gives="200 Jobs",
    ),
    Route("GET", "/ml/v4/deployment_jobs/{job_id}", show, query="scope include", gives="200 Job"),
    Route("DELETE", "/ml/v4/deployment_jobs/{job_id}", delete, query="scope hard_delete", gives="204"),
)
"""The routes of jobs."""
