"""From what the caller hands in to a frozen revision on the service, once for each content."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import joblib

from wml_deployer._clients import UNKNOWN_TYPE, ModelProperties
from wml_deployer._rollout.history import next_version_name
from wml_deployer._rollout.proof import take_sample
from wml_deployer._transport.deadline import grace
from wml_deployer.errors import ConflictError, ModelError, NotFoundError, VersionError
from wml_deployer.frameworks import ModelProfile
from wml_deployer.frameworks import profile as profile_of
from wml_deployer.metadata import Metadata, Version
from wml_deployer.packaging import Package, pack
from wml_deployer.schema import Field, Schema
from wml_deployer.specifications import choose_specification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wml_deployer._clients import Client, ModelRecord
    from wml_deployer._rollout.proof import Sample

__all__ = ["CUSTOM_KEY", "Candidate", "prepared", "store", "stored_already"]

CUSTOM_KEY = "wml_deployer"
"""Where this library's facts stand in a model's and a deployment's ``custom``."""
CLEAN_UP_SECONDS = 60.0


@dataclass(frozen=True)
class Candidate:
    """What shall be stored: what is known of the model, its archive, and its sample."""

    profile: ModelProfile
    package: Package
    sample: Sample | None


@contextmanager
def prepared(model: Any, metadata: Metadata, rows: Any, *, unpickle: bool) -> Iterator[Candidate]:
    """Find out what a model is and pack it, before anything is sent.

    Args:
        model: A fitted estimator, or a path to one.
        metadata: The project: it names the type of a model that is only a path.
        rows: n rows × k fields to prove the deployment with, or ``None``.
        unpickle: Whether a path may be loaded into this process.

    Raises:
        ModelError: It cannot be stored.

    """
    profile, sample = _inspected(model, metadata, rows, unpickle=unpickle)
    with pack(model) as package:
        yield Candidate(profile, package, sample)


def stored_already(client: Client, metadata: Metadata, candidate: Candidate, name: str | None) -> Version | None:
    """Return the version that holds this content already, where there is one.

    Args:
        client: The deployment space.
        metadata: The project.
        candidate: What shall be stored.
        name: Name that the version must have, if any.

    Raises:
        VersionError: The name is taken by other content.

    """
    same = [v for v in metadata.versions if v.digest == candidate.package.digest and name in {None, v.name}]
    if same and _is_there(client, same[-1]):
        return same[-1]
    if not same and name is not None and metadata.version(name) is not None:
        raise VersionError(
            f"Version {name!r} is stored already, with other content.",
            operation="store",
            next_step="Give another version=; a version never changes.",
        )
    return None


def store(
    client: Client, metadata: Metadata, candidate: Candidate, *, name: str | None, specification_name: str | None
) -> Version:
    """Upload a candidate and freeze it as a revision.

    Args:
        client: The deployment space.
        metadata: The project.
        candidate: What to store.
        name: Name of the version; ``None`` takes the project's.
        specification_name: Name of a software specification; ``None`` chooses one.

    Returns:
        The version, not yet written to metadata.yaml.

    """
    profile, package = candidate.profile, candidate.package
    specification = choose_specification(profile.model_type, client.specifications(), name=specification_name)
    chosen = name or next_version_name(metadata)
    facts = {"project": metadata.project_name, "version": chosen, "digest": package.digest}
    properties = ModelProperties(
        name=f"{metadata.project_name}_{chosen}",
        model_type=profile.model_type,
        specification_id=specification.id,
        schema=profile.schema,
        custom={CUSTOM_KEY: facts},
        tags=(CUSTOM_KEY, metadata.project_name),
    )
    model_id, revision = _freeze(client, metadata, package, properties, f"{CUSTOM_KEY} {chosen} {package.digest}")
    return Version(
        name=chosen,
        model_id=model_id,
        revision=revision,
        digest=package.digest,
        model_type=profile.model_type,
        software_specification=specification.name,
        libraries=profile.libraries,
        fields=profile.schema.fields,
        classes=profile.schema.classes,
        stored_at=datetime.now(timezone.utc),
    )


def _inspected(model: Any, metadata: Metadata, rows: Any, *, unpickle: bool) -> tuple[ModelProfile, Sample | None]:
    if isinstance(model, str | os.PathLike) and not unpickle:
        return _profile_of_path(model, metadata, rows), None
    estimator = joblib.load(model) if isinstance(model, str | os.PathLike) else model
    profile = profile_of(estimator, rows)
    if metadata.model_type not in {None, profile.model_type}:
        raise ModelError(
            f"metadata.yaml says model_type: {metadata.model_type}, but the model is {profile.model_type}.",
            operation="store",
            next_step=f"Set model_type: {profile.model_type}, or remove the key, or fit with the version it names.",
        )
    return profile, None if rows is None else take_sample(estimator, rows, profile.schema)


def _profile_of_path(path: str | os.PathLike[str], metadata: Metadata, rows: Any) -> ModelProfile:
    if metadata.model_type is None:
        raise ModelError(
            f"{os.fspath(path)} is a path, and a path is not unpickled unasked: its framework is not known.",
            operation="store",
            next_step="Set model_type in metadata.yaml (such as scikit-learn_1.6), or pass unpickle=True.",
        )
    # An array has one dtype and no names.
    columns = rows.dtypes.items() if hasattr(rows, "columns") else ()
    return ModelProfile(metadata.model_type, {}, Schema(tuple(Field(str(name), str(kind)) for name, kind in columns)))


def _freeze(
    client: Client, metadata: Metadata, package: Package, properties: ModelProperties, message: str
) -> tuple[str, str]:
    model_id, made = _place(client, metadata, package.path, properties)
    try:
        revision = client.freeze_model(model_id, message)
        _verify(client, model_id, revision, package.path)
    except BaseException:
        if made:
            with grace(CLEAN_UP_SECONDS):
                client.delete_model(model_id)
        raise
    return model_id, revision


def _place(client: Client, metadata: Metadata, archive: Path, properties: ModelProperties) -> tuple[str, bool]:
    """Upload into the project's model where type and schema allow it, else into a new one; say whether it is new."""
    if metadata.model_uid is not None:
        try:
            record = client.model(metadata.model_uid)
        except NotFoundError:
            record = None
        if record is not None and _can_hold(record, properties):
            client.change_model(record.id, archive, properties)
            return record.id, False
    return client.store_model(archive, properties).id, True


def _can_hold(record: ModelRecord, properties: ModelProperties) -> bool:
    """Say whether a model can take this content: the service keeps type and schema for its whole life."""
    ours, theirs = properties.schema.fields, record.schema.fields
    same_names = [field.name for field in ours] == [field.name for field in theirs]
    known = [(a.dtype, b.dtype) for a, b in zip(ours, theirs, strict=False) if a.dtype and b.dtype != UNKNOWN_TYPE]
    return record.model_type == properties.model_type and same_names and all(a == b for a, b in known)


def _verify(client: Client, model_id: str, revision: str, archive: Path) -> None:
    """Compare what the revision holds with what was sent: somebody else may have uploaded in between."""
    kept = hashlib.sha256(client.model_content(model_id, revision)).digest()
    if kept != hashlib.sha256(archive.read_bytes()).digest():
        raise ConflictError(
            f"Revision {revision} of model {model_id} does not hold what was uploaded: somebody else stored a model "
            "of this project at the same time.",
            operation="store",
            next_step="Store again; nothing was deployed.",
        )


def _is_there(client: Client, version: Version) -> bool:
    try:
        client.model(version.model_id, version.revision)
    except NotFoundError:
        return False
    return True
