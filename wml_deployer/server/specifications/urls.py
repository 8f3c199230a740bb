"""Routes of the specifications."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.specifications import responses

__all__ = ["ROUTES"]

_SOFTWARE = "/v2/software_specifications"
_HARDWARE = "/v2/hardware_specifications"
_EXTENSION = f"{_SOFTWARE}/{{specification_id}}/package_extensions/{{extension_id}}"

ROUTES = (
    Route("GET", _SOFTWARE, responses.list_software, query="scope name", gives="200 Specifications"),
    Route(
        *("POST", _SOFTWARE, responses.create_software),
        query="scope",
        takes="NewSpecification",
        gives="201 Specification",
    ),
    Route(
        "GET", f"{_SOFTWARE}/{{specification_id}}", responses.show_software, query="scope", gives="200 Specification"
    ),
    Route("DELETE", f"{_SOFTWARE}/{{specification_id}}", responses.delete_software, query="scope", gives="204"),
    Route("PUT", _EXTENSION, responses.extend_software, query="scope", gives="204"),
    Route("DELETE", _EXTENSION, responses.reduce_software, query="scope", gives="204"),
    Route("GET", "/ml/v4/list/software_specifications", responses.list_states, query="scope state", gives="200 States"),
    Route("GET", _HARDWARE, responses.list_hardware, query="scope name", gives="200 Hardwares"),
    Route("POST", _HARDWARE, responses.create_hardware, query="scope", takes="NewHardware", gives="201 Hardware"),
    Route("GET", f"{_HARDWARE}/{{specification_id}}", responses.show_hardware, query="scope", gives="200 Hardware"),
    Route("DELETE", f"{_HARDWARE}/{{specification_id}}", responses.delete_hardware, query="scope", gives="204"),
)
"""What these operations are."""
