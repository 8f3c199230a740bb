"""Methods of ``Deployer`` that change which version serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.names import check_reason
from wml_deployer._rollout.versions import deployed_already, refuse_schema_change
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject, store_request
from wml_deployer.deployer._verb import verb

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._rollout.journal import Action
    from wml_deployer._rollout.project import Project
    from wml_deployer.deployment import Deployment
    from wml_deployer.metadata import Route, Version

__all__ = ["RolloutVerbs"]

_DONE = {"deploy": "deployed", "update": "updated", "rollback": "rolled back"}


class RolloutVerbs(OpenProject):
    """Deploy the first version, update to another, and roll back."""

    @verb
    def deploy(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy the project's first version, wait until it serves, and verify it with its sample.

        Deploying what is live already returns the deployment that is there.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to verify it with, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            route: The way to go live, as :meth:`store` takes it.
            requirements: What to install beside the runtime's libraries, as :meth:`store` takes it.
            code: Own packages that go along, as :meth:`store` takes them.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, ready.

        Raises:
            ConflictError: Another version of this project is deployed, or one that metadata.lock does not know.
            RolloutError: It failed, or did not answer as the local model does; nothing is left behind.
            DeadlineError: The time is over.

        """
        check_reason(reason)
        request = store_request(
            model,
            sample,
            version,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            unpickle=unpickle,
            metrics=metrics,
        )
        with self._preparing(request, timeout) as (project, candidate):
            record = project.deployment()
            if record is not None:
                project.ensure_known_version(record)
            chosen = project.versions.get(candidate, request, upload=record is None)
            if record is None:
                return self._deployed_first(project, chosen, reason)
            if project.serving(record) != chosen:
                raise deployed_already(self.metadata.project_name)
            return self._switched(project, record, chosen, "update", reason)

    @verb
    def update(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        allow_schema_change: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Serve another version under the same id and URL; revert automatically if its verification fails.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to verify it with, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            route: The way to go live, as :meth:`store` takes it.
            requirements: What to install beside the runtime's libraries, as :meth:`store` takes it.
            code: Own packages that go along, as :meth:`store` takes them.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            allow_schema_change: Whether the version may take other columns than the live one, or be a regressor in
                place of a classifier; whoever scores on the URL has to know.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving the version.

        Raises:
            VersionError: The project is not deployed yet.
            SchemaError: It takes other columns than the live version, or answers otherwise; nothing was done.
            RolloutError: It failed, or did not answer as the local model does; the version before serves again.
            DeadlineError: The time is over; the version before serves again.

        """
        check_reason(reason)
        request = store_request(
            model,
            sample,
            version,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            unpickle=unpickle,
            metrics=metrics,
        )
        with self._preparing(request, timeout) as (project, candidate):
            record = project.wait_until_idle(project.require_deployment("update"))
            if not allow_schema_change:
                refuse_schema_change(self.metadata.project_name, project.serving(record), candidate, model)
            chosen = project.versions.get(candidate, request)
            return self._switched(project, record, chosen, "update", reason)

    @verb
    def release(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        route: Route | None = None,
        requirements: Sequence[str] | str | os.PathLike[str] | None = None,
        code: Sequence[str | os.PathLike[str]] | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        allow_schema_change: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy the first time, update afterwards, and do nothing if this content is live already.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to verify it with, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            route: The way to go live, as :meth:`store` takes it.
            requirements: What to install beside the runtime's libraries, as :meth:`store` takes it.
            code: Own packages that go along, as :meth:`store` takes them.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            allow_schema_change: Whether the version may take other columns than the live one, or be a regressor in
                place of a classifier; whoever scores on the URL has to know.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving this content.

        Raises:
            SchemaError: It takes other columns than the live version, or answers otherwise; nothing was done.
            RolloutError: It failed, or did not answer as the local model does.

        """
        check_reason(reason)
        request = store_request(
            model,
            sample,
            version,
            specification,
            route=route,
            requirements=requirements,
            code=code,
            unpickle=unpickle,
            metrics=metrics,
        )
        with self._preparing(request, timeout) as (project, candidate):
            record = project.deployment()
            if record is not None:
                record = project.wait_until_idle(record)
                if not allow_schema_change:
                    refuse_schema_change(self.metadata.project_name, project.serving(record), candidate, model)
            chosen = project.versions.get(candidate, request)
            if record is not None:
                return self._switched(project, record, chosen, "update", reason)
            return self._deployed_first(project, chosen, reason)

    @verb
    def rollback(
        self, to: str | None = None, *, reason: str | None = None, timeout: float = ROLLOUT_SECONDS
    ) -> Deployment:
        """Serve an earlier version again, and wait until it does.

        What it takes and answers may differ from the present version's: going back is never refused for that.

        Without ``to`` that is the last different version that was live and passed before the present one. A rollback
        that was interrupted is finished first, and goes back once.

        Args:
            to: Name, revision or digest of any stored version; the one before the present one if not given.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving that version.

        Raises:
            VersionError: There is no such version, or it is live already; the message lists what there is.
            ConflictError: metadata.lock does not know what serves, or what served before; nothing was done.
            RolloutError: It does not serve, or not as it should; the version before serves again.

        """
        check_reason(reason)
        with self._changing(timeout) as project:
            record = project.wait_until_idle(project.require_deployment("rollback"))
            chosen = project.rollback_target(record, to)
            return self._switched(project, record, chosen, "rollback", reason)

    @verb
    def status(self, *, timeout: float = ROLLOUT_SECONDS) -> Deployment:  # noqa: ARG002 - the verb's deadline
        """Look up the deployment.

        Args:
            timeout: Seconds for the whole call.

        Returns:
            Its state and the version that serves.

        Raises:
            VersionError: The project is not deployed yet.

        """
        project = self._project
        record = project.require_deployment("status")
        return self._handle(record, project.serving(record))

    @verb
    def delete(self, *, cascade: bool = False, timeout: float = ROLLOUT_SECONDS) -> None:
        """Delete the deployment, but not its stored versions unless asked.

        Args:
            cascade: Whether the stored models are deleted as well, with every revision, and what is deployed of them
                as a candidate or to score in batch.
            timeout: Seconds for the whole call.

        Raises:
            VersionError: The project is not deployed.
            ConflictError: The service has what metadata.lock does not know; nothing was deleted.

        """
        with self._changing(timeout) as project:
            project.delete(cascade=cascade)

    def _deployed_first(self, project: Project, version: Version, reason: str | None) -> Deployment:
        deployment = self._handle(project.deploy(version, reason), version)
        deployment.action = "deployed"
        return deployment

    def _switched(
        self, project: Project, record: DeploymentRecord, version: Version, action: Action, reason: str | None
    ) -> Deployment:
        was_settled = project.is_settled(record, version)
        deployment = self._handle(project.serve(record, version, action, reason), version)
        # What finishes an interrupted call is logged as that call would have been.
        deployment.action = "unchanged" if was_settled else _DONE[self.metadata.log[-1].action]
        return deployment
