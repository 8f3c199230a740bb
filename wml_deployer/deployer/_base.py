"""An open project: its files, its place on the service, and the lock of both."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wml_deployer._clients.door import local_service
from wml_deployer._clients.protocol import refuse_project
from wml_deployer._rollout.preparing import StoreRequest
from wml_deployer._rollout.project import Project
from wml_deployer._rollout.sources import VersionSource
from wml_deployer._rollout.versions import stored_otherwise
from wml_deployer._transport.deadline import deadline
from wml_deployer._verification.sample import SampleFolder
from wml_deployer.credentials import CloudCredentials, LocalCredentials, SoftwareCredentials
from wml_deployer.credentials._sources import CredentialsLocation
from wml_deployer.deployer._verb import verb
from wml_deployer.deployment import Deployment, StoredModel
from wml_deployer.errors import ConfigurationError, CredentialsError, ModelError
from wml_deployer.metadata import LOCAL, MetadataFile, Space

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Self

    from wml_deployer._clients.records import DeploymentRecord
    from wml_deployer._rollout.preparing import PreparedModel
    from wml_deployer.metadata import Metadata, Route, Version
    from wml_deployer.monitoring import ScoringHook

__all__ = ["ROLLOUT_SECONDS", "OpenProject", "store_request"]

ROLLOUT_SECONDS = 600.0
"""Default time for a call that changes something."""


class OpenProject:
    """The state that every verb works on; see :class:`wml_deployer.Deployer`."""

    def __init__(
        self,
        credentials: CloudCredentials | SoftwareCredentials | LocalCredentials,
        metadata: str | os.PathLike[str] = "metadata.yaml",
        *,
        credentials_file: str | os.PathLike[str] | None = None,
    ) -> None:
        """Read the project; the service is asked when first needed."""
        self._file = MetadataFile(metadata, ask=self._ask_for_space)
        self._credentials = _placed(credentials, self._file.directory)
        self._file.space = _space_of(self._credentials)
        self._samples = SampleFolder(self._file.directory / ".wml" / "samples")
        self._project = Project(self._credentials, self._file, self._samples)
        self._deployed: tuple[tuple[int, int], Deployment] | None = None
        self._hooks: list[ScoringHook] = []
        self._source = CredentialsLocation(
            file=None if credentials_file is None else Path(credentials_file).absolute(),
            directory=getattr(self._credentials, "directory", None),
        )
        self._known = self._file.read_yaml()
        self._file.refuse_unwritable()

    @property
    def metadata(self) -> Metadata:
        """The current metadata.yaml, with the versions and the log that metadata.lock has for this space."""
        return self._file.read()

    @verb
    def console_link(self) -> str:
        r"""Return a link to the page of the embedded service: its spaces, versions, requests, and a form to score.

        Whoever opens the link first, within an hour, is let in.

        Raises:
            ConfigurationError: The project is on IBM Cloud or Cloud Pak for Data, which have consoles of their own.

        Example:
            >>> import tempfile
            >>> from wml_deployer import Deployer
            >>> path = Path(tempfile.mkdtemp()) / "metadata.yaml"
            >>> _ = path.write_text("project_name: churn\nproject_version: v0.1\n")
            >>> Deployer.local(path).console_link()
            'https://127.0.0.1:.../console/enter?token=...'

        """
        if not isinstance(self._credentials, LocalCredentials):
            raise ConfigurationError(
                f"{self._credentials.url} is not the embedded service, which alone has this console.",
                operation="console_link",
                next_step="Open the deployment space on the platform's own pages.",
            )
        service = local_service(self._credentials.directory or Path(".wml"))
        from wml_deployer.server import console_link  # noqa: PLC0415 - an extra

        return console_link(service)

    def close(self) -> None:
        """Close every connection; new ones are opened when needed.

        Nothing that this deployer started runs after that: what still does has two seconds to end, and is stopped then.
        """
        self._project.close()

    def __enter__(self) -> Self:
        """Use the deployer as a context that closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

    @contextmanager
    def _changing(self, timeout: float) -> Iterator[Project]:
        """Hold the project's lock to change what serves, which is in a deployment space."""
        refuse_project(getattr(self._credentials, "project_id", None))
        with self._storing(timeout) as project:
            project.open(brings_model=False)
            yield project

    @contextmanager
    def _storing(self, timeout: float) -> Iterator[Project]:
        """Hold the project's lock, so that two processes never change it at once, within the time given."""
        with deadline(timeout, cleanup=True), self._file.lock(timeout=timeout):
            self._deployed = None
            self._file.refuse_unwritable()
            yield self._project

    @contextmanager
    def _preparing(self, request: StoreRequest, timeout: float) -> Iterator[tuple[Project, PreparedModel | Version]]:
        """Hold the lock, and prepare the caller's model: packed, or found among the stored versions."""
        refuse_project(getattr(self._credentials, "project_id", None))
        with self._storing(timeout) as project, self._prepared(project, request) as prepared:
            yield project, prepared

    @contextmanager
    def _prepared(self, project: Project, request: StoreRequest) -> Iterator[PreparedModel | Version]:
        """Prepare the caller's model before anything is sent, and connect then."""
        if request.stored is not None:
            project.open(brings_model=True)
        with project.versions.prepare(request) as prepared:
            if request.stored is None:
                project.open(brings_model=True)
            yield prepared

    def _ask_for_space(self) -> Space | None:
        """Find the space that the credentials name; the embedded service's is in its folder, whether it runs or not."""
        given = self._credentials
        if isinstance(given, LocalCredentials):
            from wml_deployer.server import find_space  # noqa: PLC0415 - deferred: only this service needs it

            found = find_space(given.directory or Path(".wml"), given.space)
            return None if found is None else Space(LOCAL, found, given.space)
        _ = self._project.client
        return self._file.space

    def _stored(self, version: Version) -> StoredModel:
        """Make the handle of a stored version, from which other spaces can take it."""
        source = VersionSource(version, self._file, lambda: self._project.client, self._samples)
        return StoredModel.from_version(version, source)

    def _deployment(self, operation: str) -> Deployment:
        """Return the handle to score with; it is looked up again when the project's files change."""
        try:
            changed = self._file.stamp
        except OSError:
            self._file.read()  # says what is missing, and what to do
            raise
        if self._deployed is None or self._deployed[0] != changed:
            project = self._project
            record = project.require_deployment(operation)
            self._deployed = changed, self._handle(record, project.serving(record))
        return self._deployed[1]

    def _handle(self, record: DeploymentRecord, version: Version | None) -> Deployment:
        """Make the handle of a deployment that serves this version."""
        return Deployment.from_record(record, self._project.client, version, self.metadata.versions, self._hooks)


