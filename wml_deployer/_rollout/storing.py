"""Store a model as a frozen revision on the service, once for each content."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wml_deployer._clients.records import UNKNOWN_TYPE, ModelProperties
from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.assets import is_there, removal_as_conflict
from wml_deployer._rollout.derived import derived
from wml_deployer._rollout.names import TakenNames
from wml_deployer._rollout.orphans import (
    CUSTOM_KEY,
    FrozenRevision,
    checksum_of,
    commit_message,
    find_existing_revision,
    frozen_revisions,
    models_of,
    remove_stale,
)
from wml_deployer._transport.deadline import cleanup_deadline
from wml_deployer._transport.idempotency import add_note, send_once
from wml_deployer.errors import ConflictError, NotFoundError, VersionError, WMLDeployerError
from wml_deployer.metadata import Metadata, Version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import AssetKind, ModelRecord
    from wml_deployer._rollout.placing import Placement
    from wml_deployer._rollout.preparing import PreparedModel
    from wml_deployer.frameworks import ModelProfile
    from wml_deployer.metadata import LogEntry
    from wml_deployer.packaging import Package
    from wml_deployer.specifications import Specification

__all__ = ["facts", "refuse_taken", "store", "stored_already"]


def stored_already(
    client: Client, metadata: Metadata, prepared: PreparedModel, name: str | None, specification_name: str | None
) -> Version | None:
    """Return the version that holds this content already, where there is one.

    Args:
        client: The deployment space.
        metadata: The project.
        prepared: The model to store.
        name: Name that the version must have, if any.
        specification_name: Name of the software specification that it must run on, if any.

    """
    same = [version for version in metadata.versions if _is_same_version(version, prepared, name, specification_name)]
    return same[-1] if same and is_there(client, same[-1]) else None


def refuse_taken(metadata: Metadata, prepared: PreparedModel, name: str | None, specification_name: str | None) -> None:
    """Refuse a name that a stored version has.

    Args:
        metadata: The project.
        prepared: The model that is to have the name.
        name: The name, if one is given.
        specification_name: Name of the software specification that it is to run on, if one is given.

    Raises:
        VersionError: The name is taken by other content, or by the same on another specification.

    """
    stored = metadata.version(name)
    if stored is not None and not _is_same_version(stored, prepared, name, specification_name):
        raise VersionError(
            f"Version {name!r} is stored already, with other content, requirements or code, or on another software "
            "specification.",
            operation="store",
            next_step="Give another version=; a version never changes.",
        )


def _is_same_version(
    version: Version, prepared: PreparedModel, name: str | None, specification_name: str | None
) -> bool:
    return (
        version.digest == prepared.package.digest
        and (version.requirements, version.code) == prepared.environment.recorded
        and name in {None, version.name}
        and specification_name in {None, version.software_specification}
    )


def store(
    client: Client,
    metadata: Metadata,
    placement: Placement,
    *,
    name: str | None,
    metrics: Mapping[str, float],
    logged: Sequence[LogEntry],
    retired: Mapping[str, str],
    elsewhere: Mapping[str, str],
) -> tuple[Version, bool]:
    """Upload a model and freeze it as a revision, unless a call before this one did so without writing it down.

    Args:
        client: The deployment space.
        metadata: The project.
        placement: What to store, and the software specification that runs it.
        name: Name of the version; ``None`` takes the project's.
        metrics: What the caller measured of it.
        logged: The log that the project's deployment keeps.
        retired: Name -> digest of versions that are no longer stored, as the deployment keeps them.
        elsewhere: Name -> digest of the project's versions in other spaces.

    Returns:
        The version, not yet written to metadata.lock, and whether its model was made now.

    Raises:
        CheckError: The specification's runtime cannot load it or would answer otherwise; nothing was uploaded.
        VersionError: The name was given to other content before; nothing was uploaded.
        ConflictError: Somebody else stored or removed a model of this project at the same time.

    """
    prepared = placement.prepared
    profile, package = prepared.profile, prepared.package
    refuse(placement.findings, "store", prepared.cause)
    models = models_of(client, metadata)
    revisions = frozen_revisions(client, models)
    frozen_names = [(one.name, one.digest) for one in revisions]
    taken = TakenNames(metadata, logged, [*frozen_names, *retired.items(), *elsewhere.items()])
    if name is not None:
        taken.check(name, package.digest)
    kind: AssetKind = "function" if prepared.route == "function" else "model"
    fitting = [model for model in models if _can_hold(model, kind, profile)]
    frozen = find_existing_revision(
        client,
        metadata,
        [one for one in revisions if one.model_id in {model.id for model in fitting}],
        package.digest,
        lambda found: found == (name or found) and taken.is_free(found, package.digest),
    )
    chosen = name or taken.next(metadata.project_version, package.digest, elsewhere)
    with derived(client, placement.base, prepared.environment, placement.offered) as specification:
        properties = ModelProperties(
            name=f"{metadata.project_name}_{chosen}",
            model_type=profile.model_type,
            specification_id=specification.id,
            schema=profile.schema,
            custom=_with_profile(facts(metadata, chosen, package.digest), prepared, metrics),
            tags=(CUSTOM_KEY, metadata.project_name),
            kind=kind,
        )
        with removal_as_conflict("store"):
            if frozen is not None and _runs_on(client, frozen, properties):
                stored, made = frozen, False
            else:
                remove_stale(client, metadata, [model for model in models if model not in fitting])
                stored, made = _freeze(client, metadata, fitting, package, properties)
    return _version(stored, specification, prepared, metrics), made


def _version(
    stored: FrozenRevision, specification: Specification, prepared: PreparedModel, metrics: Mapping[str, float]
) -> Version:
    profile = prepared.profile
    requirements, code = prepared.environment.recorded
    return Version(
        name=stored.name,
        model_id=stored.model_id,
        revision=stored.revision,
        digest=prepared.package.digest,
        model_type=profile.model_type,
        route=prepared.route,
        software_specification=specification.name,
        requirements=requirements,
        code=code,
        libraries=profile.libraries,
        fields=profile.schema.fields,
        classes=profile.schema.classes,
        named=profile.schema.named,
        parameters=profile.parameters,
        metrics=dict(metrics),
        origin=prepared.promotion.origin if prepared.promotion else None,
        stored_at=datetime.now(timezone.utc),
    )


def facts(metadata: Metadata, version: str, digest: str) -> dict[str, Any]:
    """Say in ``custom`` whose something is, what is in it, and which call made it: so it is found again."""
    return {
        CUSTOM_KEY: {
            "project": metadata.project_name,
            "version": version,
            "digest": digest,
            "call": uuid4().hex,
        }
    }


def _with_profile(said: dict[str, Any], prepared: PreparedModel, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Add what a lost metadata.lock is rebuilt from, and the service has no place of its own for."""
    profile, is_native = prepared.profile, prepared.route == "native"
    requirements, code = prepared.environment.recorded
    more = {
        "checksum": prepared.package.checksum,
        "route": "" if is_native else prepared.route,
        "model_type": "" if is_native else profile.model_type,
        "libraries": profile.libraries,
        "classes": list(profile.schema.classes),
        "parameters": profile.parameters,
        "metrics": {name: float(value) for name, value in metrics.items()},
        "requirements": list(requirements),
        "code": code,
        "origin": prepared.promotion.origin.model_dump(exclude_none=True) if prepared.promotion else None,
    }
    return {CUSTOM_KEY: {**said[CUSTOM_KEY], **{key: value for key, value in more.items() if value}}}


