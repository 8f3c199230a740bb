"""Snapshots of what a deployment serves, and during a change of what it is to serve.

Both are taken when they are asked for, so that neither a later upload to the model nor a restart changes what a
deployment serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.deployments.serving import ServingSpec
from wml_deployer.server.runtimes import LoadError, PackageExtension
from wml_deployer.server.specifications import package_extensions
from wml_deployer.server.specifications.models import SOFTWARE_KIND
from wml_deployer.server.storage.records import Content

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["PENDING", "SERVING", "activate", "discard", "serving_spec_of", "set_pending"]

SERVING = "serving"
"""The content that answers predictions."""
PENDING = "pending"
"""The content that is to answer them."""


def set_pending(transaction: Transaction, record: Record, asset: dict[str, str]) -> None:
    """Take a snapshot of what the deployment is to serve: an artifact's current state, or a revision."""
    artifact = artifacts.find_any(transaction, asset["id"])
    if artifact is None:
        return
    record.private[PENDING] = artifacts.at_revision(transaction, artifact, asset.get("rev"))["entity"]
    content = transaction.content(artifact, number=int(asset.get("rev", 0)))
    transaction.detach(record, PENDING)
    if content is not None:
        transaction.attach(record, Content(content.blob, PENDING, content.media_type))


def activate(transaction: Transaction, record: Record) -> None:
    """Make the pending snapshot the one that is served, if there is one."""
    pending: Any = record.private.pop(PENDING, None)
    if pending is None:
        return
    record.private[SERVING] = pending
    content = transaction.content(record, slot=PENDING)
    transaction.detach(record, SERVING)
    if content is not None:
        transaction.attach(record, Content(content.blob, SERVING, content.media_type))
    transaction.detach(record, PENDING)


def discard(transaction: Transaction, record: Record) -> None:
    """Discard the pending snapshot."""
    record.private.pop(PENDING, None)
    transaction.detach(record, PENDING)


def serving_spec_of(context: Context, record: Record, slot: str) -> ServingSpec:
    """Return what is to be loaded for one of a deployment's snapshots.

    Raises:
        LoadError: Its content was never uploaded, or a package extension is gone.

    """
    entity = record.private[slot]
    with context.store.transaction() as transaction:
        content = transaction.content(record, slot=slot)
        extensions = _extensions(context, transaction, entity["software_spec"]["id"])
    if content is None:
        raise LoadError("content_missing", "The asset has no content: nothing was uploaded to it.")
    schema = _input_schema(entity)
    scaling = record.entity["status"].get("scaling", {})
    named = [field for field in schema.get("fields", ()) if "name" in field]
    return ServingSpec(
        artifact=context.blobs.path(content.blob.digest),
        model_type=entity["type"],
        specification=entity["software_spec"]["name"],
        input_type=schema.get("type"),
        fields={str(field["name"]): str(field.get("type", "")) for field in named},
        extensions=extensions,
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
