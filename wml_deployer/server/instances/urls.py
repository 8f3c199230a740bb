"""Routes of the machine learning instance."""

from __future__ import annotations

from wml_deployer.server.instances import responses
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

ROUTES = (
    Route("GET", "/ml/v4/instances", responses.listing, gives="200 Instances"),
    Route("GET", "/ml/v4/instances/{instance_id}", responses.show, gives="200 Instance"),
)
"""What these operations are."""
