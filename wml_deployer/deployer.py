"""The facade: one project, one deployment, every version of its model."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from typing_extensions import Unpack

from wml_deployer._preflight.model import refuse
from wml_deployer._rollout.checking import check
from wml_deployer._rollout.history import history_frame, live_version
from wml_deployer._rollout.project import Action, Project
from wml_deployer._rollout.recovering import adopt, needs_adoption
from wml_deployer._rollout.sample import SampleFolder
from wml_deployer._rollout.switching import named_version
from wml_deployer._rollout.versions import Wish, deployed_already
from wml_deployer._scoring.options import BATCH_BYTES, IN_FLIGHT, BatchingOptions, OnError
from wml_deployer._scoring.source import Source
from wml_deployer._transport.deadline import deadline
from wml_deployer._verbs.base import ROLLOUT_SECONDS
from wml_deployer._verbs.candidates import CandidateVerbs
from wml_deployer._verbs.memory import MemoryVerbs
from wml_deployer.credentials import LocalCredentials, load_credentials
from wml_deployer.deployment import Deployment, StoredModel
from wml_deployer.metadata import MetadataFile
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from typing_extensions import Self

    from wml_deployer._clients import DeploymentRecord
    from wml_deployer._display.view import View
    from wml_deployer.credentials import CloudCredentials, SoftwareCredentials
    from wml_deployer.metadata import Metadata, Version
    from wml_deployer.reports import CheckReport
    from wml_deployer.scoring import Scorer

__all__ = ["Deployer"]


class Deployer(CandidateVerbs, MemoryVerbs):
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

    def __init__(
        self,
        credentials: CloudCredentials | SoftwareCredentials | LocalCredentials,
        metadata: str | os.PathLike[str] = "metadata.yaml",
    ) -> None:
        """Read the project; the service is asked at the first verb that needs it."""
        self._file = MetadataFile(metadata)
        self._credentials = _placed(credentials, self._file.directory)
        samples = SampleFolder(self._file.directory / ".wml" / "samples")
        self._project = Project(self._credentials, self._file, samples)
        self._deployed: tuple[int, Deployment] | None = None
        self._source = Source(directory=getattr(self._credentials, "directory", None))
        self._known = self._file.read()

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

    @property
    def metadata(self) -> Metadata:
        """The project as metadata.yaml says now."""
        return self._file.read()

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
        with self._changing(timeout) as project, project.versions.prepared(wish) as candidate:
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

    @overload
    def score(
        self, X: Iterator[Any], *, timeout: float | None = ..., **batching: Unpack[BatchingOptions]
    ) -> Iterator[pd.DataFrame]: ...
    @overload
    def score(
        self, X: Any, *, timeout: float | None = ..., shadow: bool = ..., **batching: Unpack[BatchingOptions]
    ) -> pd.DataFrame: ...
    def score(
        self,
        X: Any,
        *,
        timeout: float | None = None,
        batch_rows: int | None = None,
        batch_bytes: int = BATCH_BYTES,
        in_flight: int = IN_FLIGHT,
        on_error: OnError = "raise",
        shadow: bool = False,
    ) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Score rows on the live deployment, however many.

        Args:
            X: n rows × k fields: a frame, an array, a list of rows or a single row. Columns are put in the
                model's order. An iterator of such, the chunks of a CSV file for instance, gives an iterator.
            timeout: Seconds for the whole call; a minute for each request if not given.
            batch_rows: Rows a request; chosen from the answer times if not given.
            batch_bytes: Bytes of a request's body at most.
            in_flight: Requests at the same time.
            on_error: ``"raise"`` fails with the first batch that fails; ``"null"`` leaves nulls in its rows.
            shadow: Whether the candidate scores the same rows at the same time; how far it disagrees is told by
                :meth:`shadows`, and what goes wrong with it is no error of this call.

        Returns:
            n rows on X's index: ``prediction`` and, for classifiers, ``probability_<class>`` of each class.

        Raises:
            SchemaError: The columns are not the model's; nothing was sent.
            PayloadError: A value cannot be sent; nothing was sent.
            VersionError: The project is not deployed yet.

        """
        score: Callable[[], Any] = partial(
            self._deployment("score").score,
            X,
            timeout=timeout,
            batch_rows=batch_rows,
            batch_bytes=batch_bytes,
            in_flight=in_flight,
            on_error=on_error,
        )
        scores: pd.DataFrame | Iterator[pd.DataFrame] = self._shadowed(X, score) if shadow else score()
        return scores

    async def ascore(
        self, X: Any, *, timeout: float | None = None, **batching: Unpack[BatchingOptions]
    ) -> pd.DataFrame:
        """Score rows on a thread of their own, while the event loop goes on; see :meth:`score`.

        Args:
            X: n rows × k fields.
            timeout: Seconds for the whole call.
            **batching: ``batch_rows``, ``batch_bytes``, ``in_flight`` and ``on_error`` as :meth:`score` takes them.

        Returns:
            n rows on X's index.

        """
        return await self._deployment("score").ascore(X, timeout=timeout, **batching)

    def scorer(self, like: pd.DataFrame, *, keep: Sequence[str] = (), in_flight: int = 1) -> Scorer:
        """Make a callable that scores on the workers of Dask, Spark or any pool of processes.

        Args:
            like: A few rows of what it will be called with; they are scored once, to know what comes back.
            keep: Columns that are not sent and stand before the scores: the keys to join them by.
            in_flight: Requests at the same time from one worker.

        Returns:
            The callable; it pickles without secrets.

        Raises:
            VersionError: The project is not deployed yet.

        """
        from wml_deployer._scoring.batches import Batching  # noqa: PLC0415 - importing this module is cheap
        from wml_deployer.scoring import Scorer  # noqa: PLC0415

        deployment = self._deployment("score")
        rows = like.drop(columns=list(keep))
        meta = like[list(keep)].join(deployment.score(rows)).iloc[:0]
        schema = deployment.schema or Schema()
        return Scorer(self._source, deployment.id, schema, meta, tuple(keep), Batching(in_flight=in_flight))

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

    def history(self) -> pd.DataFrame:
        """Tell what was live, when, and why.

        Returns:
            One row for each deploy, update, rollback and revert, oldest first: ``when``, ``action``, ``version``,
            ``revision``, ``from``, ``to``, ``who``, ``why``, ``proof``.

        """
        return history_frame(self.metadata)

    def delete(self, *, cascade: bool = False, timeout: float = ROLLOUT_SECONDS) -> None:
        """Delete the deployment; its stored versions stay unless asked.

        Args:
            cascade: Whether the stored models are deleted as well, with every revision.
            timeout: Seconds for the whole call.

        Raises:
            VersionError: The project is not deployed.

        """
        with self._changing(timeout) as project:
            project.delete(cascade=cascade)

    def close(self) -> None:
        """Close every connection; the next verb opens new ones."""
        self._project.close()

    def __enter__(self) -> Self:
        """Use the deployer as a context that closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

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

    @contextmanager
    def _changing(self, timeout: float) -> Iterator[Project]:
        """Hold the project's lock, so that two processes never change it at once, within the time given."""
        with deadline(timeout), self._file.lock(timeout=timeout):
            self._deployed = None
            if self._file.path.exists() and needs_adoption(self.metadata):
                adopt(self._project.client, self._file)
            yield self._project

    def _switched(
        self, project: Project, record: DeploymentRecord, version: Version, action: Action, reason: str | None
    ) -> Deployment:
        if not project.is_settled(record, version):
            record = project.switch(record, version, action, reason)
        return Deployment.from_record(record, project.client, version)

    def _deployment(self, operation: str) -> Deployment:
        """Return the handle to score with, looked up once and again when metadata.yaml changes."""
        changed = self._file.path.stat().st_mtime_ns
        if self._deployed is None or self._deployed[0] != changed:
            project = self._project
            record = project.required(operation)
            handle = Deployment.from_record(record, project.client, project.serving(record))
            self._deployed = changed, handle
        return self._deployed[1]


def _stored_name(model: Any) -> str | None:
    return model.version if isinstance(model, StoredModel) else None


def _placed(
    credentials: CloudCredentials | SoftwareCredentials | LocalCredentials, directory: Path
) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    """Let the embedded service keep what it stores beside metadata.yaml unless told otherwise."""
    if isinstance(credentials, LocalCredentials) and credentials.directory is None:
        return credentials.model_copy(update={"directory": directory / ".wml"})
    return credentials
