"""Find what interrupted calls left on the service, to resume from it or to remove it.

A process can be killed between any two requests, and a response can get lost. So everything that is stored is tagged
with its project: a model in ``custom``, a revision in its commit message. For example, a ``store`` that was killed
after freezing a revision has left::

    wml_deployer v0.2 sha256:9a3f...

on the service and no entry in metadata.lock. The next ``store`` of the same content finds that message, makes sure that
the revision holds the content, and records it instead of uploading again. A model without a revision that is older than
an hour cannot be resumed, and is removed.
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._rollout.assets import asset_of, find, revisions_left
from wml_deployer.errors import ConflictError, NotFoundError, PackagingError
from wml_deployer.packaging._archive import check_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, ModelRecord
    from wml_deployer.metadata import Metadata

__all__ = [
    "CUSTOM_KEY",
    "FrozenRevision",
    "archive_digest",
    "checksum_of",
    "commit_message",
    "find_existing_revision",
    "frozen_revisions",
    "models_of",
    "parse_commit_message",
    "project_of",
    "refuse_unfinished",
    "refuse_unknown_versions",
    "remove_stale",
]

CUSTOM_KEY = "wml_deployer"
"""The key of this library's facts in the ``custom`` of models and deployments."""

STALE_AFTER = timedelta(hours=1)
"""A younger model without content may be an upload that is still running."""

_COMMIT = re.compile(rf"{CUSTOM_KEY} (.+) (\S+)")

_log = logging.getLogger(__name__)


class FrozenRevision(NamedTuple):
    """A revision, with the version name and the digest in its commit message."""

    model_id: str
    revision: str
    name: str
    digest: str


def commit_message(name: str, digest: str) -> str:
    """Write the commit message of a revision: its version and the digest of its content."""
    return f"{CUSTOM_KEY} {name} {digest}"


def project_of(thing: ModelRecord | DeploymentRecord) -> str | None:
    """Return the project that a model or a deployment is tagged with."""
    said: str | None = thing.custom.get(CUSTOM_KEY, {}).get("project")
    return said


def models_of(client: Client, metadata: Metadata) -> list[ModelRecord]:
    """List the project's models: the one that metadata.yaml names first, then the oldest."""
    ours = [
        model
        for model in client.models()
        if model.id == metadata.model_uid or project_of(model) == metadata.project_name
    ]
    return sorted(ours, key=lambda model: (model.id != metadata.model_uid, _created_at(model), model.id))


def frozen_revisions(client: Client, models: Iterable[ModelRecord]) -> list[FrozenRevision]:
    """List the revisions of models that this library froze, the newest of each first."""
    listed = [(model.id, item) for model in models for item in revisions_left(client, model.id)]
    found = [(model_id, item.revision, parse_commit_message(item)) for model_id, item in listed]
    return [FrozenRevision(model_id, revision, *told) for model_id, revision, told in found if revision and told]


def parse_commit_message(revision: ModelRecord) -> tuple[str, str] | None:
    """Return the version name and the digest in a revision's commit message, if this library froze it."""
    told = _COMMIT.fullmatch(revision.message or "")
    return (told[1], told[2]) if told else None


def find_existing_revision(
    client: Client, metadata: Metadata, frozen: Iterable[FrozenRevision], digest: str, is_free: Callable[[str], bool]
) -> FrozenRevision | None:
    """Find a revision that holds this content and that metadata.lock does not know.

    Args:
        client: The deployment space.
        metadata: The project.
        frozen: The revisions to look at.
        digest: Digest of the content.
        is_free: Returns whether the version may have a name.

    """
    known = set(map(asset_of, metadata.versions))
    for one in frozen:
        fits = one.digest == digest and metadata.version(one.name) is None and is_free(one.name)
        if fits and (one.model_id, one.revision) not in known and _holds(client, one):
            _log.info("revision %s of model %s holds %s already", one.revision, one.model_id, one.name)
            return one
    return None


