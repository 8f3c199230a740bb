"""From what the caller hands in to a frozen revision on the service, once for each content."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wml_deployer._clients.records import ModelProperties
from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.assets import is_there
from wml_deployer._rollout.left_over import CUSTOM_KEY, frozen_already, frozen_revisions, models_of
from wml_deployer._rollout.names import TakenNames
from wml_deployer._rollout.uploading import can_hold, upload
from wml_deployer.errors import VersionError
from wml_deployer.metadata import Metadata, Version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import AssetKind
    from wml_deployer._rollout.preparing import Candidate
    from wml_deployer._rollout.routing import Placement
    from wml_deployer.metadata import LogEntry

__all__ = ["facts", "refuse_taken", "store", "stored_already"]


def stored_already(
    client: Client, metadata: Metadata, candidate: Candidate, name: str | None, specification_name: str | None
) -> Version | None:
    """Return the version that holds this content already, where there is one.

    Args:
        client: The deployment space.
        metadata: The project.
        candidate: What shall be stored.
        name: Name that the version must have, if any.
        specification_name: Name of the software specification that it must run on, if any.

    """
    digest = candidate.package.digest
    same = [version for version in metadata.versions if _is(version, digest, name, specification_name)]
    return same[-1] if same and is_there(client, same[-1]) else None


def refuse_taken(metadata: Metadata, digest: str, name: str | None, specification_name: str | None) -> None:
    """Refuse a name that a stored version has.

    Args:
        metadata: The project.
        digest: Digest of the content that shall have the name.
        name: The name, if one is given.
        specification_name: Name of the software specification that it shall run on, if one is given.

    Raises:
        VersionError: The name is taken by other content, or by the same on another specification.

    """
    stored = metadata.version(name)
    if stored is not None and not _is(stored, digest, name, specification_name):
        raise VersionError(
            f"Version {name!r} is stored already, with other content or on another software specification.",
            operation="store",
            next_step="Give another version=; a version never changes.",
        )


def _is(version: Version, digest: str, name: str | None, specification_name: str | None) -> bool:
    return (
        version.digest == digest
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
    """Upload a candidate and freeze it as a revision, unless a call before this one did so without writing it down.

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

    """
    candidate, specification = placement.candidate, placement.specification
    profile, package = candidate.profile, candidate.package
    refuse(placement.findings, "store", candidate.cause)
    models = models_of(client, metadata)
    revisions = frozen_revisions(client, models)
    frozen_names = [(one.name, one.digest) for one in revisions]
    taken = TakenNames(metadata, logged, [*frozen_names, *retired.items(), *elsewhere.items()])
    if name is not None:
        taken.check(name, package.digest)
    kind: AssetKind = "function" if candidate.route == "function" else "model"
    fitting = {model.id for model in models if can_hold(model, kind, profile.model_type, profile.schema)}
    frozen = frozen_already(
        client,
        metadata,
        [one for one in revisions if one.model_id in fitting],
        package.digest,
        lambda found: found == (name or found) and taken.is_free(found, package.digest),
    )
    chosen = name or taken.next(metadata.project_version, package.digest, elsewhere)
    properties = ModelProperties(
        name=f"{metadata.project_name}_{chosen}",
        model_type=profile.model_type,
        specification_id=specification.id,
        schema=profile.schema,
        custom=_with_profile(facts(metadata, chosen, package.digest), candidate, metrics),
        tags=(CUSTOM_KEY, metadata.project_name),
        kind=kind,
    )
    stored, made = upload(client, metadata, package, properties, models=models, frozen=frozen)
    version = Version(
        name=stored.name,
        model_id=stored.model_id,
        revision=stored.revision,
        digest=package.digest,
        model_type=profile.model_type,
        route=candidate.route,
        software_specification=specification.name,
        libraries=profile.libraries,
        fields=profile.schema.fields,
        classes=profile.schema.classes,
        named=profile.schema.named,
        parameters=profile.parameters,
        metrics=dict(metrics),
        stored_at=datetime.now(timezone.utc),
    )
    return version, made


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


def _with_profile(said: dict[str, Any], candidate: Candidate, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Add what a lost metadata.lock is rebuilt from, and the service has no place of its own for."""
    profile, is_native = candidate.profile, candidate.route == "native"
    more = {
        "checksum": candidate.package.checksum,
        "route": "" if is_native else candidate.route,
        "model_type": "" if is_native else profile.model_type,
        "libraries": profile.libraries,
        "classes": list(profile.schema.classes),
        "parameters": profile.parameters,
        "metrics": {name: float(value) for name, value in metrics.items()},
    }
    return {CUSTOM_KEY: {**said[CUSTOM_KEY], **{key: value for key, value in more.items() if value}}}
