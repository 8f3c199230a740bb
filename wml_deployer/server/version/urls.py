"""Routes of the release."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.version import responses

__all__ = ["ROUTES"]

ROUTES = (Route("GET", "/ml/wml_services/v2/version", responses.show, public=True, gives="200 Release"),)
"""What these operations are."""
