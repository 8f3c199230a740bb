"""Routes of the platform."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.platform import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("GET", "/ml/wml_services/v2/version", responses.show_release, public=True, gives="200 Release"),
    Route("GET", "/ml/v4/instances", responses.list_instances, gives="200 Instances"),
    Route("GET", "/ml/v4/instances/{instance_id}", responses.show_instance, gives="200 Instance"),
)
"""What these operations are."""
