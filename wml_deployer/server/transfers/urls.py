"""Routes of the transfers."""

from __future__ import annotations

from wml_deployer.server.routing import Route
from wml_deployer.server.transfers.responses import DRIVERS, PATH, list_drivers, receive, send

__all__ = ["ROUTES"]

ROUTES = (
    Route("GET", f"{PATH}/{DRIVERS}", list_drivers),
    Route("PUT", f"{PATH}/{{folder}}/{{sealed}}", receive, public=True),
    Route("GET", f"{PATH}/{{folder}}/{{sealed}}", send, public=True),
)
"""What these operations are."""
