"""The control API over HTTP."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer.server.control.faults import Fault
from wml_deployer.server.control.models import Rate, Script
from wml_deployer.server.control.pacing import KINDS, Pace
from wml_deployer.server.deployments import models as deployments
from wml_deployer.server.deployments.models import not_found
from wml_deployer.server.errors import wrong_field
from wml_deployer.server.http.routing import CONTROL, JsonResponse, Route
from wml_deployer.server.http.tokens import Caller
from wml_deployer.server.platform.responses import authorize
from wml_deployer.server.spaces.models import ensure_default
from wml_deployer.server.specifications.models import Specifications, set_state

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call

__all__ = [
    "ROUTES",
    "add_fault",
    "clear_faults",
    "clear_log",
    "list_faults",
    "list_log",
    "reset",
    "script",
    "set_clock",
    "set_limits",
    "set_pace",
    "set_seed",
    "set_specification",
]

_LARGEST = 1e9


def add_fault(call: Call) -> JsonResponse:
    """Inject a fault."""
    fault = Fault.parse(call.fields)
    call.context.control.faults.append(fault)
    return JsonResponse(201, asdict(fault))


def list_faults(call: Call) -> JsonResponse:
    """List the faults, with the number of requests that each will still affect."""
    return JsonResponse(200, {"resources": [asdict(fault) for fault in call.context.control.faults]})


def clear_faults(call: Call) -> JsonResponse:
    """Remove all faults."""
    call.context.control.faults.clear()
    return JsonResponse(204)


def list_log(call: Call) -> JsonResponse:
    """List the logged requests."""
    return JsonResponse(200, {"resources": [entry.document() for entry in call.context.control.log]})


def clear_log(call: Call) -> JsonResponse:
    """Clear the request log."""
    call.context.control.log.clear()
    return JsonResponse(204)


def set_pace(call: Call) -> JsonResponse:
    """Delay the state changes of a kind of resources."""
    kind = call.path["kind"]
    if kind not in KINDS:
        raise wrong_field("kind", f"The kind must be one of {', '.join(KINDS)}.")
    pace = Pace(_number(call.fields, "seconds", 0), int(_number(call.fields, "looks", 0)))
    call.context.control.pacing.set(kind, pace)
    return JsonResponse(200, asdict(pace))


def set_clock(call: Call) -> JsonResponse:
    """Stop the clock (``stop``: a time), advance it (``advance``: seconds), or return to the real time (neither)."""
    clock, fields = call.context.clock, call.fields
    if "stop" in fields:
        clock.stop(_parse_time(fields["stop"]))
    elif "advance" in fields:
        try:
            clock.advance(_number(fields, "advance", 0))
        except OverflowError as error:
            raise wrong_field("advance", "The clock cannot be advanced that far.") from error
    else:
        clock.reset()
    return JsonResponse(200, {"now": clock.stamp()})


def set_seed(call: Call) -> JsonResponse:
    """Seed the generator of ids."""
    seed = call.fields.get("seed")
    if seed is not None and (not isinstance(seed, (int, str)) or isinstance(seed, bool)):
        raise wrong_field("seed", "The seed must be an integer or a string.")
    call.context.identifiers.seed(seed)
    return JsonResponse(204)


def script(call: Call) -> JsonResponse:
    """Script the next predictions of a deployment."""
    identifier = str(call.fields.get("deployment"))
    record = deployments.find(call.transaction, identifier)
    if record is None:
        raise not_found(identifier)
    times = None if call.fields.get("times", 1) is None else int(_number(call.fields, "times", 1))
    answer = Script(call.fields.get("body"), int(_number(call.fields, "status", 200)), times)
    call.context.control.scripts.add(record.id, answer)
    return JsonResponse(201, asdict(answer))


def set_limits(call: Call) -> JsonResponse:
    """Set the limits of the plan: ``deployments``, ``jobs`` and ``requests_per_second``.

    Also ``plan``, its name, and ``task_credentials``: whether jobs on IBM Cloud need them.
    """
    control, fields = call.context.control, call.fields
    for name in ("deployments", "jobs"):
        if name in fields:
            limit = None if fields[name] is None else int(_number(fields, name, 0))
            control.quota = replace(control.quota, **{name: limit})
    if "requests_per_second" in fields:
        rate = fields["requests_per_second"]
        control.rate = Rate(None if rate is None else _number(fields, "requests_per_second", 0))
    plan, needed = fields.get("plan", control.plan), fields.get("task_credentials", control.jobs_need_credentials)
    if not isinstance(plan, str) or not isinstance(needed, bool):
        raise wrong_field("plan", "The plan must be a string, and task_credentials true or false.")
    control.plan, control.jobs_need_credentials = plan, needed
    limits = {**asdict(control.quota), "requests_per_second": control.rate.limit}
    return JsonResponse(200, {**limits, "plan": plan, "task_credentials": needed})


def set_specification(call: Call) -> JsonResponse:
    """Set the state of a base software specification."""
    specifications = Specifications(call.transaction, call.caller.flavour)
    software = set_state(specifications, call.transaction, call.path["name"], call.fields.get("state"))
    return JsonResponse(200, software.document)


def reset(call: Call) -> JsonResponse:
    """Reset the service: only the default space, no faults, the real time, unpredictable ids."""
    context = call.context
    context.control.reset()
    context.clock.reset()
    context.identifiers.seed(None)
    deployed = call.transaction.find(deployments.KIND)
    call.transaction.clear()
    space_id = ensure_default(context, call.transaction, Caller(call.caller.username, "software"))
    for deployment in deployed:
        call.afterwards.append(partial(_stop, call, deployment.id))
    return JsonResponse(200, {"space_id": space_id})


def _stop(call: Call, deployment_id: str) -> None:
    call.context.spawn(call.context.serving.stop(deployment_id))


def _number(fields: dict[str, Any], name: str, otherwise: float) -> float:
    value = fields.get(name, otherwise)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -_LARGEST <= value <= _LARGEST:
        raise wrong_field(name, f"The {name} must be a number of at most {_LARGEST:g}.")
    return value


def _parse_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise wrong_field("stop", f"'{value}' is not a time in ISO 8601.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


ROUTES = (
    Route("POST", f"{CONTROL}/authorize", authorize, public=True),
    Route("POST", f"{CONTROL}/faults", add_fault),
    Route("GET", f"{CONTROL}/faults", list_faults),
    Route("DELETE", f"{CONTROL}/faults", clear_faults),
    Route("GET", f"{CONTROL}/requests", list_log),
    Route("DELETE", f"{CONTROL}/requests", clear_log),
    Route("PUT", f"{CONTROL}/paces/{{kind}}", set_pace),
    Route("PUT", f"{CONTROL}/clock", set_clock),
    Route("PUT", f"{CONTROL}/seed", set_seed),
    Route("POST", f"{CONTROL}/predictions", script),
    Route("PUT", f"{CONTROL}/limits", set_limits),
    Route("PUT", f"{CONTROL}/software_specifications/{{name}}", set_specification),
    Route("POST", f"{CONTROL}/reset", reset),
)
"""The routes of the control API."""
