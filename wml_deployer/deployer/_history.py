"""Methods of ``Deployer`` on the past: history, differences of versions, recovery, and removal of old models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.pruning import prune
from wml_deployer._rollout.recovering import recover
from wml_deployer._rollout.rollback import find_version, logged_version
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject
from wml_deployer.deployer._verb import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.display._frames import Differences, History
    from wml_deployer.metadata import Metadata, Version

__all__ = ["HistoryVerbs"]


class HistoryVerbs(OpenProject):
    """List what was live, compare versions, rebuild metadata.lock, remove old models."""

    @verb
    def history(self) -> History:
        """List what was live, when, and why.

        Returns:
            One row for each deploy, update, rollback, revert and delete, oldest first: ``when``, ``action``,
            ``version``, ``revision`` (null where the version is no longer stored), ``from``, ``to``, ``who``, ``why``,
            ``verification``.

        """
        return _history_frame(self.metadata)

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
            return prune(project.client, self._file, record, keep, named)


def _history_frame(metadata: Metadata) -> History:
    """Return the log as a frame, oldest first."""
    from wml_deployer.display._frames import History  # noqa: PLC0415 - deferred: pandas is slow to import

    columns = ["when", "action", "version", "revision", "from", "to", "who", "why", "verification"]
    rows = []
    for entry in metadata.log:
        stored = logged_version(metadata, entry)
        served = (entry.to_version, stored.revision if stored else None, entry.from_version, entry.to_version)
        rows.append((entry.when, entry.action, *served, entry.who, entry.why, entry.verification))
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
