"""Routes of the transfers."""

from __future__ import annotations

from wml_deployer.server.http.routing import Route
from wml_deployer.server.transfers.responses import DRIVERS, PATH, list_drivers, receive, send

__all__ = ["ROUTES"]

ROUTES = (
    Route("GET", f"{PATH}/{DRIVERS}", list_drivers, gives="200 Resources"),
    Route("PUT", f"{PATH}/{{folder}}/{{sealed}}", receive, public=True, takes="bytes", gives="201 Size"),
    Route("GET", f"{PATH}/{{folder}}/{{sealed}}", send, public=True, gives="200 bytes"),
)
"""What these operations are."""
