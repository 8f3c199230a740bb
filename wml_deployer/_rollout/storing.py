"""From what the caller hands in to a frozen revision on the service, once for each content."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wml_deployer._clients.records import ModelProperties
from wml_deployer._preflight.content import input_findings
from wml_deployer._preflight.model import model_findings, refuse
from wml_deployer._rollout.assets import is_there
from wml_deployer._rollout.left_over import CUSTOM_KEY, frozen_already, frozen_revisions, models_of
from wml_deployer._rollout.names import TakenNames
from wml_deployer._rollout.uploading import can_hold, upload
from wml_deployer._verification.sample import Rehearsal
from wml_deployer._verification.sample_file import SampleFile
from wml_deployer._verification.user_code import user_code
from wml_deployer.errors import ModelError, VersionError
from wml_deployer.frameworks import ModelProfile
from wml_deployer.frameworks import profile as profile_of
from wml_deployer.metadata import Metadata, Version
from wml_deployer.packaging import Package, pack
from wml_deployer.packaging._digest import digest
from wml_deployer.packaging._pickles import load_estimator, scan_pickles
from wml_deployer.schema import Schema
from wml_deployer.specifications import choose_specification

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._verification.sample import Sample
    from wml_deployer.metadata import LogEntry
    from wml_deployer.reports import Finding

__all__ = ["Candidate", "facts", "prepared", "store", "stored_already"]


@dataclass(frozen=True)
class Candidate:
    """A model that is ready to be stored.

    Attributes:
        profile: What is known of it.
        package: Its archive.
        sample: What to verify a deployment with, if there is a sample that the model can answer.
        findings: What would go wrong with its input or was found by its rehearsal.
        cause: What the model's own code raised, if it did.

    """

    profile: ModelProfile
    package: Package
    sample: Sample | None = None
    findings: tuple[Finding, ...] = ()
    cause: BaseException | None = None


@contextmanager
def prepared(model: Any, metadata: Metadata, rows: Any, *, unpickle: bool) -> Iterator[Candidate]:
    """Find out what a model is and pack it, before anything is sent.

    Args:
        model: A fitted estimator, or a path to one.
        metadata: The project: it names the type of a model that is only a path.
        rows: n rows × k fields to rehearse and verify the deployment with, or ``None``.
        unpickle: Whether a path may be loaded into this process.

    Raises:
        ModelError: It cannot be stored.

    """
    identity = None
    if not isinstance(model, str | os.PathLike):
        profile, rehearsal = _inspected(model, metadata, rows, {})
    elif unpickle:
        _refuse_missing(Path(model))
        versions = _saved_with(model)
        estimator = load_estimator(model, versions)
        profile, rehearsal = _inspected(estimator, metadata, rows, versions)
        if versions.items() <= profile_of(estimator).libraries.items():
            # Saved with the libraries of this process, it is the version that the estimator itself would be.
            identity = digest(estimator)
    else:
        _refuse_missing(Path(model))
        profile, rehearsal = _profile_of_path(model, metadata, rows), Rehearsal()
    with pack(model) as package:
        identified = replace(package, digest=identity) if identity else package
        yield Candidate(profile, identified, rehearsal.sample, rehearsal.findings, rehearsal.cause)


def _saved_with(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read which versions of which libraries saved a model, where its pickles say so."""
    found = scan_pickles(path).versions
    for library, versions in found.items():
        if len(versions) > 1:
            raise ModelError(
                f"{os.fspath(path)} was saved by several versions of {library}: {', '.join(sorted(versions))}.",
                operation="store",
                next_step=f"Save the whole model with one version of {library}.",
            )
    return {library: version for library, (version,) in found.items()}


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

    Raises:
        VersionError: The name is taken by other content, or by the same on another specification.

    """
    digest = candidate.package.digest
    same = [version for version in metadata.versions if _is(version, digest, name, specification_name)]
    if same and is_there(client, same[-1]):
        return same[-1]
    if not same and name is not None and metadata.version(name) is not None:
        raise VersionError(
            f"Version {name!r} is stored already, with other content or on another software specification.",
            operation="store",
            next_step="Give another version=; a version never changes.",
        )
    return None


def _is(version: Version, digest: str, name: str | None, specification_name: str | None) -> bool:
    return (
        version.digest == digest
        and name in {None, version.name}
        and specification_name in {None, version.software_specification}
    )


def store(
    client: Client,
    metadata: Metadata,
    candidate: Candidate,
    *,
    name: str | None,
    specification_name: str | None,
    metrics: Mapping[str, float],
    logged: Sequence[LogEntry],
    retired: Mapping[str, str],
    elsewhere: Mapping[str, str],
) -> tuple[Version, bool]:
    """Upload a candidate and freeze it as a revision, unless a call before this one did so without writing it down.

    Args:
        client: The deployment space.
        metadata: The project.
        candidate: What to store.
        name: Name of the version; ``None`` takes the project's.
        specification_name: Name of a software specification; ``None`` chooses one.
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
    profile, package = candidate.profile, candidate.package
    specification = choose_specification(profile.model_type, client.specifications(), name=specification_name)
    unfit = model_findings(profile, package, client.specification(specification))
    refuse([*candidate.findings, *unfit], "store", candidate.cause)
    models = models_of(client, metadata)
    revisions = frozen_revisions(client, models)
    frozen_names = [(one.name, one.digest) for one in revisions]
    taken = TakenNames(metadata, logged, [*frozen_names, *retired.items(), *elsewhere.items()])
    if name is not None:
        taken.check(name, package.digest)
    fitting = {model.id for model in models if can_hold(model, profile.model_type, profile.schema)}
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
        custom=_told(facts(metadata, chosen, package.digest), package, profile, metrics),
        tags=(CUSTOM_KEY, metadata.project_name),
    )
    stored, made = upload(client, metadata, package, properties, models=models, frozen=frozen)
    version = Version(
        name=stored.name,
        model_id=stored.model_id,
        revision=stored.revision,
        digest=package.digest,
        model_type=profile.model_type,
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


def _told(
    said: dict[str, Any], package: Package, profile: ModelProfile, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Add what a lost metadata.lock is rebuilt from, and the service has no place of its own for."""
    more = {
        "checksum": package.checksum,
        "libraries": profile.libraries,
        "classes": list(profile.schema.classes),
        "parameters": profile.parameters,
        "metrics": {name: float(value) for name, value in metrics.items()},
    }
    return {CUSTOM_KEY: {**said[CUSTOM_KEY], **{key: value for key, value in more.items() if value}}}


def _inspected(
    estimator: Any, metadata: Metadata, rows: Any, versions: Mapping[str, str]
) -> tuple[ModelProfile, Rehearsal]:
    """Describe a model and rehearse its sample."""
    with user_code("Describing the model", "See that get_params() and classes_ of the model work, and store it again."):
        profile = profile_of(estimator).saved_with(versions)
        findings = tuple(input_findings(estimator))
    if metadata.model_type not in {None, profile.model_type}:
        raise ModelError(
            f"metadata.yaml says model_type: {metadata.model_type}, but the model is {profile.model_type}.",
            operation="store",
            next_step=f"Set model_type: {profile.model_type}, or remove the key, or fit with the version it names.",
        )
    if rows is None or findings:
        return profile, Rehearsal(None, findings)
    from wml_deployer._verification.rehearsal import rehearse  # noqa: PLC0415 - deferred: pandas is slow to import
    from wml_deployer._verification.rows import read_rows  # noqa: PLC0415

    if isinstance(rows, SampleFile):
        rows = rows.typed(estimator)
    read = read_rows(rows, profile.schema)
    profile = profile_of(estimator, read.frame if read.named else None).saved_with(versions)
    return profile, rehearse(estimator, read, profile.schema)


def _refuse_missing(path: Path) -> None:
    if path.exists():
        return
    there = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, there, n=1)
    raise ModelError(
        f"There is no file or folder {path}.",
        operation="store",
        next_step=f"Did you mean {path.with_name(near[0])}?" if near else "Save the model first, or correct the path.",
    )


def _profile_of_path(path: str | os.PathLike[str], metadata: Metadata, rows: Any) -> ModelProfile:
    if metadata.model_type is not None and rows is None:
        versions = _saved_with(path)
        profile = ModelProfile(metadata.model_type, versions, Schema(()))
        saved = profile.saved_with(versions)
        if saved == profile:
            return profile
        raise ModelError(
            f"metadata.yaml says model_type: {metadata.model_type}, but {os.fspath(path)} was saved by "
            f"{' and '.join(map(' '.join, versions.items()))}.",
            operation="store",
            next_step=f"Set model_type: {saved.model_type}, or save the model with the version that the file names.",
        )
    unknown = "what it should answer to the sample" if metadata.model_type else "its framework"
    raise ModelError(
        f"{os.fspath(path)} is a path, and a path is not unpickled unasked: {unknown} is not known.",
        operation="store",
        next_step=(
            "Pass unpickle=True; or set model_type in metadata.yaml (such as scikit-learn_1.6), and give no sample."
        ),
    )
