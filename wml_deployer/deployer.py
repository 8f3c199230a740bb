"""The facade: one project, one deployment, every version of its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.candidates import candidate_of
from wml_deployer._rollout.checking import check
from wml_deployer._rollout.deploying import delete
from wml_deployer._rollout.history import history_frame, live_version
from wml_deployer._rollout.switching import named_version
from wml_deployer._rollout.versions import Wish, deployed_already
from wml_deployer._scoring.source import Source
from wml_deployer._transport.deadline import deadline
from wml_deployer._verbs.base import ROLLOUT_SECONDS
from wml_deployer._verbs.memory import MemoryVerbs
from wml_deployer._verbs.scoring import ScoringVerbs
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.deployment import Deployment, StoredModel

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from typing_extensions import Self

    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._display.frames import History
    from wml_deployer._display.view import View
    from wml_deployer._rollout.project import Action, Project
    from wml_deployer.metadata import Version
    from wml_deployer.reports import CheckReport

__all__ = ["Deployer"]


class Deployer(ScoringVerbs, MemoryVerbs):
    r"""Stores, deploys, scores, updates and rolls back the model of one project.

    Args:
        credentials: Where the service is and how to log in.
        metadata: The project's metadata.yaml.

    Raises:
        MetadataError: metadata.yaml is missing or malformed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
        >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
        >>> Deployer.local(path).metadata.project_version
        'v0.1'

    """

    @classmethod
    def from_files(
        cls,
        credentials: str | os.PathLike[str] = "credentials.yaml",
        metadata: str | os.PathLike[str] = "metadata.yaml",
    ) -> Self:
        r"""Open a project on IBM Cloud or Cloud Pak for Data.

        Args:
            credentials: The credentials file; ``WML_*`` environment variables override its keys.
            metadata: The project's file.

        Returns:
            The project, not yet connected.

        Raises:
            CredentialsError: The credentials cannot be used; every fault is listed.
            MetadataError: metadata.yaml is missing or malformed.

        Example:
            >>> import tempfile
            >>> folder = Path(tempfile.mkdtemp())
            >>> (folder / "credentials.yaml").touch(mode=0o600)
            >>> _ = (folder / "credentials.yaml").write_text("url: us-south\napikey: k3y-example\nspace: churn\n")
            >>> _ = (folder / "metadata.yaml").write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.from_files(folder / "credentials.yaml", folder / "metadata.yaml")
            <Deployer churn v0.1 on https://us-south.ml.cloud.ibm.com>

        """
        deployer = cls(load_credentials(credentials), metadata)
        deployer._source = Source(file=Path(credentials).absolute())
        return deployer

    @classmethod
    def local(
        cls, metadata: str | os.PathLike[str] = "metadata.yaml", directory: str | os.PathLike[str] | None = None
    ) -> Self:
        r"""Open a project on the embedded service: no account, no network.

        Args:
            metadata: The project's file.
            directory: Where the service keeps what it stores; ``.wml/`` beside the file if not given.

        Returns:
            The project; the service is started, or joined where it runs, at the first verb that needs it.

        Example:
            >>> import tempfile
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.local(path)
            <Deployer churn v0.1 on the embedded service>

        """
        return cls(LocalCredentials(directory=None if directory is None else Path(directory)), metadata)

    def check(
        self,
        model: Any,
        *,
        sample: Any = None,
        strict: bool = False,
        specification: str | None = None,
        unpickle: bool = False,
        timeout: float = ROLLOUT_SECONDS,
    ) -> CheckReport:
        r"""Find what would go wrong with a model before anything is uploaded.

        Looked at are credentials, certificate, space, runtime, rights and quota; the software specification and its
        life cycle; the versions of libraries here and in the runtime; classes and functions that the runtime cannot
        import; size, schema and sample. What is an error here stops :meth:`store`, too, where it is about the model.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields, as :meth:`store` takes them.
            strict: Whether errors are raised instead of returned.
            specification: Name of the software specification, as :meth:`store` takes it.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            timeout: Seconds for the whole call.

        Returns:
            Every finding, each with its next step.

        Raises:
            CheckError: ``strict`` was asked for, and there are errors.

        Example:
            >>> import tempfile
            >>> from sklearn.dummy import DummyClassifier
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> with Deployer.local(path) as deployer:
            ...     report = deployer.check(DummyClassifier().fit([[0], [1]], [0, 1]))
            >>> [finding.subject for finding in report.findings if finding.subject in {"schema", "sample"}]
            ['schema', 'sample']

        """
        wish = Wish(model, _stored_name(model), sample, None, specification, unpickle)
        with deadline(timeout):
            report = check(lambda: self._project.client, self.metadata, wish)
        if strict:
            refuse(report.findings, "check")
        return report

    def store(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> StoredModel:
        """Pack a model, upload it and freeze it as a revision; the same content is stored once.

        Args:
            model: A fitted estimator, or a path to a ``.joblib``, ``.pkl``, ``.tar.gz`` or directory.
            sample: n rows × k fields that a deployment of it must answer as the local model does; a few dozen do,
                and of more than 1000 rows 1000 are taken. They stay on this machine.
            version: Name of the version; the project's version, counted on where it is taken, if not given.
            specification: Name of the software specification; the best supported one if not given.
            unpickle: Whether a path may be loaded into this process to find schema and classes. Loading a
                pickle runs code that it brings along.
            metrics: What you measured of it, such as ``{"f1": 0.93}``; :meth:`diff` sets it side by side.
            timeout: Seconds for the whole call.

        Returns:
            The frozen revision.

        Raises:
            ModelError: It cannot be stored, or :meth:`check` finds an error in it; nothing was uploaded.
            ConflictError: Somebody else stored a model of this project at the same time.

        """
        wish = Wish(model, _stored_name(model), sample, version, specification, unpickle, metrics or {})
        with self._storing(timeout) as project, project.versions.prepared(wish) as candidate:
            stored = project.versions.get(candidate, wish)
        return StoredModel.from_version(stored)

    def deploy(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Deploy the project's first version, wait until it serves, and prove it on its sample.

        Deploying what is live already returns the deployment that is there.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to prove it on, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, ready.

        Raises:
            ConflictError: Another version of this project is deployed.
            RolloutError: It failed, or did not answer as the local model does; nothing is left behind.
            DeadlineError: The time is over.

        """
        wish = Wish(model, _stored_name(model), sample, version, specification, unpickle, metrics or {})
        with self._changing(timeout) as project, project.versions.prepared(wish) as candidate:
            record = project.deployment()
            chosen = project.versions.get(candidate, wish, upload=record is None)
            if record is None:
                record = project.deploy(chosen, reason)
            elif project.serving(record) != chosen:
                raise deployed_already(self.metadata.project_name)
            elif not project.is_settled(record, chosen):
                record = project.settle(record, chosen, reason)
            return Deployment.from_record(record, project.client, chosen)

    def update(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Serve another version under the same id and URL; go back by itself if it does not prove itself.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to prove it on, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving the version.

        Raises:
            VersionError: The project is not deployed yet.
            RolloutError: It failed, or did not answer as the local model does; the version before serves again.
            DeadlineError: The time is over; the version before serves again.

        """
        wish = Wish(model, _stored_name(model), sample, version, specification, unpickle, metrics or {})
        with self._changing(timeout) as project, project.versions.prepared(wish) as candidate:
            record = project.at_rest(project.required("update"))
            chosen = project.versions.get(candidate, wish)
            return self._switched(project, record, chosen, "update", reason)

    def release(
        self,
        model: Any,
        *,
        sample: Any = None,
        version: str | None = None,
        specification: str | None = None,
        unpickle: bool = False,
        metrics: Mapping[str, float] | None = None,
        reason: str | None = None,
        timeout: float = ROLLOUT_SECONDS,
    ) -> Deployment:
        """Do what is needed: deploy the first time, afterwards update, and nothing when this content is live already.

        Args:
            model: Whatever :meth:`store` takes, or what it returned.
            sample: n rows × k fields to prove it on, as :meth:`store` takes them.
            version: Name of the version, as :meth:`store` takes it.
            specification: Name of the software specification, as :meth:`store` takes it.
            unpickle: Whether a path may be loaded into this process, as :meth:`store` takes it.
            metrics: What you measured of it, as :meth:`store` takes it.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving this content.

        Raises:
            RolloutError: It failed, or did not answer as the local model does.

        """
        wish = Wish(model, _stored_name(model), sample, version, specification, unpickle, metrics or {})
        with self._changing(timeout) as project, project.versions.prepared(wish) as candidate:
            record = project.deployment()
            if record is not None:
                record = project.at_rest(record)
            chosen = project.versions.get(candidate, wish)
            if record is not None:
                return self._switched(project, record, chosen, "update", reason)
            return Deployment.from_record(project.deploy(chosen, reason), project.client, chosen)

    def rollback(
        self, to: str | None = None, *, reason: str | None = None, timeout: float = ROLLOUT_SECONDS
    ) -> Deployment:
        """Serve an earlier version again, and wait until it does.

        Args:
            to: Name or revision of a version; the last good one before the live one if not given.
            reason: Why, for the history.
            timeout: Seconds for the whole call.

        Returns:
            The deployment, serving that version.

        Raises:
            VersionError: There is no such version; the message lists what there is.
            RolloutError: It does not serve, or not as it should; the version before serves again.

        """
        with self._changing(timeout) as project:
            named = named_version(self.metadata, to)
            record = project.at_rest(project.required("rollback"))
            chosen = project.earlier(record, named)
            return self._switched(project, record, chosen, "rollback", reason)

    def status(self) -> Deployment:
        """Look at the deployment.

        Returns:
            Its state and the version that serves.

        Raises:
            VersionError: The project is not deployed yet.

        """
        project = self._project
        record = project.required("status")
        return Deployment.from_record(record, project.client, project.serving(record))

    def history(self) -> History:
        """Tell what was live, when, and why.

        Returns:
            One row for each deploy, update, rollback and revert, oldest first: ``when``, ``action``, ``version``,
            ``revision``, ``from``, ``to``, ``who``, ``why``, ``proof``.

        """
        return history_frame(self.metadata)

    def delete(self, *, cascade: bool = False, timeout: float = ROLLOUT_SECONDS) -> None:
        """Delete the deployment; its stored versions stay unless asked.

        Args:
            cascade: Whether the stored models are deleted as well, with every revision, and the candidate.
            timeout: Seconds for the whole call.

        Raises:
            VersionError: The project is not deployed.

        """
        with self._changing(timeout) as project:
            candidate = candidate_of(project.client, self.metadata.project_name) if cascade else None
            if candidate is not None:
                # The service deletes no model that is deployed.
                delete(project.client, candidate.id)
            project.delete(cascade=cascade)

    def __repr__(self) -> str:
        """Name the project and where it is deployed."""
        metadata = self.metadata
        return f"<{type(self).__name__} {metadata.project_name} {metadata.project_version} on {self._where()}>"

    def _where(self) -> str:
        given = self._credentials
        return "the embedded service" if isinstance(given, LocalCredentials) else given.url

    def _view(self) -> View:
        from wml_deployer._display.handles import deployer_view  # noqa: PLC0415 - only notebooks need it

        metadata = self.metadata
        live = live_version(metadata)
        return deployer_view(metadata, self._where(), live.name if live else None)

    def _repr_html_(self) -> str:
        return self._view().html

    def _switched(
        self, project: Project, record: DeploymentRecord, version: Version, action: Action, reason: str | None
    ) -> Deployment:
        if not project.is_settled(record, version):
            record = project.switch(record, version, action, reason)
        return Deployment.from_record(record, project.client, version)


def _stored_name(model: Any) -> str | None:
    return model.version if isinstance(model, StoredModel) else None
