"""The release of the service and its machine learning instance over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.http.routing import Answer

if TYPE_CHECKING:
    from wml_deployer.server.http.routing import Call

__all__ = ["RELEASE", "list_instances", "show_instance", "show_release"]

RELEASE = "5.0.0"
"""The one release of Cloud Pak for Data that both clients speak."""

_SINCE = "2020-01-01T00:00:00.000Z"
_ID = "99999999-9999-9999-9999-999999999999"


def show_release(_call: Call) -> Answer:
    """Show the release of the service."""
    return Answer(200, {"version": RELEASE})


def list_instances(call: Call) -> Answer:
    """List the one instance that there is."""
    return Answer(200, {"resources": [_document(_ID, call)]})


def show_instance(call: Call) -> Answer:
    """Show an instance: its plan, and what was used of it."""
    return Answer(200, _document(call.path["instance_id"], call))


def _document(identifier: str, call: Call) -> dict[str, Any]:
    """Every instance that a space says it has is this one: there is no quota unless a test sets one."""
    return {
        "metadata": {"id": identifier, "created_at": _SINCE, "modified_at": _SINCE},
        "entity": {
            "name": "Watson Machine Learning",
            "plan": {"id": "3f6acf43-ede8-413a-ac69-f8af3bb0cbfe", "name": "standard", "version": 2},
            "status": "active",
            "consumption": {
                "capacity_unit_hours": {"current": 0, "limit": -1},
                "deployment_job_count": {"current": call.transaction.count("job"), "limit": -1},
            },
        },
    }
