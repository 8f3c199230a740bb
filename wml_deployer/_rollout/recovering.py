"""Rebuild metadata.lock from what the service keeps, where it is lost or out of date.

A revision tells its version, project and digest in ``custom`` and in its commit message, with the libraries, classes,
parameters and metrics of the fit; the deployment tells in ``custom`` what was live when.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.assets import asset_of, find, revisions_left, version_served
from wml_deployer._rollout.deploying import deployment_of
from wml_deployer._rollout.journal import log_entry, observed
from wml_deployer._rollout.names import TakenNames, retired_names
from wml_deployer._rollout.orphans import (
    CUSTOM_KEY,
    archive_digest,
    checksum_of,
    commit_message,
    find_existing_revision,
    frozen_revisions,
    models_of,
    parse_commit_message,
)
from wml_deployer._rollout.service_log import merged, read_log, read_retired
from wml_deployer._rollout.serving_options import kept_options
from wml_deployer._rollout.waiting import serve, wait_until_serving, wait_until_settled
from wml_deployer.errors import MetadataError, NotFoundError, PackagingError
from wml_deployer.metadata import Metadata, Version

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, ModelRecord
    from wml_deployer.metadata import LogEntry, MetadataFile

__all__ = ["learn", "recover"]

RECOVERED = "recovered from the space"
ADOPTED = "adopted: deployed before this file had a history"

_log = logging.getLogger(__name__)


def learn(client: Client, file: MetadataFile, *, brings_model: bool) -> None:
    """Record the versions and the deployment of a project that its files do not know.

    What a script of the user's own deployed becomes the first version. What this library deployed is learnt where the
    call brings a model: so a notebook that writes a new metadata.yaml continues from what is there, on another machine,
    too. Files that know something are left alone, for they may be older than what serves; and no call goes back or
    deletes on the word of files that know nothing.

    Args:
        client: The deployment space, or a project, which has no deployments.
        file: The project's metadata.yaml; its lock is held by the caller.
        brings_model: Whether the call stores or serves a model that its caller brings.

    """
    metadata = file.read()
    if metadata.versions or metadata.log:
        return
    record = deployment_of(client, metadata) if client.scope.kind == "space" else None
    if record is not None and CUSTOM_KEY not in record.custom:
        _adopt(client, file, record)
        return
    is_older = record is not None and metadata.model_uid not in {None, record.model_id}
    if not brings_model or is_older:
        return
    if record is not None or frozen_revisions(client, models_of(client, metadata)):
        _log.info("%s goes on from what %s has of it", metadata.project_name, client.scope)
        recover(client, file, metadata)


def _adopt(client: Client, file: MetadataFile, deployed: DeploymentRecord) -> None:
    """Freeze the model that a script of the user's own deployed, so that there is something to roll back to."""
    metadata = file.read()
    version = _pinned(client, metadata, deployed)
    if version is None:
        return
    entry = log_entry("deploy", None, version, ADOPTED, "skipped").model_copy(update={"who": None})
    found = {
        "versions": (version,),
        "log": (entry,),
        "model_uid": version.model_id,
        "deployment_uid": deployed.id,
        "serving": kept_options(deployed),
    }
    file.write(metadata.model_copy(update=found))


def _pinned(client: Client, metadata: Metadata, deployed: DeploymentRecord) -> Version | None:
    """Describe the model of somebody else's that a deployment serves; ``None`` where that is gone.

    A deployment without a revision would serve whatever is uploaded into its model next: it is given one.
    """
    try:
        record = wait_until_settled(client, deployed)
        model = client.model(record.model_id, record.revision)
        version = _freeze_version(client, metadata, model, record.revision)
    except NotFoundError:
        return None
    if record.revision is None:
        changed = serve(client, record.id, version)
        wait_until_serving(client, changed, version.model_id, version.revision, record)
    return version


def recover(client: Client, file: MetadataFile, known: Metadata) -> Metadata:
    """Record what the space knows of a project.

    Args:
        client: The deployment space.
        file: The project's metadata.yaml, there or not; its lock is held by the caller.
        known: What metadata.yaml said when it was read last.

    Returns:
        The project as it is written now.

    """
    metadata = file.read(lost=known)
    record = deployment_of(client, metadata)
    logged = read_log(record) if record else ()
    told = read_retired(record) if record else {}
    versions = _versions(client, metadata.model_copy(update={"retired": told | metadata.retired}), logged, record)
    live = version_served(versions, record) if record else None
    if record is not None and live is None and (adopted := _pinned(client, metadata, record)) is not None:
        # A script put a model of its own there: known from now on, it can be updated and rolled back to.
        taken = TakenNames(metadata.model_copy(update={"versions": ()}), logged, ())
        name = _free_name(adopted.name, adopted, taken, {version.name for version in versions})
        live = adopted.model_copy(update={"name": name})
        versions = (*versions, live)
    retired = retired_names(metadata, versions, told)
    log = merged(metadata.log, logged)
    rebuilt = metadata.model_copy(update={"versions": versions, "retired": retired, "log": log})
    missed = observed(rebuilt, live, RECOVERED) if live else ()
    found = {
        "model_uid": next((thing.model_id for thing in (live, record, *versions[-1:]) if thing), None),
        "deployment_uid": record.id if record else None,
        "log": (*rebuilt.log, *missed),
        "serving": kept_options(record) if record else None,
        "pending": None,
    }
    file.write(rebuilt.model_copy(update=found))
    return file.read()