def _freeze(
    client: Client, metadata: Metadata, fitting: list[ModelRecord], package: Package, properties: ModelProperties
) -> tuple[FrozenRevision, bool]:
    chosen = properties.custom[CUSTOM_KEY]["version"]
    message = commit_message(chosen, package.digest)
    try:
        model_id = _place(client, fitting, package.path, properties)
        revision = send_once(
            lambda: client.freeze_model(model_id, message), lambda: _find_frozen(client, model_id, message, properties)
        )
        _verify(client, model_id, revision, package.checksum, properties)
        _refuse_second_name(client, metadata, FrozenRevision(model_id, revision, chosen, package.digest))
    except BaseException as error:
        if not fitting:
            _clean_up(client, properties, message, error)
        raise
    return FrozenRevision(model_id, revision, chosen, package.digest), not fitting


def _place(client: Client, fitting: list[ModelRecord], archive: Path, properties: ModelProperties) -> str:
    """Upload into the project's model where type and schema allow it, else into a new one."""
    if fitting:
        client.change_model(fitting[0].id, archive, properties)
        return fitting[0].id
    return send_once(
        lambda: client.store_model(archive, properties).id, lambda: _find_finished(client, archive, properties)
    )


def _find_finished(client: Client, archive: Path, properties: ModelProperties) -> str | None:
    """Find the model that was made although the answer got lost, and give it its content."""
    for model in _created_models(client, properties):
        client.change_model(model.id, archive, properties)
        return model.id
    return None


def _created_models(client: Client, properties: ModelProperties) -> list[ModelRecord]:
    """List what this very call made: its facts name the call."""
    return [model for model in client.models() if model.custom == properties.custom]


def _find_frozen(client: Client, model_id: str, message: str, properties: ModelProperties) -> str | None:
    """Find the revision that was frozen although the answer got lost."""
    for item in client.revisions(model_id):
        if item.message == message and client.model(model_id, item.revision).custom == properties.custom:
            return item.revision
    return None


def _clean_up(client: Client, properties: ModelProperties, message: str, error: BaseException) -> None:
    """Remove the model that a failed call made, unless it is of use to somebody else by now."""
    try:
        with cleanup_deadline():
            for model in _created_models(client, properties):
                if all(item.message == message for item in client.revisions(model.id)):
                    client.delete_model(model.id)
    except (NotFoundError, ConflictError):
        return
    except WMLDeployerError:
        add_note(error, f"A model may be left in {client.scope}; the next call goes on from it.")


def _can_hold(record: ModelRecord, kind: AssetKind, profile: ModelProfile) -> bool:
    """Say whether a model can take this content: the service keeps type and schema for its whole life."""
    schema = profile.schema
    ours, theirs = schema.fields, record.schema.fields
    same_names = [field.name for field in ours] == [field.name for field in theirs]
    known = [(a.dtype, b.dtype) for a, b in zip(ours, theirs, strict=False) if a.dtype and b.dtype != UNKNOWN_TYPE]
    same_kind = record.kind == kind and (kind == "function" or record.model_type == profile.model_type)
    same_kind = same_kind and record.schema.named == schema.named
    return same_kind and same_names and all(a == b for a, b in known)


def _runs_on(client: Client, frozen: FrozenRevision, properties: ModelProperties) -> bool:
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


def _refuse_second_name(client: Client, metadata: Metadata, frozen: FrozenRevision) -> None:
    """Refuse a name that another machine gave to other content while this call uploaded."""
    others = frozen_revisions(client, models_of(client, metadata))
    if any(other.name == frozen.name and other.digest != frozen.digest for other in others):
        raise ConflictError(
            f"Somebody else stored another content as version {frozen.name!r} at the same time.",
            operation="store",
            next_step="Store again; nothing was deployed.",
        )
