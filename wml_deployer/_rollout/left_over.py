"""What calls before this one left on the service and metadata.yaml does not know: to go on from, or to remove.

Everything that is stored says whose it is: a model in ``custom``, a revision in its commit message. So a call that was
killed between two requests, or lost an answer, is gone on from where it ended.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from wml_deployer._packaging.archive import check_archive
from wml_deployer._rollout.assets import asset_of
from wml_deployer._rollout.removals import revisions_left
from wml_deployer.errors import ConflictError, NotFoundError, PackagingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord, ModelRecord
    from wml_deployer.metadata import Metadata

__all__ = [
    "CUSTOM_KEY",
    "Frozen",
    "archive_checksum",
    "commit_message",
    "frozen_already",
    "models_of",
    "project_of",
    "remove_stale",
]

CUSTOM_KEY = "wml_deployer"
"""Where this library's facts stand in a model's and a deployment's ``custom``."""

STALE_AFTER = timedelta(hours=1)
"""A model without content that is younger may be somebody's upload at this moment."""

_log = logging.getLogger(__name__)


class Frozen(NamedTuple):
    """A revision, and the version name that it was frozen under."""

    model_id: str
    revision: str
    name: str


def commit_message(name: str, digest: str) -> str:
    """Say in a revision which version of which content it is."""
    return f"{CUSTOM_KEY} {name} {digest}"


def project_of(thing: ModelRecord | DeploymentRecord) -> str | None:
    """Return whose a model or a deployment says that it is."""
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


def frozen_already(
    client: Client, metadata: Metadata, models: Iterable[ModelRecord], digest: str, name: str | None
) -> Frozen | None:
    """Find a revision that holds this content and that metadata.yaml does not know.

    Args:
        client: The deployment space.
        metadata: The project.
        models: The models to look in.
        digest: Digest of the content.
        name: Name that the version must have; ``None`` takes any that is free.

    """
    known = set(map(asset_of, metadata.versions))
    for model in models:
        for revision in revisions_left(client, model.id):
            said = _said(revision.message, digest)
            fits = said is not None and said == (name or said) and metadata.version(said) is None
            if said is None or revision.revision is None or not fits or (model.id, revision.revision) in known:
                continue
            if _holds(client, model.id, revision.revision, digest):
                _log.info("revision %s of model %s holds %s already", revision.revision, model.id, said)
                return Frozen(model.id, revision.revision, said)
    return None


def remove_stale(client: Client, metadata: Metadata, models: Sequence[ModelRecord]) -> None:
    """Remove models of the project that a call before this one made and did not live to fill."""
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


def _said(message: str | None, digest: str) -> str | None:
    """Return the version name of a commit message about this content."""
    start, end = f"{CUSTOM_KEY} ", f" {digest}"
    if message is None or not message.startswith(start) or not message.endswith(end):
        return None
    return message[len(start) : -len(end)] or None


def archive_checksum(client: Client, model_id: str, revision: str | None) -> str:
    """Download what a revision holds, or the current content of the model, and sum its files.

    Raises:
        PackagingError: It is not a whole archive.

    """
    with TemporaryDirectory(prefix="wml_deployer-") as folder:
        archive = Path(folder) / "model.tar.gz"

        def save(chunks: Iterator[bytes]) -> None:
            with archive.open("wb") as file:
                file.writelines(chunks)

        client.read_model(model_id, revision, save)
        return check_archive(archive)


def _holds(client: Client, model_id: str, revision: str, digest: str) -> bool:
    """Whether a revision holds the content that its message names: two uploads at once may have been mixed."""
    facts = client.model(model_id, revision).custom.get(CUSTOM_KEY, {})
    # The digest of an estimator cannot be recomputed from an archive, so the checksum beside it is compared.
    # A model that other programs stored has neither, and its digest is the checksum.
    expected = facts.get("checksum") if facts.get("digest") == digest else digest
    try:
        return archive_checksum(client, model_id, revision) == expected
    except (NotFoundError, PackagingError):
        return False


def _created_at(model: ModelRecord) -> str:
    return str(model.raw.get("metadata", {}).get("created_at", ""))


def _age(model: ModelRecord) -> timedelta:
    try:
        made = datetime.fromisoformat(_created_at(model).replace("Z", "+00:00"))
    except ValueError:
        return timedelta(0)
    return datetime.now(timezone.utc) - made
