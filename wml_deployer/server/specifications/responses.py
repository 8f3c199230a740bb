"""Specifications over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import NotFoundError
from wml_deployer.server.routing import Answer
from wml_deployer.server.specifications import models
from wml_deployer.server.specifications.catalogue import HARDWARE

if TYPE_CHECKING:
    from wml_deployer.server.routing import Call
    from wml_deployer.server.specifications.models import Software

__all__ = ["list_hardware", "list_software", "list_states", "show_hardware", "show_software"]


def list_software(call: Call) -> Answer:
    """List the software specifications, or those of a name."""
    return _collection([software.document for software in _software(call, call.query.get("name"))])


def show_software(call: Call) -> Answer:
    """Show a software specification."""
    return Answer(200, models.find_software(call.transaction, call.path["specification_id"]).document)


def list_states(call: Call) -> Answer:
    """List where each software specification is in its life, or those in one state."""
    wanted = call.query.get("state")
    software = [each for each in _software(call, None) if wanted in (None, each.state)]
    return Answer(200, {"results": [_state(each) for each in software], "total_results": len(software)})


def list_hardware(call: Call) -> Answer:
    """List the hardware specifications, or those of a name."""
    return _collection(models.hardware_documents(call.query.get("name")))


def show_hardware(call: Call) -> Answer:
    """Show a hardware specification."""
    identifier = call.path["specification_id"]
    for name, (known, _, _) in HARDWARE.items():
        if known == identifier:
            return Answer(200, models.hardware_document(name))
    raise NotFoundError(f"The hardware specification with id '{identifier}' does not exist.")


def _software(call: Call, name: str | None) -> list[Software]:
    container = call.query.get("space_id") or call.query.get("project_id")
    return models.software_documents(call.transaction, container, name)


def _state(software: Software) -> dict[str, Any]:
    state = {"id": software.id, "name": software.name, "state": software.state}
    return {**state, "replacement": software.replacement} if software.replacement else state


def _collection(resources: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"total_results": len(resources), "resources": resources})
