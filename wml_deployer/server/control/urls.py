"""Routes of the control API."""

from __future__ import annotations

from wml_deployer.server.control import responses
from wml_deployer.server.control.models import PREFIX
from wml_deployer.server.routing import Route
from wml_deployer.server.tokens.responses import authorize

__all__ = ["ROUTES"]

ROUTES = (
    Route("POST", f"{PREFIX}/authorize", authorize, public=True),
    Route("POST", f"{PREFIX}/faults", responses.add_fault),
    Route("GET", f"{PREFIX}/faults", responses.list_faults),
    Route("DELETE", f"{PREFIX}/faults", responses.clear_faults),
    Route("GET", f"{PREFIX}/requests", responses.list_log),
    Route("DELETE", f"{PREFIX}/requests", responses.clear_log),
    Route("PUT", f"{PREFIX}/paces/{{kind}}", responses.set_pace),
    Route("PUT", f"{PREFIX}/clock", responses.set_clock),
    Route("PUT", f"{PREFIX}/seed", responses.set_seed),
    Route("POST", f"{PREFIX}/predictions", responses.script),
    Route("PUT", f"{PREFIX}/limits", responses.set_limits),
    Route("PUT", f"{PREFIX}/software_specifications/{{name}}", responses.set_specification),
    Route("POST", f"{PREFIX}/reset", responses.reset),
)
"""What these operations are."""
