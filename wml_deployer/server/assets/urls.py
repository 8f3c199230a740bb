"""Routes of the assets."""

from __future__ import annotations

from wml_deployer.server.assets import responses
from wml_deployer.server.routing import Route

__all__ = ["ROUTES"]

ROUTES = (Route("DELETE", "/v2/assets/{asset_id}", responses.delete),)
"""What these operations are."""