def _versions(
    client: Client, metadata: Metadata, logged: tuple[LogEntry, ...], record: DeploymentRecord | None
) -> tuple[Version, ...]:
    """List every version on the service: as the file has it, or else as the service describes it.

    Names are given in this order: as the deployment's own log has them, to what serves, as the file has them, and to
    the rest as long as nothing else has them.
    """
    known = {asset_of(version): version for version in metadata.versions}
    dated = []
    for model in models_of(client, metadata):
        for listed in reversed(revisions_left(client, model.id)):
            ids = (model.id, str(listed.revision))
            version = known.get(ids) or _read_version(client, listed, ids)
            if version is not None:
                dated.append((str(_frozen_at(listed)), version))
    # By the service's clock, so that every machine gives names in the same order.
    found = [version for _, version in sorted(dated, key=lambda item: item[0])]
    names = {(entry.model_id, entry.revision): entry.to_version for entry in logged if entry.to_version}
    serving = asset_of(record) if record else None
    first = sorted(found, key=lambda v: (asset_of(v) not in names, asset_of(v) != serving, asset_of(v) not in known))
    taken = TakenNames(metadata.model_copy(update={"versions": ()}), logged, ())
    given: dict[tuple[str, str | None], str] = {}
    for version in first:
        wanted = names.get(asset_of(version)) or version.name
        given[asset_of(version)] = _free_name(wanted, version, taken, set(given.values()))
    return tuple(version.model_copy(update={"name": given[asset_of(version)]}) for version in found)


def _free_name(wanted: str, version: Version, taken: TakenNames, given: set[str]) -> str:
    """Return the name that a version had, or one made of it where that is or was another content's."""
    for name in (wanted, f"{wanted}@{version.revision}"):
        if name not in given and taken.is_free(name, version.digest):
            return name
    return f"{wanted}@{version.model_id}/{version.revision}"


def _read_version(client: Client, listed: ModelRecord, ids: tuple[str, str]) -> Version | None:
    """Read a version from the facts of its revision; ``None`` for revisions that this library did not freeze."""
    told, revision = parse_commit_message(listed), find(lambda: client.model(*ids))
    if told is None or revision is None:
        return None
    name, digest = told
    facts = revision.custom.get(CUSTOM_KEY, {})
    if facts.get("digest") != digest:
        digest, facts = _verified_content(client, digest, facts, ids)
    try:
        return Version(
            name=name,
            model_id=ids[0],
            revision=ids[1],
            digest=digest,
            model_type=facts.get("model_type", revision.model_type),
            route=facts.get("route", "function" if revision.kind == "function" else "native"),
            software_specification=revision.specification,
            requirements=facts.get("requirements", ()),
            code=facts.get("code"),
            libraries=facts.get("libraries", {}),
            fields=revision.schema.fields,
            classes=tuple(facts.get("classes", ())),
            named=revision.schema.named,
            parameters=facts.get("parameters", {}),
            metrics=facts.get("metrics", {}),
            origin=facts.get("origin"),
            stored_at=_frozen_at(revision),
        )
    except MetadataError as error:
        _log.warning("revision %s of model %s cannot be read as a version: %s", ids[1], ids[0], error.message)
        return None


def _verified_content(
    client: Client, digest: str, facts: dict[str, Any], ids: tuple[str, str]
) -> tuple[str, dict[str, Any]]:
    """Return the digest of a revision's content, and its facts, where its message and its facts contradict each other.

    A script may have given the model other content and kept its facts; or two machines uploaded at the same time, and
    one froze what the other one had uploaded.
    """
    try:
        if facts.get("checksum") == client.read_model(*ids, checksum_of):
            return str(facts["digest"]), facts
        return archive_digest(client, *ids), {}
    except (NotFoundError, PackagingError):
        return digest, {}


def _freeze_version(client: Client, metadata: Metadata, model: ModelRecord, revision: str | None) -> Version:
    """Describe a revision of a model; without one, freeze the model, unless an earlier call did so."""
    name = model.name.removeprefix(f"{metadata.project_name}_") or metadata.project_version
    digest = archive_digest(client, model.id, revision)
    if revision is None:
        there = frozen_revisions(client, [model])
        frozen = find_existing_revision(client, metadata, there, digest, lambda found: found == name)
        revision = frozen.revision if frozen else client.freeze_model(model.id, commit_message(name, digest))
    return Version(
        name=name,
        model_id=model.id,
        revision=revision,
        digest=digest,
        model_type=model.model_type,
        route="function" if model.kind == "function" else "native",
        software_specification=model.specification,
        fields=model.schema.fields,
        named=model.schema.named,
        stored_at=datetime.now(timezone.utc),
    )


def _frozen_at(revision: ModelRecord) -> Any:
    described = revision.raw.get("metadata", {})
    committed = (described.get("commit_info") or {}).get("committed_at")
    return committed or described.get("created_at") or datetime.now(timezone.utc)
