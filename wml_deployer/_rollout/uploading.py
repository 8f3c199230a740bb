"""From an archive to a frozen revision that holds it, whatever gets lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._clients.records import UNKNOWN_TYPE
from wml_deployer._rollout.assets import removal_as_conflict
from wml_deployer._rollout.left_over import (
    CUSTOM_KEY,
    Frozen,
    checksum_of,
    commit_message,
    frozen_revisions,
    models_of,
    remove_stale,
)
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note, send_once
from wml_deployer.errors import ConflictError, NotFoundError, WMLDeployerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import AssetKind, ModelProperties, ModelRecord
    from wml_deployer.metadata import Metadata
    from wml_deployer.packaging import Package
    from wml_deployer.schema import Schema

__all__ = ["can_hold", "upload"]


def upload(
    client: Client,
    metadata: Metadata,
    package: Package,
    properties: ModelProperties,
    *,
    models: Sequence[ModelRecord],
    frozen: Frozen | None,
) -> tuple[Frozen, bool]:
    """Store an archive and freeze it, unless a call before this one did so.

    Args:
        client: The deployment space.
        metadata: The project.
        package: The archive.
        properties: What is said of it; ``custom`` has the name of the version.
        models: The project's models.
        frozen: A revision that holds the content already, if there is one.

    Returns:
        The revision, and whether its model was made now.

    Raises:
        ConflictError: Somebody else stored or removed a model of this project at the same time.

    """
    fitting = [model for model in models if can_hold(model, properties.kind, properties.model_type, properties.schema)]
    with removal_as_conflict("store"):
        if frozen is not None and _runs_on(client, frozen, properties):
            return frozen, False
        remove_stale(client, metadata, [model for model in models if model not in fitting])
        return _freeze(client, metadata, fitting, package, properties)


def _freeze(
    client: Client, metadata: Metadata, fitting: list[ModelRecord], package: Package, properties: ModelProperties
) -> tuple[Frozen, bool]:
    chosen = properties.custom[CUSTOM_KEY]["version"]
    message = commit_message(chosen, package.digest)
    try:
        model_id = _place(client, fitting, package.path, properties)
        revision = send_once(
            lambda: client.freeze_model(model_id, message), lambda: _frozen_now(client, model_id, message, properties)
        )
        _verify(client, model_id, revision, package.checksum, properties)
        _refuse_second_name(client, metadata, Frozen(model_id, revision, chosen, package.digest))
    except BaseException as error:
        if not fitting:
            _take_back(client, properties, message, error)
        raise
    return Frozen(model_id, revision, chosen, package.digest), not fitting


def _place(client: Client, fitting: list[ModelRecord], archive: Path, properties: ModelProperties) -> str:
    """Upload into the project's model where type and schema allow it, else into a new one."""
    if fitting:
        client.change_model(fitting[0].id, archive, properties)
        return fitting[0].id
    return send_once(lambda: client.store_model(archive, properties).id, lambda: _finished(client, archive, properties))


def _finished(client: Client, archive: Path, properties: ModelProperties) -> str | None:
    """Find the model that was made although the answer got lost, and give it its content."""
    for model in _made(client, properties):
        client.change_model(model.id, archive, properties)
        return model.id
    return None


def _made(client: Client, properties: ModelProperties) -> list[ModelRecord]:
    """List what this very call made: its facts name the call."""
    return [model for model in client.models() if model.custom == properties.custom]


def _frozen_now(client: Client, model_id: str, message: str, properties: ModelProperties) -> str | None:
    """Find the revision that was frozen although the answer got lost."""
    for item in client.revisions(model_id):
        if item.message == message and client.model(model_id, item.revision).custom == properties.custom:
            return item.revision
    return None


def _take_back(client: Client, properties: ModelProperties, message: str, error: BaseException) -> None:
    """Remove the model that a failed call made, unless it is of use to somebody else by now."""
    try:
        with cleanup_deadline():
            for model in _made(client, properties):
                if all(item.message == message for item in client.revisions(model.id)):
                    client.delete_model(model.id)
    except (NotFoundError, ConflictError):
        return
    except WMLDeployerError:
        add_note(error, f"A model may be left in {client.scope}; the next call goes on from it.")


def can_hold(record: ModelRecord, kind: AssetKind, model_type: str, schema: Schema) -> bool:
    """Say whether a model can take this content: the service keeps type and schema for its whole life."""
    ours, theirs = schema.fields, record.schema.fields
    same_names = [field.name for field in ours] == [field.name for field in theirs]
    known = [(a.dtype, b.dtype) for a, b in zip(ours, theirs, strict=False) if a.dtype and b.dtype != UNKNOWN_TYPE]
    same_kind = record.kind == kind and (kind == "function" or record.model_type == model_type)
    same_kind = same_kind and record.schema.named == schema.named
    return same_kind and same_names and all(a == b for a, b in known)


def _runs_on(client: Client, frozen: Frozen, properties: ModelProperties) -> bool:
    specification = client.model(frozen.model_id, frozen.revision).raw["entity"].get("software_spec", {})
    return bool(specification.get("id") == properties.specification_id)


def _verify(client: Client, model_id: str, revision: str, sent: str, properties: ModelProperties) -> None:
    """Compare what the revision holds with what was sent: somebody else may have stored in between."""
    frozen = client.model(model_id, revision)
    if client.read_model(model_id, revision, checksum_of) == sent and frozen.custom == properties.custom:
        return
    raise ConflictError(
        f"Revision {revision} of model {model_id} does not hold what was uploaded: somebody else stored a model "
        "of this project at the same time.",
        operation="store",
        next_step="Store again; nothing was deployed.",
    )


def _refuse_second_name(client: Client, metadata: Metadata, frozen: Frozen) -> None:
    """Refuse a name that another machine gave to other content while this call uploaded."""
    others = frozen_revisions(client, models_of(client, metadata))
    if any(other.name == frozen.name and other.digest != frozen.digest for other in others):
        raise ConflictError(
            f"Somebody else stored another content as version {frozen.name!r} at the same time.",
            operation="store",
            next_step="Store again; nothing was deployed.",
        )
