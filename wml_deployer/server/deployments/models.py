"""Deployments: what they serve, under which names, and the states they go through.

``initializing`` becomes ``ready`` or ``failed``. A change of the asset makes a ready deployment ``updating``: it goes
on serving the asset it had until the new one is loaded, and when that cannot be loaded it is ``ready`` with the old one
again, and says why in ``status.failure``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.containers import require_runtime, scope_of
from wml_deployer.server.deployments.errors import (
    BusyError,
    DeploymentError,
    ServingNameTakenError,
    invalid_serving_name,
)
from wml_deployer.server.errors import NotFoundError
from wml_deployer.server.patch import Operation, apply
from wml_deployer.server.records import Record
from wml_deployer.server.specifications import hardware

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.store import Transaction
    from wml_deployer.server.tokens.models import Caller

__all__ = ["KIND", "UNSETTLED", "create", "find", "serving_name_of", "settle", "update", "with_serving_name"]

KIND = "deployment"
"""Under which deployments are stored."""
UNSETTLED = ("initializing", "updating")
"""States that a deployment leaves by itself."""

_SERVING_NAME = re.compile(r"[a-z0-9_]{1,36}")
_DEPLOYABLE = ("model", "function")
_IN_BOTH = ("name", "description")
_PATCHABLE = (
    "name",
    "description",
    "tags",
    "custom",
    "asset",
    "hardware_spec",
    "hybrid_pipeline_hardware_specs",
    "online",
    "owner",
)
#: Most copies of an online deployment.
_MOST_COPIES = 10


def create(
    context: Context, transaction: Transaction, caller: Caller, container: Record, fields: dict[str, Any]
) -> Record:
    """Start a deployment of an artifact.

    Raises:
        DeploymentError: It is not said what, how or under which name, or it cannot be so.
        ServingNameTakenError: Another deployment has the serving name.
        NotFoundError: There is no such artifact, or no such revision.
        ForbiddenError: No instance serves the container.

    """
    require_runtime(container)
    name = _name(fields.get("name"))
    method = _method(fields)
    asset = _asset(transaction, container.id, fields.get("asset"))
    now = context.clock.stamp()
    record = Record(KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    told = {key: fields[key] for key in ("description", "tags") if fields.get(key) is not None}
    record.metadata.update(
        created_at=now, **told, id=record.id, modified_at=now, name=name, owner=caller.user_id, **scope_of(container)
    )
    record.entity.update(
        {
            key: value
            for key, value in fields.items()
            if key not in ("tags", "space_id", "project_id") and value is not None
        }
    )
    record.entity.update(asset=asset, custom=fields.get("custom") or {}, **scope_of(container))
    record.entity["deployed_asset_type"] = _deployed_type(transaction, asset["id"])
    if fields.get("hardware_spec") or not fields.get("hybrid_pipeline_hardware_specs"):
        wanted = fields.get("hardware_spec") or {"name": "S"}
        record.entity["hardware_spec"] = _hardware(transaction, container.id, wanted)
    record.entity["status"] = {"state": "initializing" if method == "online" else "ready"}
    _check_serving_name(transaction, record)
    transaction.add(record)
    return record


def find(transaction: Transaction, identifier: str) -> Record | None:
    """Return the deployment with this id or serving name."""
    return transaction.get(KIND, identifier) or with_serving_name(transaction, identifier)


def with_serving_name(transaction: Transaction, name: str) -> Record | None:
    """Return the deployment with this serving name."""
    found = transaction.find(KIND, where={"entity.online.parameters.serving_name": name}, limit=1)
    return found[0] if found else None


def serving_name_of(record: Record) -> str | None:
    """Return a deployment's serving name, if it has one."""
    name: str | None = ((record.entity.get("online") or {}).get("parameters") or {}).get("serving_name")
    return name


def update(context: Context, transaction: Transaction, record: Record, operations: list[Operation]) -> bool:
    """Patch a deployment.

    Returns:
        Whether something is to be loaded or scaled now, which the caller of this starts.

    Raises:
        DeploymentError: The patch is about what cannot be changed, or asks for what cannot be.
        BusyError: It asks for an asset while another one is being loaded.

    """
    roots = {operation.root for operation in operations}
    for unknown in sorted(roots - set(_PATCHABLE)):
        raise DeploymentError(f"/{unknown} of a deployment cannot be changed.", code="invalid_request_entity")
    if roots & {"asset", "hardware_spec"} and record.entity["status"]["state"] in UNSETTLED:
        raise BusyError(
            f"Deployment with id '{record.id}' is being updated already. Try again once its state is ready."
        )
    before = {"asset": record.entity["asset"], "hardware_spec": record.entity.get("hardware_spec", {})}
    for operation in operations:
        _apply(record, operation)
    record.name = record.metadata["name"] = _name(record.entity.get("name"))
    _check_serving_name(transaction, record)
    started = _start_changes(context, transaction, record, roots, before)
    record.metadata["modified_at"] = context.clock.stamp()
    transaction.save(record)
    return started


