"""How a deployment comes to serve what it should: load it, then let the deployment arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.deployments import models
from wml_deployer.server.errors import NotFoundError
from wml_deployer.server.package_extensions import models as package_extensions
from wml_deployer.server.runtimes import LoadError, PackageExtension
from wml_deployer.server.serving import Plan
from wml_deployer.server.specifications.models import SOFTWARE_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wml_deployer.server.context import Context
    from wml_deployer.server.records import Record
    from wml_deployer.server.store import Transaction

__all__ = ["bring_up", "plan_of", "resume"]


async def bring_up(context: Context, deployment_id: str) -> None:
    """Load what the deployment should serve, serve it, and record what came of it."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, deployment_id)
    if record is None:
        return
    try:
        pool = await context.serving.start(_plan(context, record))
    except LoadError as error:
        await context.control.pacing.hold(models.KIND, deployment_id)
        _settle(context, record, _failure(context, error))
        return
    await context.control.pacing.hold(models.KIND, deployment_id)
    if _settle(context, record, None):
        await context.serving.replace(deployment_id, pool)
    else:
        await pool.stop()


def plan_of(context: Context, record: Record) -> Plan:
    """Return what serves the deployment now: while it is being updated, that is still the asset before."""
    previous = record.private.get("previous", {})
    return _plan(context, record, previous.get("asset"))


def resume(context: Context, records: Iterable[Record]) -> None:
    """Go on with what was interrupted by the end of the process."""
    for record in records:
        status = record.entity["status"]
        if status["state"] in models.UNSETTLED or "scaling" in status:
            context.spawn(bring_up(context, record.id))


def _plan(context: Context, record: Record, asset: dict[str, Any] | None = None) -> Plan:
    asset = asset or record.entity["asset"]
    with context.store.transaction() as transaction:
        return _read(context, transaction, record, asset)


def _read(context: Context, transaction: Transaction, record: Record, asset: dict[str, Any]) -> Plan:
    artifact = artifacts.find_any(transaction, asset["id"])
    if artifact is None:
        raise LoadError("asset_does_not_exist", f"The asset with id '{asset['id']}' does not exist any more.")
    try:
        entity = artifacts.at_revision(transaction, artifact, asset.get("rev"))["entity"]
        content = artifacts.content_of(transaction, artifact, asset.get("rev"))
    except NotFoundError as error:
        raise LoadError(error.code, error.message) from error
    schema = _input_schema(entity)
    scaling = record.entity["status"].get("scaling", {})
    return Plan(
        artifact=context.blobs.path(content.blob.digest),
        model_type=entity["type"],
        specification=entity["software_spec"]["name"],
        input_type=schema.get("type"),
        fields={
            str(field["name"]): str(field.get("type", "")) for field in schema.get("fields", ()) if "name" in field
        },
        extensions=_extensions(context, transaction, entity["software_spec"]["id"]),
        replicas=scaling.get("requested_replicas") or record.entity.get("hardware_spec", {}).get("num_nodes", 1),
    )


def _extensions(context: Context, transaction: Transaction, specification: str) -> tuple[PackageExtension, ...]:
    """Return the package extensions of a derived specification.

    Raises:
        LoadError: One of them is gone, or was never uploaded.

    """
    record = transaction.get(SOFTWARE_KIND, specification)
    identifiers = record.private["extensions"] if record is not None else []
    return tuple(_extension(context, transaction, identifier) for identifier in identifiers)


def _extension(context: Context, transaction: Transaction, identifier: str) -> PackageExtension:
    record = transaction.get(package_extensions.KIND, identifier)
    content = transaction.content(record, slot=package_extensions.SLOT) if record is not None else None
    if record is None or content is None:
        raise LoadError(
            "package_extension_missing",
            f"The package extension with id '{identifier}' does not exist or has no content.",
        )
    kind = record.entity[package_extensions.KIND]["type"]
    return PackageExtension(record.name, kind, context.blobs.path(content.blob.digest))


def _input_schema(entity: dict[str, Any]) -> dict[str, Any]:
    """Return the first input schema, or an empty one where there is none that can be read."""
    schemas = entity.get("schemas")
    inputs = schemas.get("input") if isinstance(schemas, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if not isinstance(first, dict) or not isinstance(first.get("fields", []), list):
        return {}
    return {**first, "fields": [field for field in first.get("fields", []) if isinstance(field, dict)]}


def _settle(context: Context, loaded: Record, failure: dict[str, Any] | None) -> bool:
    """Let the deployment arrive; tell whether it still is there and still wants what was loaded."""
    with context.store.transaction() as transaction:
        record = transaction.get(models.KIND, loaded.id)
        if record is None or record.entity["asset"] != loaded.entity["asset"]:
            return False
        models.settle(context, transaction, record, failure)
        return True


def _failure(context: Context, error: LoadError) -> dict[str, Any]:
    return {"trace": context.identifiers.trace(), "errors": [{"code": error.code, "message": error.message}]}
