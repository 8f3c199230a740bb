"""The interface of a client, as the rest of this library uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

from wml_deployer.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wml_deployer._clients.documents import Document
    from wml_deployer._clients.records import (
        DeploymentRecord,
        InstanceRecord,
        JobRecord,
        ModelProperties,
        ModelRecord,
        PlanRecord,
        SpaceRecord,
    )
    from wml_deployer.metadata import ServingOptions
    from wml_deployer.specifications import Specification

__all__ = ["Account", "Client", "Scope", "Scoring", "refuse_project"]


class Scope(NamedTuple):
    """A deployment space or a project.

    Attributes:
        kind: Which of the two.
        id: Its id.
        name: Its name, where that is known.

    Example:
        >>> scope = Scope("project", "7e45")
        >>> str(scope), scope.query
        ('project 7e45', {'project_id': '7e45'})

    """

    kind: Literal["space", "project"]
    id: str
    name: str | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query parameters that name it in a request."""
        return {f"{self.kind}_id": self.id}

    def __str__(self) -> str:
        """Say what it is."""
        return f"{self.kind} {self.id}"


def refuse_project(project_id: str | None) -> None:
    """Refuse to work with deployments where the credentials name a project.

    Raises:
        CredentialsError: The credentials name a project.

    """
    if project_id is not None:
        raise CredentialsError(
            f"The service deploys from a deployment space alone, and the credentials name the project {project_id}.",
            next_step="Give space or space_id instead of project_id; in a project, models can only be stored.",
        )


Result = TypeVar("Result")


class Scoring(Protocol):
    """The part of a client that scoring needs; it works without IBM's packages."""

    @property
    def url(self) -> str:
        """Base URL of the service."""

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Ask for a deployment."""

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model, or one of its revisions."""

    def score(self, deployment_id: str, body: bytes) -> bytes:
        """Send ``input_data`` bytes to a deployment and return the answer's bytes."""

    @property
    def is_crowded(self) -> bool:
        """Whether requests wait for their turn, because the service accepts no more."""

    def beside(self, work: Callable[[], None]) -> None:
        """Run work on a background thread; closing the connections ends it."""


class Account(Protocol):
    """The deployment spaces that an API key gives access to; none of them has to be chosen."""

    def spaces(self) -> Sequence[SpaceRecord]:
        """List every space that the caller sees, each with the caller's role in it."""

    def space_called(self, space_id: str) -> SpaceRecord:
        """Ask for a space."""

    def create_space(
        self,
        name: str,
        *,
        description: str | None = None,
        runtime: InstanceRecord | None = None,
        storage: InstanceRecord | None = None,
        production: bool = False,
    ) -> SpaceRecord:
        """Start to create a space."""

    def delete_space(self, space_id: str) -> None:
        """Delete a space with everything in it."""

    def instances(self, service: str) -> Sequence[InstanceRecord]:
        """List the account's active instances of a service of IBM Cloud."""

    def close(self) -> None:
        """Close every connection."""


