"""Methods of ``Deployer`` on the past: history, differences of versions, recovery, and removal of old models."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.assets import delete_model, is_gone
from wml_deployer._rollout.derived import remove_unused
from wml_deployer._rollout.names import retired_names
from wml_deployer._rollout.orphans import refuse_unfinished, refuse_unknown_versions
from wml_deployer._rollout.recovering import recover
from wml_deployer._rollout.rollback import (
    find_version,
    live_entry,
    live_version,
    logged_version,
    rollback_target,
)
from wml_deployer._rollout.service_log import write_log
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject
from wml_deployer.deployer._verb import verb
from wml_deployer.errors import ConflictError, VersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer.display._frames import Differences, History
    from wml_deployer.metadata import Metadata, MetadataFile, Version

__all__ = ["HistoryVerbs"]


class HistoryVerbs(OpenProject):
    """List what was live, compare versions, rebuild metadata.lock, remove old models."""

    @verb
    def history(self) -> History:
        """List what was live, when, and why.

        Returns:
            One row for each deploy, update, rollback, revert and delete, oldest first: ``when``, ``action``,
            ``version``, ``revision`` (null where the version is no longer stored), ``route``, ``from``, ``to``,
            ``who``, ``why``, ``verification``, ``space`` (name of the deployment space) and ``origin`` (the space,
            model and revision that the version was taken from, null where it was stored as a model).

        """
        metadata = self.metadata
        return _history_frame(metadata, self._file.space_name)

    @verb
    def spaces(self) -> pd.DataFrame:
        r"""List the deployment spaces that the project is used with, and what is live in each.

        It is what metadata.lock says; no service is asked.

        Returns:
            One row for each space: ``service`` (its URL, or ``local``), ``space`` (its name; empty in files of earlier
            releases), ``space_id``, ``version`` and ``revision`` (what is live; null where nothing is), ``deployment``
            (its id) and ``since``.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.local(path).spaces().columns.tolist()
            ['service', 'space', 'space_id', 'version', 'revision', 'deployment', 'since']

        """
        import pandas as pd  # noqa: PLC0415 - deferred: pandas is slow to import

        project, rows = self._file.read_yaml(), []
        for state in sorted(self._file.states(), key=lambda state: (state.service, state.name or "", state.space)):
            metadata = project.model_copy(update={"versions": state.versions, "log": state.log})
            entry, live = live_entry(metadata), live_version(metadata)
            name, revision = (live.name, live.revision) if live else (None, None)
            since = entry.when if entry else None
            rows.append((state.service, state.name or "", state.space, name, revision, state.deployment_id, since))
        columns = ["service", "space", "space_id", "version", "revision", "deployment", "since"]
        return pd.DataFrame(rows, columns=columns, dtype=object)

    @verb
    def diff(self, one: str, other: str) -> Differences:
        """Compare two stored versions.

        Args:
            one: Name, revision or digest of a version.
            other: Name, revision or digest of another one.

        Returns:
            One row for each difference, indexed by part (``model``, ``parameters``, ``libraries``, ``schema``,
            ``classes``, ``metrics``) and name, with one column for each version. Parameters are those that were set to
            something else than their default.

        Raises:
            VersionError: There is no such version; the message lists what there is.

        """
        metadata = self.metadata
        return _differences(find_version(metadata, one, "diff"), find_version(metadata, other, "diff"))

    @verb
    def recover(self, *, timeout: float = ROLLOUT_SECONDS) -> Metadata:
        """Rebuild metadata.lock from the deployment space, where it is lost or not the newest.

        What is still true is kept. A lost metadata.yaml is written again while this object still knows the project;
        after that, one with ``project_name`` and ``project_version`` is enough to begin with.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            The project as its files say now: every version on the service, the deployment, and the log. Of a lost
            log the deployment remembers the newest part, some fifty entries, and long reasons shortened.

        """
        with self._changing(timeout) as project:
            return recover(project.client, self._file, self._known)

    @verb
    def prune(self, keep: int = 3, *, named: Sequence[str] = (), timeout: float = ROLLOUT_SECONDS) -> tuple[str, ...]:
        """Delete old models from the service.

        The service deletes a model with all its revisions or not at all: a version stays as long as its model holds one
        that stays. Nothing is deleted that is live, that a rollback would serve, deployed otherwise, or named.

        Args:
            keep: How many of the newest versions stay.
            named: Names, revisions or digests of further versions that stay.
            timeout: Seconds for the whole call.

        Returns:
            Names of the versions that are gone.

        Raises:
            VersionError: A named version is not there; nothing was deleted.
            ConflictError: The service has a version that metadata.lock does not know; nothing was deleted.

        """
        with self._changing(timeout) as project:
            record = project.refuse_stale()
            return _prune(project.client, self._file, record, keep, named)


def _history_frame(metadata: Metadata, space: str | None) -> History:
    """Return the log as a frame, oldest first."""
    from wml_deployer.display._frames import History  # noqa: PLC0415 - deferred: pandas is slow to import

    columns = ["when", "action", "version", "revision", "route", "from", "to", "who", "why", "verification"]
    rows = []
    for entry in metadata.log:
        stored = logged_version(metadata, entry)
        revision, route = (stored.revision, stored.route) if stored else (None, None)
        served = (entry.to_version, revision, entry.route or route, entry.from_version, entry.to_version)
        origin = None if entry.origin is None else str(entry.origin)
        rows.append((entry.when, entry.action, *served, entry.who, entry.why, entry.verification, space, origin))
    columns += ["space", "origin"]
    return History(rows, columns=columns)


def _differences(one: Version, other: Version) -> Differences:
    """Set what differs side by side.

    Args:
        one: A version.
        other: Another one.

    Returns:
        One row for each difference: indexed by part and name, one column for each version; null where it has none.

    """
    import pandas as pd  # noqa: PLC0415 - importing this module is cheap

    from wml_deployer.display._frames import Differences  # noqa: PLC0415

    ours, theirs = _facts(one), _facts(other)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    rows = [(ours.get(key), theirs.get(key)) for key in keys]
    index = pd.MultiIndex.from_tuples(keys, names=["part", "name"]) if keys else pd.MultiIndex.from_arrays([[], []])
    return Differences(rows, index=index.set_names(["part", "name"]), columns=[one.name, other.name], dtype=object)


def _facts(version: Version) -> dict[tuple[str, str], Any]:
    facts: dict[tuple[str, str], Any] = {
        ("model", "type"): version.model_type,
        ("model", "route"): version.route,
        ("model", "software specification"): version.software_specification,
        ("model", "digest"): version.digest,
    }
    facts |= {("parameters", name): value for name, value in version.parameters.items()}
    facts |= {("libraries", name): value for name, value in version.libraries.items()}
    facts |= {("schema", field.name): f"{place}: {field.dtype}" for place, field in enumerate(version.fields)}
    facts |= {("classes", str(place)): label for place, label in enumerate(version.classes)}
    return facts | {("metrics", name): value for name, value in version.metrics.items()}


_log = logging.getLogger(__name__)


def _prune(
    client: Client, file: MetadataFile, record: DeploymentRecord | None, keep: int, named: Sequence[str]
) -> tuple[str, ...]:
    """Delete the models that hold nothing but old versions, and forget those but for their names.

    Args:
        client: The deployment space.
        file: The project's metadata.yaml; its lock is held by the caller.
        record: The project's deployment, if there is one.
        keep: How many of the newest versions stay.
        named: Further versions that stay.

    Returns:
        Names of the versions that are gone, oldest first.

    Raises:
        VersionError: A named version is not there; nothing was deleted.
        ConflictError: The service has a version that metadata.lock does not know; nothing was deleted.

    """
    metadata = file.read()
    deployed = (*client.deployments(), *client.batch_deployments())
    kept = _kept(client, metadata, keep, named) | {record.model_id for record in deployed}
    # Oldest first: where somebody stops it half-way, the newer ones are still there.
    old = [model_id for model_id in dict.fromkeys(v.model_id for v in metadata.versions) if model_id not in kept]
    refuse_unknown_versions(client, metadata, old, "prune")
    gone = []
    for model_id in old:
        if _delete(client, metadata, model_id):
            gone += [version.name for version in metadata.versions if version.model_id == model_id]
            _forget(file, model_id)
    if gone and record is not None:
        write_log(client, record, file.read())
    remove_unused(client)
    return tuple(gone)


def _forget(file: MetadataFile, model_id: str) -> None:
    metadata = file.read()
    rest = tuple(version for version in metadata.versions if version.model_id != model_id)
    left: dict[str, object] = {"versions": rest, "retired": retired_names(metadata, rest)}
    if metadata.model_uid == model_id:
        live = live_version(metadata)
        left["model_uid"] = live.model_id if live else rest[-1].model_id if rest else None
    file.write(metadata.model_copy(update=left))


def _kept(client: Client, metadata: Metadata, keep: int, named: Sequence[str]) -> set[str]:
    """Ids of the models that hold a version which stays."""
    staying = _newest(metadata, keep) + [find_version(metadata, name, "prune") for name in named]
    live = live_version(metadata)
    if live is not None:
        staying.append(live)
        try:
            staying.append(rollback_target(metadata, live, None, partial(is_gone, client)))
        except VersionError:
            _log.debug("%s has no earlier good version", metadata.project_name)
    return {version.model_id for version in staying}


def _newest(metadata: Metadata, keep: int) -> list[Version]:
    if keep < 0:
        raise VersionError(f"keep={keep} versions cannot be kept.", operation="prune", next_step="Give 0 or more.")
    by_age = sorted(metadata.versions, key=lambda version: version.stored_at)
    return by_age[len(by_age) - min(keep, len(by_age)) :]


def _delete(client: Client, metadata: Metadata, model_id: str) -> bool:
    try:
        # Once more just before it goes: another machine may have stored a version in it since.
        refuse_unknown_versions(client, metadata, [model_id], "prune")
        refuse_unfinished(client, model_id, "prune")
        delete_model(client, model_id)
    except ConflictError as error:
        _log.warning("model %s stays: %s", model_id, error.message)
        return False
    return True
