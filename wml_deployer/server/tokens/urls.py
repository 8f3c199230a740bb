"""Routes of the tokens."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.tokens import responses

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", "/icp4d-api/v1/authorize", responses.authorize, public=True),
    Route("POST", "/identity/token", responses.exchange, public=True),
    Route("POST", "/oidc/token", responses.exchange, public=True),
)
"""What these operations are."""
