"""Routes of the package extensions."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.package_extensions import responses

__all__ = ["ROUTES"]

_ONE = "/v2/package_extensions/{extension_id}"

ROUTES = (
    Route(
        "POST", "/v2/package_extensions", responses.create, query="scope", takes="NewExtension", gives="201 Extension"
    ),
    Route("GET", "/v2/package_extensions", responses.listing, query="scope name", gives="200 Extensions"),
    Route("GET", _ONE, responses.show, query="scope", gives="200 Extension"),
    Route("DELETE", _ONE, responses.delete, query="scope", gives="204"),
    Route("POST", f"{_ONE}/upload_complete", responses.complete, query="scope", gives="204"),
)
"""What these operations are."""
