"""Routes of the specifications."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.specifications import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("GET", "/v2/software_specifications", responses.list_software),
    Route("GET", "/v2/software_specifications/{specification_id}", responses.show_software),
    Route("GET", "/ml/v4/list/software_specifications", responses.list_states),
    Route("GET", "/v2/hardware_specifications", responses.list_hardware),
    Route("GET", "/v2/hardware_specifications/{specification_id}", responses.show_hardware),
)
"""What these operations are."""
