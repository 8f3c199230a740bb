"""The control API over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from wml_deployer.server.control.models import Fault
from wml_deployer.server.routing import Answer

if TYPE_CHECKING:
    from wml_deployer.server.routing import Call

__all__ = ["add_fault", "clear_faults", "clear_log", "list_faults", "list_log", "reset"]


def add_fault(call: Call) -> Answer:
    """Inject a fault."""
    fault = Fault.parse(call.fields)
    call.context.control.faults.append(fault)
    return Answer(201, asdict(fault))


def list_faults(call: Call) -> Answer:
    """List the faults, with how often each is still to happen."""
    return Answer(200, {"resources": [asdict(fault) for fault in call.context.control.faults]})


def clear_faults(call: Call) -> Answer:
    """Take all faults back."""
    call.context.control.faults.clear()
    return Answer(204)


def list_log(call: Call) -> Answer:
    """List the requests that were made."""
    return Answer(200, {"resources": [entry.document() for entry in call.context.control.log]})


def clear_log(call: Call) -> Answer:
    """Forget the requests that were made."""
    call.context.control.log.clear()
    return Answer(204)


def reset(call: Call) -> Answer:
    """Forget faults and log."""
    call.context.control.reset()
    return Answer(204)
