"""Routes of the specifications."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.specifications import responses

__all__ = ["ROUTES"]

_SOFTWARE = "/v2/software_specifications"
_HARDWARE = "/v2/hardware_specifications"
_EXTENSION = f"{_SOFTWARE}/{{specification_id}}/package_extensions/{{extension_id}}"

ROUTES = (
    Route("GET", _SOFTWARE, responses.list_software),
    Route("POST", _SOFTWARE, responses.create_software),
    Route("GET", f"{_SOFTWARE}/{{specification_id}}", responses.show_software),
    Route("DELETE", f"{_SOFTWARE}/{{specification_id}}", responses.delete_software),
    Route("PUT", _EXTENSION, responses.extend_software),
    Route("DELETE", _EXTENSION, responses.reduce_software),
    Route("GET", "/ml/v4/list/software_specifications", responses.list_states),
    Route("GET", _HARDWARE, responses.list_hardware),
    Route("POST", _HARDWARE, responses.create_hardware),
    Route("GET", f"{_HARDWARE}/{{specification_id}}", responses.show_hardware),
    Route("DELETE", f"{_HARDWARE}/{{specification_id}}", responses.delete_hardware),
)
"""What these operations are."""