def store_request(
    model: Any,
    sample: Any = None,
    version: str | None = None,
    specification: str | None = None,
    *,
    route: Route | None = None,
    requirements: Sequence[str] | str | os.PathLike[str] | None = None,
    code: Sequence[str | os.PathLike[str]] | None = None,
    isolated: bool = False,
    unpickle: bool = False,
    metrics: Mapping[str, float] | None = None,
) -> StoreRequest:
    """Make the request to store a model, or for the version that a handle names.

    Raises:
        ModelError: The metrics are not numbers, or an argument comes too late for a version that is stored already.

    """
    if not isinstance(model, StoredModel):
        return StoreRequest(
            model,
            sample=sample,
            version=version,
            specification=specification,
            unpickle=unpickle,
            metrics=metrics or {},
            route=_known_route(route),
            requirements=requirements,
            code=code,
            isolated=isolated,
        )
    _refuse_changes(model, sample, version, specification, route, requirements=requirements, code=code)
    return StoreRequest(model, model.version, model._source, version=version, metrics=metrics or {})  # noqa: SLF001


def _known_route(route: Route | None) -> Route | None:
    if route not in (None, "native", "function"):
        raise ModelError(
            f"There is no route {route!r}.", next_step="Give 'native' or 'function', or leave it out to have it chosen."
        )
    return route


def _refuse_changes(
    stored: StoredModel,
    sample: Any,
    version: str | None,
    specification: str | None,
    route: Route | None,
    **environment: object,
) -> None:
    """Refuse arguments that come too late for a stored version: without the model, a sample has no expected answer."""
    refused = {
        "sample": sample is not None,
        # A version that is taken from another space may get another name.
        "version": version not in {None, stored.version} and stored._source is None,  # noqa: SLF001
        "specification": specification not in {None, stored.software_specification},
        "route": route not in {None, stored.route},
        **{name: value is not None for name, value in environment.items()},
    }
    names = [f"{name}=" for name, is_refused in refused.items() if is_refused]
    if names:
        raise stored_otherwise(stored.version, names)


def _space_of(credentials: CloudCredentials | SoftwareCredentials | LocalCredentials) -> Space:
    """Return the deployment space of credentials; that of the embedded service does not depend on its port."""
    if isinstance(credentials, LocalCredentials):
        return Space(LOCAL, name=credentials.space)
    host = urlsplit(credentials.url).hostname or ""
    service = LOCAL if host in {"localhost", "::1"} or host.startswith("127.") else credentials.url.rstrip("/")
    return Space(service, credentials.space_id or credentials.project_id, credentials.space)


def _placed(
    credentials: CloudCredentials | SoftwareCredentials | LocalCredentials, directory: Path
) -> CloudCredentials | SoftwareCredentials | LocalCredentials:
    """Let the embedded service store its data beside metadata.yaml, unless the credentials name a folder.

    Raises:
        CredentialsError: They are a file's name, say, or the mapping that IBM's clients take.

    """
    if not isinstance(credentials, CloudCredentials | SoftwareCredentials | LocalCredentials):
        raise CredentialsError(
            f"Expected credentials, got {type(credentials).__name__}.",
            next_step="Open the project with Deployer.from_files(credentials, metadata) or Deployer.local(metadata), "
            "or give it CloudCredentials(...) or SoftwareCredentials(...).",
        )
    if isinstance(credentials, LocalCredentials) and credentials.directory is None:
        return credentials.model_copy(update={"directory": directory / ".wml"})
    return credentials
