"""Spaces over HTTP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server import patch
from wml_deployer.server.containers import SPACE
from wml_deployer.server.paging import page
from wml_deployer.server.routing import Answer
from wml_deployer.server.spaces import models

if TYPE_CHECKING:
    from wml_deployer.server.records import Record
    from wml_deployer.server.routing import Call

__all__ = ["create", "delete", "listing", "show", "update"]


def create(call: Call) -> Answer:
    """Make a space."""
    record = models.create(call.context, call.transaction, call.caller, call.fields)
    return Answer(202, _with_members(record))


def listing(call: Call) -> Answer:
    """List the spaces, or the one of a name."""
    where = {"entity.name": call.query["name"]} if "name" in call.query else None
    return Answer(200, page(call, SPACE, None, lambda record: record.document, where=where, absolute=True))


def show(call: Call) -> Answer:
    """Show a space."""
    return Answer(200, models.find(call.transaction, call.path["space_id"]).document)


def update(call: Call) -> Answer:
    """Patch a space."""
    record = models.find(call.transaction, call.path["space_id"])
    models.update(call.context, call.transaction, record, patch.parse(call.body))
    return Answer(200, _with_members(record))


def delete(call: Call) -> Answer:
    """Delete a space with everything in it."""
    record = models.find(call.transaction, call.path["space_id"])
    for deployment in models.delete(call.transaction, record):
        call.afterwards.append(partial(_stop, call, deployment.id))
    return Answer(202, record.document)


def _stop(call: Call, deployment_id: str) -> None:
    call.context.spawn(call.context.serving.stop(deployment_id))


def _with_members(record: Record) -> dict[str, Any]:
    """Return the document as it is after a change: with the members, as recorded."""
    return {"metadata": record.metadata, "entity": {**record.entity, "members": record.private["members"]}}
