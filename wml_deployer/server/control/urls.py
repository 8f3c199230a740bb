"""Routes of the control API."""

from __future__ import annotations

from wml_deployer.server.control import responses
from wml_deployer.server.http.prefixes import CONTROL
from wml_deployer.server.http.routing import Route
from wml_deployer.server.tokens.responses import authorize

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", f"{CONTROL}/authorize", authorize, public=True),
    Route("POST", f"{CONTROL}/faults", responses.add_fault),
    Route("GET", f"{CONTROL}/faults", responses.list_faults),
    Route("DELETE", f"{CONTROL}/faults", responses.clear_faults),
    Route("GET", f"{CONTROL}/requests", responses.list_log),
    Route("DELETE", f"{CONTROL}/requests", responses.clear_log),
    Route("PUT", f"{CONTROL}/paces/{{kind}}", responses.set_pace),
    Route("PUT", f"{CONTROL}/clock", responses.set_clock),
    Route("PUT", f"{CONTROL}/seed", responses.set_seed),
    Route("POST", f"{CONTROL}/predictions", responses.script),
    Route("PUT", f"{CONTROL}/limits", responses.set_limits),
    Route("PUT", f"{CONTROL}/software_specifications/{{name}}", responses.set_specification),
    Route("POST", f"{CONTROL}/reset", responses.reset),
)
"""What these operations are."""
