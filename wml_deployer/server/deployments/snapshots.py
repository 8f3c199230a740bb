"""Snapshots of the content that a deployment serves, and of a pending one that is being loaded.

A snapshot is taken with the request, so that neither a later upload to the model nor a restart changes what the
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
"""Slot of the content that is being served."""
PENDING = "pending"
"""Slot of the content that is being loaded."""


def set_pending(transaction: Transaction, record: Record, asset: dict[str, str]) -> None:
    """Take a pending snapshot of an artifact, or of one of its revisions."""
    artifact = artifacts.find_any(transaction, asset["id"])
    if artifact is None:
        return
    record.private[PENDING] = artifacts.at_revision(transaction, artifact, asset.get("rev"))["entity"]
    content = transaction.content(artifact, number=int(asset.get("rev", 0)))
    transaction.detach(record, PENDING)
    if content is not None:
        transaction.attach(record, Content(content.blob, PENDING, content.media_type))


def activate(transaction: Transaction, record: Record) -> None:
    """Make the pending snapshot, if any, the one that is served."""
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
    """Return what a worker pool needs to know to serve a snapshot.

    Raises:
        LoadError: The content was never uploaded, or a package extension is missing.

    """
    entity = record.private[slot]
    with context.store.transaction() as transaction:
        content = transaction.content(record, slot=slot)
        extensions = _extensions(context, transaction, entity["software_spec"]["id"])
    if content is None:
        raise LoadError("content_missing", "The asset has no content: nothing was uploaded to it.")
    schema = _input_schema(entity)
    scaling = record.entity["status"].get("scaling", {})
    fields = [field for field in schema.get("fields", ()) if "name" in field]
    return ServingSpec(
        artifact=context.blobs.path(content.blob.digest),
        model_type=entity["type"],
        specification=entity["software_spec"]["name"],
        input_type=schema.get("type"),
        fields={str(field["name"]): str(field.get("type", "")) for field in fields},
        extensions=extensions,
        replicas=scaling.get("requested_replicas") or record.entity.get("hardware_spec", {}).get("num_nodes", 1),
    )


def _extensions(context: Context, transaction: Transaction, specification: str) -> tuple[PackageExtension, ...]:
    """Return the package extensions of a derived specification.

    Raises:
        LoadError: One of them was deleted or never uploaded.

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
    """Return the first input schema; an empty one if there is none, or none in a known form."""
    schemas = entity.get("schemas")
    inputs = schemas.get("input") if isinstance(schemas, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if not isinstance(first, dict) or not isinstance(first.get("fields", []), list):
        return {}
    return {**first, "fields": [field for field in first.get("fields", []) if isinstance(field, dict)]}
