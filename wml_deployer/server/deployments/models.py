"""Deployments: their errors, their assets, their serving names, and their states.

A deployment is ``initializing``, then ``ready`` or ``failed``. While its asset is being changed it is ``updating``, and
serves the old asset until the new one is loaded. If that fails, the service reverts to the old asset: the deployment is
``ready`` again, with the reason in ``status.failure``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.deployments import snapshots
from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError, check_labels
from wml_deployer.server.http.not_served import NotServedError
from wml_deployer.server.spaces.containers import require_runtime, scope_of
from wml_deployer.server.specifications import hardware
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "KIND",
    "TRANSIENT_STATES",
    "BusyError",
    "DeploymentError",
    "NotReadyError",
    "ServingNameTakenError",
    "asset_reference",
    "check_copies",
    "check_name",
    "check_serving_name",
    "create",
    "deployed_type",
    "find",
    "hardware_of",
    "invalid_serving_name",
    "not_found",
    "serving_name_of",
    "with_serving_name",
]

KIND = "deployment"
"""Kind of the records of deployments."""
TRANSIENT_STATES = ("initializing", "updating")
"""States that a deployment leaves by itself."""

_SERVING_NAME = re.compile(r"[a-z0-9_]{1,36}")
_DEPLOYABLE = ("model", "function")
_ASSET = "asset"
#: Other assets that can be stored but not deployed here, by kind; other ways to deploy, by their field in a request.
_NOT_DEPLOYED = {
    "ai_service": "AI services",
    "data_asset": "data assets",
    "experiment": "experiments",
    "pipeline": "pipelines",
    "script": "scripts",
    "shiny_asset": "R Shiny applications",
    "wml_model_definition": "model definitions",
}
_OTHER_METHODS = {
    "base_model_id": "foundation models",
    "curated_foundation_model": "foundation models",
    "foundation_model": "foundation models",
    "prompt_template": "prompts",
    "r_shiny": "R Shiny applications",
    "virtual": "Core ML models for download",
}
_MOST_COPIES = 10


class DeploymentError(InvalidRequestError):
    """400: the requested deployment is invalid."""

    shows_status = False


class _NotFoundError(NotFoundError):
    code = "deployment_does_not_exist"
    shows_status = False


class NotReadyError(ConflictError):
    """409: the deployment is not ready for predictions."""

    code = "deployment_not_ready"
    shows_status = False


class BusyError(ConflictError):
    """409: an earlier change of the deployment is still in progress."""

    code = "deployment_update_in_progress"
    shows_status = False


class ServingNameTakenError(ConflictError):
    """409: another deployment uses the serving name."""

    code = "serving_name_exists"
    shows_status = False


def not_found(identifier: str) -> NotFoundError:
    """Return the error for a missing deployment (recorded text)."""
    return _NotFoundError(f"Deployment with id '{identifier}' does not exist. Re-try with a valid deployment id.")


def invalid_serving_name() -> DeploymentError:
    """Return the error for an invalid serving name (recorded text)."""
    return DeploymentError(
        "Field 'serving_name' is either blank or has invalid characters in it. Serving name can be up to 36 characters"
        " and can include _, a-z and 0-9. Try again with a valid serving name",
        code="invalid_serving_name",
    )


def create(
    context: Context, transaction: Transaction, caller: Caller, container: Record, fields: dict[str, Any]
) -> Record:
    """Create a deployment of an artifact.

    Raises:
        DeploymentError: A field is missing or invalid.
        ServingNameTakenError: Another deployment uses the serving name.
        NotFoundError: The artifact or the revision does not exist.
        ForbiddenError: The container has no machine learning instance.

    """
    require_runtime(container)
    name = check_name(fields.get("name"))
    check_labels(fields)
    method = _method(fields)
    asset = asset_reference(transaction, container.id, fields.get("asset"))
    now = context.clock.stamp()
    record = Record(KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    optional = {key: fields[key] for key in ("description", "tags") if fields.get(key) is not None}
    record.metadata.update(
        created_at=now,
        **optional,
        id=record.id,
        modified_at=now,
        name=name,
        owner=caller.user_id,
        **scope_of(container),
    )
    record.entity.update(
        {
            key: value
            for key, value in fields.items()
            if key not in ("tags", "space_id", "project_id") and value is not None
        }
    )
    record.entity.update(asset=asset, custom=fields.get("custom") or {}, **scope_of(container))
    record.entity["deployed_asset_type"] = deployed_type(transaction, asset["id"])
    if fields.get("hardware_spec") or not fields.get("hybrid_pipeline_hardware_specs"):
        requested = fields.get("hardware_spec") or {"name": "S"}
        record.entity["hardware_spec"] = hardware_of(transaction, container.id, requested)
    record.entity["status"] = {"state": "initializing" if method == "online" else "ready"}
    check_serving_name(transaction, record)
    snapshots.set_pending(transaction, record, asset)
    if method == "batch":
        snapshots.activate(transaction, record)
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
    parameters = record.entity.get("online", {}).get("parameters", {})
    name: str | None = parameters.get("serving_name") if isinstance(parameters, dict) else None
    return name


def check_name(name: Any) -> str:
    """Check a name, and return it.

    Raises:
        DeploymentError: It is not a string, or blank.

    """
    if not isinstance(name, str) or not name.strip():
        raise DeploymentError(
            "The name of a deployment must be a non-empty string.", target={"type": "field", "name": "name"}
        )
    return name


def _method(fields: dict[str, Any]) -> str:
    for method, name in _OTHER_METHODS.items():
        if fields.get(method) is not None:
            raise NotServedError(
                f"The embedded service does not deploy {name} ('{method}'). It deploys models and functions, online"
                " or batch."
            )
    given = [method for method in ("online", "batch") if fields.get(method) is not None]
    if len(given) != 1 or not isinstance(fields[given[0]], dict):
        raise DeploymentError("A deployment must have either online or batch, as an object.")
    return given[0]


def asset_reference(transaction: Transaction, container: str, reference: Any) -> dict[str, str]:
    """Check the reference to the asset of a deployment, and return it as it is stored.

    Raises:
        DeploymentError: The reference has no id.
        NotFoundError: The artifact or the revision does not exist.
        NotServedError: Assets of this type cannot be deployed here.

    """
    if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
        raise DeploymentError("A deployment needs an asset with an id.", target={"type": "field", "name": "asset"})
    artifact = artifacts.find_any(transaction, reference["id"]) or transaction.get(_ASSET, reference["id"])
    if artifact is None or artifact.container != container:
        raise NotFoundError(f"The asset with id '{reference['id']}' does not exist.", code="asset_does_not_exist")
    if artifact.kind not in _DEPLOYABLE:
        kind = artifact.metadata["asset_type"] if artifact.kind == _ASSET else artifact.kind
        name = _NOT_DEPLOYED.get(kind, f"assets of the type {kind}")
        raise NotServedError(
            f"The embedded service does not deploy {name}: '{artifact.id}' is one. It deploys models and functions."
        )
    if reference.get("rev") is None:
        return {"id": artifact.id}
    frozen = artifacts.at_revision(transaction, artifact, str(reference["rev"]))
    return {"id": artifact.id, "rev": frozen["metadata"]["rev"]}


def deployed_type(transaction: Transaction, asset_id: str) -> str:
    """Return the kind of a deployed artifact, as documents show it."""
    artifact = artifacts.find_any(transaction, asset_id)
    return artifact.kind if artifact is not None else ""


def hardware_of(transaction: Transaction, container: str, reference: Any) -> dict[str, Any]:
    """Return the hardware specification of a deployment as it is stored: id, name and number of copies.

    Raises:
        DeploymentError: The reference or the number of copies is invalid.
        InvalidRequestError: The hardware specification does not exist.

    """
    if not isinstance(reference, dict):
        raise DeploymentError("The hardware_spec must be an object.", target={"type": "field", "name": "hardware_spec"})
    identifier, name = hardware.choose(transaction, container, reference)
    return {"id": identifier, "name": name, "num_nodes": check_copies(reference.get("num_nodes", 1))}


def check_copies(number: Any) -> int:
    """Check a number of copies, and return it.

    Raises:
        DeploymentError: It is not a number from 1 to 10.

    """
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= _MOST_COPIES:
        raise DeploymentError(f"The number of nodes must be from 1 to {_MOST_COPIES}.", code="invalid_num_nodes")
    return number


def check_serving_name(transaction: Transaction, record: Record) -> None:
    """Check that the serving name of a deployment is valid and unique.

    Raises:
        DeploymentError: It is invalid.
        ServingNameTakenError: Another deployment uses it.

    """
    name: Any = serving_name_of(record)
    if name is None:
        return
    if not isinstance(name, str) or not _SERVING_NAME.fullmatch(name):
        raise invalid_serving_name()
    taken = with_serving_name(transaction, name)
    if taken is not None and taken.id != record.id:
        raise ServingNameTakenError(f"The serving name '{name}' is used by another deployment. Choose a different one.")
