"""Verbs on what a project remembers: history, differences of versions, recovery, and removal of what is old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._rollout.differences import differences
from wml_deployer._rollout.history import history_frame
from wml_deployer._rollout.pruning import prune
from wml_deployer._rollout.recovering import recover
from wml_deployer._rollout.rollback import find_version
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject
from wml_deployer.deployer._verb import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wml_deployer.display._frames import Differences, History
    from wml_deployer.metadata import Metadata

__all__ = ["MemoryVerbs"]


class MemoryVerbs(OpenProject):
    """Tell what was live, compare versions, rebuild metadata.lock, remove old models."""

    @verb
    def history(self) -> History:
        """Tell what was live, when, and why.

        Returns:
            One row for each deploy, update, rollback, revert and delete, oldest first: ``when``, ``action``,
            ``version``, ``revision`` (null where the version is no longer stored), ``from``, ``to``, ``who``, ``why``,
            ``verification``.

        """
        return history_frame(self.metadata)

    @verb
    def diff(self, one: str, other: str) -> Differences:
        """Tell what two stored versions differ in.

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
        return differences(find_version(metadata, one, "diff"), find_version(metadata, other, "diff"))

    @verb
    def recover(self, *, timeout: float = ROLLOUT_SECONDS) -> Metadata:
        """Rebuild metadata.lock from the deployment space, where it is lost or not the newest.

        What is still true is kept. A lost metadata.yaml is written anew while this object still knows the project;
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