def refuse_unknown_versions(client: Client, metadata: Metadata, model_ids: Iterable[str], operation: str) -> None:
    """Refuse to delete models that hold a version which metadata.lock does not know.

    Raises:
        ConflictError: Somebody else stored it, or a call before this one did and was interrupted.

    """
    known = set(map(asset_of, metadata.versions))
    for model_id in model_ids:
        for item in revisions_left(client, model_id):
            if parse_commit_message(item) and (model_id, item.revision) not in known:
                raise ConflictError(
                    f"Model {model_id} has revision {item.revision}, which metadata.lock does not know: somebody else "
                    "stored it, or an interrupted call did.",
                    operation=operation,
                    next_step="Nothing was deleted. Call recover() to learn of it, and then again.",
                )


def refuse_unfinished(client: Client, model_id: str, operation: str) -> None:
    """Refuse to delete a model that somebody is storing a version in right now.

    A store gives a model its new facts and content first, and freezes them then: until that is done, no revision has
    the facts that the model has.

    Raises:
        ConflictError: A store of the last hour is not finished.

    """
    current = find(lambda: client.model(model_id))
    newest = next(iter(revisions_left(client, model_id)), None)
    if current is None or (newest and client.model(model_id, newest.revision).custom == current.custom):
        return
    changed = str(current.raw.get("metadata", {}).get("modified_at", ""))
    if _since(changed) < STALE_AFTER:
        raise ConflictError(
            f"Somebody is storing a version in model {model_id}.",
            operation=operation,
            next_step="Call again when that is over.",
        )


def remove_stale(client: Client, metadata: Metadata, models: Sequence[ModelRecord]) -> None:
    """Remove models of the project that an interrupted call created and never filled."""
    known = {version.model_id for version in metadata.versions} | {metadata.model_uid}
    for model in models:
        if model.id in known or _age(model) < STALE_AFTER or revisions_left(client, model.id):
            continue
        try:
            client.delete_model(model.id)
        except (NotFoundError, ConflictError):
            # Somebody else removed it, or deployed it.
            continue
        _log.warning("removed model %s, which an interrupted call left without a revision", model.id)


def archive_digest(client: Client, model_id: str, revision: str | None) -> str:
    """Download what a revision holds, or the current content of the model, and digest its files; or a function's text.

    Raises:
        PackagingError: It is not a whole archive.

    """
    record = client.model(model_id, revision)
    if record.kind == "function" or record.model_type.startswith("pmml"):  # these are no archives
        return client.read_model(model_id, revision, checksum_of)
    with TemporaryDirectory(prefix="wml_deployer-") as folder:
        archive = Path(folder) / "model.tar.gz"

        def save(chunks: Iterator[bytes]) -> None:
            with archive.open("wb") as file:
                file.writelines(chunks)

        client.read_model(model_id, revision, save)
        return check_archive(archive)


def _holds(client: Client, frozen: FrozenRevision) -> bool:
    """Whether a revision holds the content that its message names: two uploads at once may have been mixed."""
    facts = client.model(frozen.model_id, frozen.revision).custom.get(CUSTOM_KEY, {})
    try:
        if "checksum" in facts and facts.get("digest") == frozen.digest:
            # The digest of an estimator cannot be computed from its archive, so the bytes are compared.
            return bool(client.read_model(frozen.model_id, frozen.revision, checksum_of) == facts["checksum"])
        return archive_digest(client, frozen.model_id, frozen.revision) == frozen.digest
    except (NotFoundError, PackagingError):
        return False


def checksum_of(chunks: Iterator[bytes]) -> str:
    """Return the SHA-256 of a download."""
    checksum = hashlib.sha256()
    for chunk in chunks:
        checksum.update(chunk)
    return checksum.hexdigest()


def _created_at(model: ModelRecord) -> str:
    return str(model.raw.get("metadata", {}).get("created_at", ""))


def _age(model: ModelRecord) -> timedelta:
    return _since(_created_at(model))


def _since(moment: str) -> timedelta:
    try:
        made = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return timedelta(0)
    return datetime.now(timezone.utc) - made