def settle(context: Context, transaction: Transaction, record: Record, failure: dict[str, Any] | None) -> None:
    """Let a deployment that was initializing, updating or scaling arrive.

    Args:
        context: The running service.
        transaction: Where it is stored.
        record: The deployment.
        failure: Why what it was to serve cannot be served; None when it is being served.

    """
    status = record.entity["status"]
    previous = record.private.pop("previous", None)
    scaling = status.pop("scaling", None)
    status.pop("message", None)
    status["state"] = "ready"
    if failure is not None:
        status["failure"] = failure
        if previous is None:
            status["state"] = "failed"
        else:
            record.entity.update(previous)
    elif scaling is not None:
        record.entity.setdefault("hardware_spec", {})["num_nodes"] = scaling["requested_replicas"]
        status["message"] = _message(
            _scaling_text("completed", scaling["requested_replicas"], scaling["requested_replicas"])
        )
    elif previous is not None:
        status["message"] = _message("Successfully patched the asset.")
    if previous is not None:
        record.metadata["modified_at"] = context.clock.stamp()
    transaction.save(record)


def _start_changes(
    context: Context, transaction: Transaction, record: Record, roots: set[str], before: dict[str, Any]
) -> bool:
    online = "online" in record.entity
    status = record.entity["status"]
    if "asset" in roots:
        record.entity["asset"] = _asset(transaction, record.container, record.entity["asset"])
        record.entity["deployed_asset_type"] = _deployed_type(transaction, record.entity["asset"]["id"])
    if "asset" in roots and online:
        status.pop("failure", None)
        # A deployment that never served has nothing to go back to.
        if status["state"] == "ready":
            record.private["previous"] = {"asset": before["asset"]}
        status["state"] = "updating" if status["state"] == "ready" else "initializing"
        return True
    if "hardware_spec" in roots:
        return _start_scaling(context, record, before["hardware_spec"])
    return False


def _start_scaling(context: Context, record: Record, before: dict[str, Any]) -> bool:
    """Ask for more or fewer copies: the answer still says the old number (recorded)."""
    wanted = record.entity["hardware_spec"].get("num_nodes", 1)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= _MOST_COPIES:
        raise DeploymentError(f"The number of nodes is a number from 1 to {_MOST_COPIES}.", code="invalid_num_nodes")
    record.entity["hardware_spec"] = dict(before)
    present = before.get("num_nodes", 1)
    if "online" not in record.entity or wanted == present:
        return False
    status = record.entity["status"]
    status["message"] = _message(_scaling_text("inprogress", wanted, present))
    status["scaling"] = {
        "attempted_at": context.clock.stamp(),
        "deployed_replicas": present,
        "requested_replicas": wanted,
        "state": "in_progress",
    }
    return True


def _scaling_text(state: str, requested: int, deployed: int) -> str:
    return (
        f"scaling_status: {state}; requested_copies: {requested}; deployed_copies: {deployed};"
        " more_info: Successfully patched the asset."
    )


def _message(text: str) -> dict[str, str]:
    return {"level": "warning", "text": text}


def _apply(record: Record, operation: Operation) -> None:
    """Names and descriptions stand in both halves of the document; tags and owner in its metadata alone."""
    if operation.root in ("tags", "owner", *_IN_BOTH):
        apply(record.metadata, operation)
    if operation.root not in ("tags", "owner"):
        apply(record.entity, operation)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise DeploymentError("A deployment needs a name.", target={"type": "field", "name": "name"})
    return name


def _method(fields: dict[str, Any]) -> str:
    given = [method for method in ("online", "batch") if isinstance(fields.get(method), dict)]
    if len(given) != 1:
        raise DeploymentError("A deployment is either online or batch: one of the two must be given, as an object.")
    return given[0]


def _asset(transaction: Transaction, container: str, reference: Any) -> dict[str, str]:
    """Return the reference to what is deployed, once it has proved to be there."""
    if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
        raise DeploymentError("A deployment needs the id of an asset.", target={"type": "field", "name": "asset"})
    artifact = artifacts.find_any(transaction, reference["id"])
    if artifact is None or artifact.container != container:
        raise NotFoundError(f"The asset with id '{reference['id']}' does not exist.", code="asset_does_not_exist")
    if artifact.kind not in _DEPLOYABLE:
        raise DeploymentError(f"This service deploys models and functions, and '{artifact.id}' is a {artifact.kind}.")
    if reference.get("rev") is None:
        return {"id": artifact.id}
    frozen = artifacts.at_revision(transaction, artifact, str(reference["rev"]))
    return {"id": artifact.id, "rev": frozen["metadata"]["rev"]}


def _deployed_type(transaction: Transaction, asset_id: str) -> str:
    artifact = artifacts.find_any(transaction, asset_id)
    return artifact.kind if artifact is not None else ""


def _hardware(transaction: Transaction, container: str, reference: Any) -> dict[str, Any]:
    if not isinstance(reference, dict):
        raise DeploymentError("The hardware_spec is an object.", target={"type": "field", "name": "hardware_spec"})
    identifier, name = hardware.choose(transaction, container, reference)
    return {"id": identifier, "name": name, "num_nodes": reference.get("num_nodes", 1)}


def _check_serving_name(transaction: Transaction, record: Record) -> None:
    name: Any = serving_name_of(record)
    if name is None:
        return
    if not isinstance(name, str) or not _SERVING_NAME.fullmatch(name):
        raise invalid_serving_name()
    taken = with_serving_name(transaction, name)
    if taken is not None and taken.id != record.id:
        raise ServingNameTakenError(f"The serving name '{name}' is used by another deployment. Choose a different one.")
