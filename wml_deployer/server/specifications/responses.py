"""Specifications over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.containers import container_of
from wml_deployer.server.http.routing import Answer
from wml_deployer.server.specifications import derived, hardware, models

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.specifications.models import Software
    from wml_deployer.server.storage.records import Record

__all__ = [
    "create_hardware",
    "create_software",
    "delete_hardware",
    "delete_software",
    "extend_software",
    "list_hardware",
    "list_software",
    "list_states",
    "reduce_software",
    "show_hardware",
    "show_software",
]


def list_software(call: Call) -> Answer:
    """List the software specifications, or those of a name."""
    return _collection([_document(call, software) for software in _software(call, call.query.get("name"))])


def show_software(call: Call) -> Answer:
    """Show a software specification."""
    return Answer(200, _document(call, _specifications(call).find(call.path["specification_id"])))


def create_software(call: Call) -> Answer:
    """Derive a software specification."""
    record = derived.create(call.context, call.transaction, call.caller, call.fields, container=container_of(call))
    return Answer(201, derived.show(call.transaction, record))


def delete_software(call: Call) -> Answer:
    """Delete a derived software specification."""
    call.transaction.remove(_derived(call))
    return Answer(204)


def extend_software(call: Call) -> Answer:
    """Add a package extension to a derived software specification."""
    derived.extend(call.transaction, _derived(call), call.path["extension_id"])
    return Answer(204)


def reduce_software(call: Call) -> Answer:
    """Remove a package extension from a derived software specification."""
    derived.reduce(call.transaction, _derived(call), call.path["extension_id"])
    return Answer(204)


def list_states(call: Call) -> Answer:
    """List the states of the software specifications, or the specifications in one state."""
    wanted = call.query.get("state")
    software = [each for each in _software(call, None) if wanted in (None, each.state)]
    return Answer(200, {"results": [_state(each) for each in software], "total_results": len(software)})


def list_hardware(call: Call) -> Answer:
    """List the hardware specifications, or those of a name."""
    found = hardware.documents(call.transaction, _scope(call), call.query.get("name"))
    return _collection(found)


def show_hardware(call: Call) -> Answer:
    """Show a hardware specification."""
    return Answer(200, hardware.document(call.transaction, call.path["specification_id"]))


def create_hardware(call: Call) -> Answer:
    """Create a hardware specification."""
    return Answer(
        201, hardware.create(call.context, call.transaction, call.fields, container=container_of(call)).document
    )


def delete_hardware(call: Call) -> Answer:
    """Delete a hardware specification."""
    call.transaction.remove(hardware.find(call.transaction, container_of(call).id, call.path["specification_id"]))
    return Answer(204)


def _software(call: Call, name: str | None) -> list[Software]:
    return _specifications(call).list(_scope(call), name)


def _specifications(call: Call) -> models.Specifications:
    return models.Specifications(call.transaction, call.caller.flavour)


def _scope(call: Call) -> str | None:
    """Return the container that is asked about: base specifications are asked for without one, too."""
    return call.query.get("space_id") or call.query.get("project_id")


def _derived(call: Call) -> Record:
    return derived.find(call.transaction, container_of(call).id, call.path["specification_id"])


def _document(call: Call, software: Software) -> dict[str, Any]:
    record = call.transaction.get(models.SOFTWARE_KIND, software.id)
    return software.document if record is None else derived.show(call.transaction, record)


def _state(software: Software) -> dict[str, Any]:
    state = {"id": software.id, "name": software.name, "state": software.state}
    return {**state, "replacement": software.replacement} if software.replacement else state


def _collection(resources: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"total_results": len(resources), "resources": resources})
