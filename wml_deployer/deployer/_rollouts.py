"""Methods of ``Deployer`` that change which version serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer._rollout.names import check_reason
from wml_deployer._rollout.versions import deployed_already, refuse_schema_change
from wml_deployer.deployer._base import ROLLOUT_SECONDS, OpenProject, store_request
from wml_deployer.deployer._verb import verb
from wml_deployer.errors import ConfigurationError
from wml_deployer.metadata import ServingOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._rollout.journal import Action
    from wml_deployer._rollout.project import Project
    from wml_deployer.deployment import Deployment, Done
    from wml_deployer.metadata import Route, Version

__all__ = ["RolloutVerbs"]

_DONE: dict[str, Done] = {"deploy": "deployed", "update": "updated", "rollback": "rolled back"}
"""What a deployment says was done to it, by the action in the log."""


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
        serving_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        hardware: str | None = None,
        copies: int | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy the project's first version, wait until it serves, and verify it with its sample.

        Deploying what is live already returns the deployment that is there, served as you ask.

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
            serving_name: A name that stands for the deployment's id in its URL: up to 36 of a-z, 0-9 and ``_``.
            description: A text for people.
            tags: Words to search by.
            hardware: Name of the hardware specification of each copy: ``"XS"`` to ``"XL"``, or one of your own.
            copies: How many copies share the requests; 1 if not given.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, ready.

        Raises:
            ConflictError: Another version of this project is deployed, or one that metadata.lock does not know.
            ConfigurationError: An option is not one that the service has, or cannot be changed; nothing was done.
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
        options = _serving_options(serving_name, description, tags, hardware, copies)
        with self._preparing(request, timeout) as (project, candidate):
            record = project.deployment()
            if record is not None:
                project.ensure_known_version(record)
            project.refuse_options(record, options)
            chosen = project.versions.get(candidate, request, upload=record is None)
            if record is None:
                return self._deploy_first(project, chosen, reason, options)
            if project.serving(record) != chosen:
                raise deployed_already(self.metadata.project_name)
            return self._switched(project, record, chosen, "update", reason, options)

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
        serving_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        hardware: str | None = None,
        copies: int | None = None,
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
            serving_name: A name that stands for the deployment's id in its URL, as :meth:`deploy` takes it; like the
                following, what is there stays if it is not given.
            description: A text for people.
            tags: Words to search by.
            hardware: Name of the hardware specification, which must be the present one: see :meth:`scale`.
            copies: How many copies share the requests.
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
        options = _serving_options(serving_name, description, tags, hardware, copies)
        with self._preparing(request, timeout) as (project, candidate):
            record = project.wait_until_idle(project.require_deployment("update"))
            if not allow_schema_change:
                refuse_schema_change(self.metadata.project_name, project.serving(record), candidate, model)
            project.refuse_options(record, options)
            chosen = project.versions.get(candidate, request)
            return self._switched(project, record, chosen, "update", reason, options)

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
        serving_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        hardware: str | None = None,
        copies: int | None = None,
        allow_schema_change: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy the first time, update afterwards, and do nothing if this content is live already.

        Content that is live already is served as you ask from then on: ``action`` of the deployment says what was done.

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
            serving_name: A name that stands for the deployment's id in its URL, as :meth:`deploy` takes it; like the
                following, what is there stays if it is not given.
            description: A text for people.
            tags: Words to search by.
            hardware: Name of the hardware specification, that of a live deployment stays: see :meth:`scale`.
            copies: How many copies share the requests.
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
        options = _serving_options(serving_name, description, tags, hardware, copies)
        with self._preparing(request, timeout) as (project, candidate):
            record = project.deployment()
            if record is not None:
                record = project.wait_until_idle(record)
                if not allow_schema_change:
                    refuse_schema_change(self.metadata.project_name, project.serving(record), candidate, model)
            project.refuse_options(record, options)
            chosen = project.versions.get(candidate, request)
            if record is not None:
                return self._switched(project, record, chosen, "update", reason, options)
            return self._deploy_first(project, chosen, reason, options)

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
    def scale(
        self, *, copies: int | None = None, hardware: str | None = None, timeout: float = ROLLOUT_SECONDS
    ) -> Deployment:
        """Serve with another number of copies, and wait until they do; updates and rollbacks keep it.

        The service sets the hardware of a deployment when it creates it, and not afterwards: another name than the
        present one is refused, with what to do instead.

        Args:
            copies: How many copies share the requests.
            hardware: Name of the hardware specification of each copy.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, with so many copies.

        Raises:
            VersionError: The project is not deployed yet.
            ConfigurationError: The service has no such hardware, or does not change it; nothing was done.
            RolloutError: The service could not start the copies; as many as before serve.
            DeadlineError: The time is over; the service goes on.

        """
        options = ServingOptions(copies=copies, hardware=hardware)
        if options == ServingOptions():
            raise ConfigurationError("Nothing was asked for.", next_step="Give the number of copies: scale(copies=2).")
        with self._changing(timeout) as project:
            record = project.wait_until_idle(project.require_deployment("scale"))
            project.refuse_options(record, options)
            return self._configured(project, record, project.serving(record), options)

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

    def _deploy_first(
        self, project: Project, version: Version, reason: str | None, options: ServingOptions
    ) -> Deployment:
        record = project.deploy(version, reason, options)
        return self._configured(project, record, version, options, done="deployed")

    def _switched(  # noqa: PLR0917 - a change, and how it is served after it
        self,
        project: Project,
        record: DeploymentRecord,
        version: Version,
        action: Action,
        reason: str | None,
        options: ServingOptions | None = None,
    ) -> Deployment:
        was_live = project.is_settled(record, version)
        record = project.serve(record, version, action, reason)
        # A first deployment that was interrupted is finished as one, whatever verb does it.
        done = None if was_live else _DONE[self.metadata.log[-1].action]
        return self._configured(project, record, version, options or ServingOptions(), done=done)

    def _configured(
        self,
        project: Project,
        record: DeploymentRecord,
        version: Version | None,
        options: ServingOptions,
        *,
        done: Done | None = None,
    ) -> Deployment:
        configured = project.apply(record, version, options)
        handle = self._handle(configured, version)
        handle.action = done or ("unchanged" if configured is record else "configured")
        return handle


def _serving_options(
    serving_name: str | None,
    description: str | None,
    tags: Sequence[str] | None,
    hardware: str | None,
    copies: int | None,
) -> ServingOptions:
    return ServingOptions(
        serving_name=serving_name,
        description=description,
        tags=None if tags is None else tuple(dict.fromkeys(tags)),
        hardware=hardware,
        copies=copies,
    )
