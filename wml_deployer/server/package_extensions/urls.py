"""Routes of the package extensions."""

from __future__ import annotations

from wml_deployer.server.package_extensions import responses
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

_ONE = "/v2/package_extensions/{extension_id}"

ROUTES = (
    Route("POST", "/v2/package_extensions", responses.create),
    Route("GET", "/v2/package_extensions", responses.listing),
    Route("GET", _ONE, responses.show),
    Route("DELETE", _ONE, responses.delete),
    Route("POST", f"{_ONE}/upload_complete", responses.complete),
)
"""What these operations are."""