class Client(Protocol):
    """One deployment space of the service, or a project, through one of IBM's clients."""

    @property
    def url(self) -> str:
        """Base URL of the service."""

    @property
    def scope(self) -> Scope:
        """The deployment space; or a project, which has models and no deployments."""

    def specifications(self) -> Sequence[Specification]:
        """Ask for the software specifications and their life cycle."""

    def specification(self, specification: Specification) -> Specification:
        """Ask for the packages that a listed specification includes; a derived one's are its base's."""

    def derive_specification(self, name: str, base: Specification, extension_ids: Sequence[str]) -> Specification:
        """Derive a software specification that adds package extensions to its base."""

    def delete_specification(self, specification_id: str) -> None:
        """Delete a derived software specification; its package extensions stay."""

    def store_extension(self, name: str, kind: str, content: Path) -> str:
        """Upload a package extension, ``"conda_yml"`` or ``"pip_zip"``, and return its id."""

    def extension_called(self, name: str) -> str | None:
        """Return the id of the package extension of this name; ``None`` where there is none."""

    def read_extension(self, extension_id: str, path: Path) -> None:
        """Download the file of a package extension."""

    def delete_extension(self, extension_id: str) -> None:
        """Delete a package extension."""

    def space(self) -> SpaceRecord:
        """Ask for the deployment space."""

    def role(self) -> str | None:
        """Ask for the caller's role in the space (``admin``, ``editor``, ``viewer``); ``None`` if it is not known."""

    def plan(self, instance_id: str) -> PlanRecord:
        """Ask for the plan of a runtime instance and how much of it is used."""

    def has_task_credentials(self) -> bool | None:
        """Ask whether IBM Cloud can run jobs for the caller; ``None`` where it needs nothing, or does not tell."""

    def create_task_credentials(self) -> bool:
        """Let IBM Cloud keep the caller's key to run jobs; return whether that was needed."""

    def store_model(self, archive: Path, properties: ModelProperties) -> ModelRecord:
        """Store a new model; when it fails nothing is left behind."""

    def change_model(self, model_id: str, archive: Path, properties: ModelProperties) -> None:
        """Give a model new content and new facts; its revisions stay as they are."""

    def freeze_model(self, model_id: str, message: str) -> str:
        """Freeze the model's content and facts as a revision and return its number."""

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model, or one of its revisions; it may be a function that carries one."""

    def models(self) -> Sequence[ModelRecord]:
        """List every model of the space, and every function."""

    def revisions(self, model_id: str) -> Sequence[ModelRecord]:
        """List a model's revisions, newest first."""

    def read_model(self, model_id: str, revision: str | None, read: Callable[[Iterator[bytes]], Result]) -> Result:
        """Download the content of a revision, or the current one, and return what a function makes of its chunks.

        If the download breaks off, the function is called again with all chunks.
        """

    def delete_model(self, model_id: str) -> None:
        """Delete a model and all its revisions."""

    def create_deployment(
        self,
        name: str,
        model_id: str,
        revision: str,
        custom: Document,
        tags: Sequence[str] = (),
        *,
        options: ServingOptions | None = None,
    ) -> DeploymentRecord:
        """Start an online deployment of a revision with one copy; the service accepts no other number here."""

    def serve(self, deployment_id: str, model_id: str, revision: str) -> DeploymentRecord:
        """Start to serve another revision under the same id and URL."""

    def describe_deployment(self, deployment_id: str, custom: Document) -> None:
        """Replace the custom facts of a deployment, without changing what it serves."""

    def label_deployment(self, deployment_id: str, description: str, tags: Sequence[str]) -> DeploymentRecord:
        """Replace the description and the tags of a deployment."""

    def name_deployment(self, deployment_id: str, serving_name: str) -> DeploymentRecord:
        """Give a deployment a serving name, in place of the one that it may have."""

    def scale_deployment(self, deployment_id: str, hardware: str, copies: int) -> DeploymentRecord:
        """Start to serve with another number of copies; the service requires the name of the present hardware."""

    def is_serving_name_free(self, serving_name: str) -> bool:
        """Ask whether no deployment of any space has this serving name."""

    def hardware(self) -> Sequence[str]:
        """List the names of the hardware specifications of the space."""

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Ask for a deployment."""

    def deployments(self) -> Sequence[DeploymentRecord]:
        """List every online deployment of the space."""

    def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment."""

    def score(self, deployment_id: str, body: bytes) -> bytes:
        """Send ``input_data`` bytes to a deployment and return the answer's bytes."""

    def create_batch_deployment(self, name: str, model_id: str, revision: str, custom: Document) -> DeploymentRecord:
        """Start a batch deployment of a revision."""

    def batch_deployments(self) -> Sequence[DeploymentRecord]:
        """List every batch deployment of the space."""

    def start_job(self, deployment_id: str, name: str, body: bytes) -> JobRecord:
        """Start a job on ``input_data`` bytes."""

    def job(self, job_id: str) -> JobRecord:
        """Ask for a job."""

    def jobs(self) -> Sequence[JobRecord]:
        """List the space's jobs that score rows."""

    def cancel_job(self, job_id: str) -> None:
        """Stop a job and forget it."""

    @property
    def is_crowded(self) -> bool:
        """Whether requests wait for their turn, because the service accepts no more."""

    def beside(self, work: Callable[[], None]) -> None:
        """Run work on a background thread; closing the connections ends it."""

    def close(self) -> None:
        """Wait for what runs beside the caller, and close every connection."""
