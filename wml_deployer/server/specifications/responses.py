"""Specifications over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.http.routing import Answer, Route
from wml_deployer.server.http.signatures import Grant
from wml_deployer.server.spaces.containers import container_of
from wml_deployer.server.specifications import derived, hardware, models, package_extensions

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.specifications.models import Software
    from wml_deployer.server.storage.records import Record

__all__ = [
    "ROUTES",
    "complete_extension",
    "create_extension",
    "create_hardware",
    "create_software",
    "delete_extension",
    "delete_hardware",
    "delete_software",
    "extend_software",
    "list_extensions",
    "list_hardware",
    "list_software",
    "list_states",
    "reduce_software",
    "show_extension",
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


def create_extension(call: Call) -> Answer:
    """Create a package extension; the answer has the URL to upload it to."""
    record = package_extensions.create(
        call.context, call.transaction, call.caller, call.fields, container=container_of(call)
    )
    return Answer(201, _extension_document(call, record, writing=True))


def list_extensions(call: Call) -> Answer:
    """List the package extensions of a space, or those of a name."""
    where = {"metadata.name": call.query["name"]} if "name" in call.query else None
    found = call.transaction.find(package_extensions.KIND, container_of(call).id, where=where)
    return Answer(
        200, {"total_results": len(found), "resources": [_extension_document(call, record) for record in found]}
    )


def show_extension(call: Call) -> Answer:
    """Show a package extension; the answer has the URL to download it from."""
    return Answer(200, _extension_document(call, _extension(call)))


def complete_extension(call: Call) -> Answer:
    """Complete a package extension once it is uploaded."""
    package_extensions.complete(call.transaction, _extension(call))
    return Answer(204)


def delete_extension(call: Call) -> Answer:
    """Delete a package extension."""
    call.transaction.remove(_extension(call))
    return Answer(204)


def _extension(call: Call) -> Record:
    return package_extensions.find(call.transaction, container_of(call).id, call.path["extension_id"])


def _extension_document(call: Call, record: Record, *, writing: bool = False) -> dict[str, Any]:
    """Return the document with a signed URL, whose last but one part must be the kind's name."""
    url = call.signed_url(
        package_extensions.KIND, Grant(record.kind, record.id, package_extensions.SLOT, writing=writing)
    )
    return {
        "metadata": record.metadata,
        "entity": {package_extensions.KIND: {**record.entity[package_extensions.KIND], "href": url}},
    }


_ONE_EXTENSION = "/v2/package_extensions/{extension_id}"
_SOFTWARE = "/v2/software_specifications"
_HARDWARE = "/v2/hardware_specifications"
_EXTENSION = f"{_SOFTWARE}/{{specification_id}}/package_extensions/{{extension_id}}"

ROUTES = (
    Route("GET", _SOFTWARE, list_software, query="scope name", gives="200 Specifications"),
    Route(
        *("POST", _SOFTWARE, create_software),
        query="scope",
        takes="NewSpecification",
        gives="201 Specification",
    ),
    Route("GET", f"{_SOFTWARE}/{{specification_id}}", show_software, query="scope", gives="200 Specification"),
    Route("DELETE", f"{_SOFTWARE}/{{specification_id}}", delete_software, query="scope", gives="204"),
    Route("PUT", _EXTENSION, extend_software, query="scope", gives="204"),
    Route("DELETE", _EXTENSION, reduce_software, query="scope", gives="204"),
    Route("GET", "/ml/v4/list/software_specifications", list_states, query="scope state", gives="200 States"),
    Route("GET", _HARDWARE, list_hardware, query="scope name", gives="200 Hardwares"),
    Route("POST", _HARDWARE, create_hardware, query="scope", takes="NewHardware", gives="201 Hardware"),
    Route("GET", f"{_HARDWARE}/{{specification_id}}", show_hardware, query="scope", gives="200 Hardware"),
    Route("DELETE", f"{_HARDWARE}/{{specification_id}}", delete_hardware, query="scope", gives="204"),
    Route(
        "POST", "/v2/package_extensions", create_extension, query="scope", takes="NewExtension", gives="201 Extension"
    ),
    Route("GET", "/v2/package_extensions", list_extensions, query="scope name", gives="200 Extensions"),
    Route("GET", _ONE_EXTENSION, show_extension, query="scope", gives="200 Extension"),
    Route("DELETE", _ONE_EXTENSION, delete_extension, query="scope", gives="204"),
    Route("POST", f"{_ONE_EXTENSION}/upload_complete", complete_extension, query="scope", gives="204"),
)
"""The routes of specifications and package extensions."""
