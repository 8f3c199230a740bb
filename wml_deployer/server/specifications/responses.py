"""Specifications and package extensions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.http.routing import JsonResponse, Route
from wml_deployer.server.http.signatures import Grant
from wml_deployer.server.spaces.containers import requested_container
from wml_deployer.server.specifications import derived, hardware, models, package_extensions

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.specifications.models import Software
    from wml_deployer.server.storage.records import Record

__all__ = [
    "ROUTES",
    "add_software_extension",
    "complete_extension",
    "create_extension",
    "create_hardware",
    "create_software",
    "delete_extension",
    "delete_hardware",
    "delete_software",
    "list_extensions",
    "list_hardware",
    "list_software",
    "list_states",
    "remove_software_extension",
    "show_extension",
    "show_hardware",
    "show_software",
]


def list_software(call: Call) -> JsonResponse:
    """List the software specifications, or those with a name."""
    return _collection([_document(call, software) for software in _software(call, call.query.get("name"))])


def show_software(call: Call) -> JsonResponse:
    """Show a software specification."""
    return JsonResponse(200, _document(call, _specifications(call).find(call.path["specification_id"])))


def create_software(call: Call) -> JsonResponse:
    """Derive a software specification."""
    record = derived.create(
        call.context, call.transaction, call.caller, call.fields, container=requested_container(call)
    )
    return JsonResponse(201, derived.show(call.transaction, record))


def delete_software(call: Call) -> JsonResponse:
    """Delete a derived software specification."""
    call.transaction.remove(_derived(call))
    return JsonResponse(204)


def add_software_extension(call: Call) -> JsonResponse:
    """Add a package extension to a derived software specification."""
    derived.add_extension(call.transaction, _derived(call), call.path["extension_id"])
    return JsonResponse(204)


def remove_software_extension(call: Call) -> JsonResponse:
    """Remove a package extension from a derived software specification."""
    derived.remove_extension(call.transaction, _derived(call), call.path["extension_id"])
    return JsonResponse(204)


def list_states(call: Call) -> JsonResponse:
    """List the states of the software specifications, or the specifications in one state."""
    state = call.query.get("state")
    software = [each for each in _software(call, None) if state in (None, each.state)]
    return JsonResponse(200, {"results": [_state(each) for each in software], "total_results": len(software)})


def list_hardware(call: Call) -> JsonResponse:
    """List the hardware specifications, or those with a name."""
    found = hardware.documents(call.transaction, _scope(call), call.query.get("name"))
    return _collection(found)


def show_hardware(call: Call) -> JsonResponse:
    """Show a hardware specification."""
    return JsonResponse(200, hardware.document(call.transaction, call.path["specification_id"]))


def create_hardware(call: Call) -> JsonResponse:
    """Create a hardware specification."""
    return JsonResponse(
        201, hardware.create(call.context, call.transaction, call.fields, container=requested_container(call)).document
    )


def delete_hardware(call: Call) -> JsonResponse:
    """Delete a hardware specification."""
    call.transaction.remove(
        hardware.find(call.transaction, requested_container(call).id, call.path["specification_id"])
    )
    return JsonResponse(204)


def _software(call: Call, name: str | None) -> list[Software]:
    return _specifications(call).list(_scope(call), name)


def _specifications(call: Call) -> models.Specifications:
    return models.Specifications(call.transaction, call.caller.flavour)


def _scope(call: Call) -> str | None:
    """Return the id of the requested container, if any: base specifications can be listed without one."""
    return call.query.get("space_id") or call.query.get("project_id")


def _derived(call: Call) -> Record:
    return derived.find(call.transaction, requested_container(call).id, call.path["specification_id"])


def _document(call: Call, software: Software) -> dict[str, Any]:
    record = call.transaction.get(models.SOFTWARE_KIND, software.id)
    return software.document if record is None else derived.show(call.transaction, record)


def _state(software: Software) -> dict[str, Any]:
    state = {"id": software.id, "name": software.name, "state": software.state}
    return {**state, "replacement": software.replacement} if software.replacement else state


def _collection(resources: list[dict[str, Any]]) -> JsonResponse:
    return JsonResponse(200, {"total_results": len(resources), "resources": resources})


def create_extension(call: Call) -> JsonResponse:
    """Create a package extension; the response contains the URL to upload it to."""
    record = package_extensions.create(
        call.context, call.transaction, call.caller, call.fields, container=requested_container(call)
    )
    return JsonResponse(201, _extension_document(call, record, writing=True))


def list_extensions(call: Call) -> JsonResponse:
    """List the package extensions of a space, or those with a name."""
    where = {"metadata.name": call.query["name"]} if "name" in call.query else None
    found = call.transaction.find(package_extensions.KIND, requested_container(call).id, where=where)
    return JsonResponse(
        200, {"total_results": len(found), "resources": [_extension_document(call, record) for record in found]}
    )


def show_extension(call: Call) -> JsonResponse:
    """Show a package extension; the response contains the URL to download it from."""
    return JsonResponse(200, _extension_document(call, _extension(call)))


def complete_extension(call: Call) -> JsonResponse:
    """Complete a package extension after its upload."""
    package_extensions.complete(call.transaction, _extension(call))
    return JsonResponse(204)


def delete_extension(call: Call) -> JsonResponse:
    """Delete a package extension."""
    call.transaction.remove(_extension(call))
    return JsonResponse(204)


def _extension(call: Call) -> Record:
    return package_extensions.find(call.transaction, requested_container(call).id, call.path["extension_id"])


def _extension_document(call: Call, record: Record, *, writing: bool = False) -> dict[str, Any]:
    """Return the document with a signed URL; clients expect the name of the kind as its last part but one."""
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
    Route("PUT", _EXTENSION, add_software_extension, query="scope", gives="204"),
    Route("DELETE", _EXTENSION, remove_software_extension, query="scope", gives="204"),
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
