"""What the rest of this library needs of a client of the service, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from wml_deployer._clients.documents import Document, failure_of, parts_of, required, text_of
from wml_deployer.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wml_deployer.specifications import Specification

__all__ = [
    "UNKNOWN_TYPE",
    "Client",
    "DeploymentRecord",
    "JobRecord",
    "ModelProperties",
    "ModelRecord",
    "PlanRecord",
    "SpaceRecord",
]

UNKNOWN_TYPE = "object"
"""What is said of a column whose dtype is not known: the service wants a type for each."""


@dataclass(frozen=True)
class ModelProperties:
    """What is said of a model when it is stored.

    Attributes:
        name: Name shown in the deployment space.
        model_type: Framework and version (``"scikit-learn_1.6"``).
        specification_id: Id of the software specification that runs it.
        schema: Input fields and classes.
        custom: Free facts kept with the model; this library's stand under one key.
        tags: Words to search by.

    """

    name: str
    model_type: str
    specification_id: str
    schema: Schema
    custom: Document
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelRecord:
    """A stored model, or one of its revisions, as the service tells it."""

    id: str
    name: str
    model_type: str
    specification: str
    revision: str | None
    message: str | None
    schema: Schema
    custom: Document
    raw: Document = field(repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Document) -> ModelRecord:
        """Read a model's document; listed revisions come without an entity."""
        metadata, entity = parts_of(document)
        specification = entity.get("software_spec", {})
        return cls(
            id=required(metadata, "id"),
            name=metadata.get("name", ""),
            model_type=entity.get("type", ""),
            specification=specification.get("name") or specification.get("id", ""),
            revision=text_of(metadata.get("rev")),
            message=metadata.get("commit_info", {}).get("commit_message"),
            schema=Schema(fields=_fields(entity)),
            custom=entity.get("custom") or {},
            raw=document,
        )


@dataclass(frozen=True)
class DeploymentRecord:
    """An online deployment as the service tells it.

    Attributes:
        state: ``initializing``, ``updating``, ``ready`` or ``failed``.
        failure: Why it failed, or why the service went back to what served before.

    """

    id: str
    name: str
    state: str
    model_id: str
    revision: str | None
    url: str
    failure: str | None
    created_at: str
    custom: Document
    raw: Document = field(repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Document) -> DeploymentRecord:
        """Read a deployment's document."""
        metadata, entity = parts_of(document)
        status, asset = entity.get("status", {}), entity.get("asset", {})
        return cls(
            id=required(metadata, "id"),
            name=entity.get("name") or metadata.get("name", ""),
            state=required(status, "state"),
            model_id=required(asset, "id"),
            revision=text_of(asset.get("rev")),
            url=_scoring_url(status),
            failure=failure_of(status),
            created_at=metadata.get("created_at", ""),
            custom=entity.get("custom") or {},
            raw=document,
        )


@dataclass(frozen=True)
class SpaceRecord:
    """A deployment space as the service tells it.

    Attributes:
        state: ``active`` once it can be used.
        instance_id: The runtime instance that serves it; ``None`` where none is associated.

    """

    id: str
    name: str
    state: str
    instance_id: str | None

    @classmethod
    def from_document(cls, document: Document) -> SpaceRecord:
        """Read a space's document."""
        metadata, entity = parts_of(document)
        runtimes = [item for item in entity.get("compute") or () if item.get("type") == "machine_learning"]
        return cls(
            id=required(metadata, "id"),
            name=entity.get("name", ""),
            state=entity.get("status", {}).get("state", "active"),
            # Releases before 4.5 call it id.
            instance_id=text_of(runtimes[0].get("guid") or runtimes[0].get("id")) if runtimes else None,
        )


@dataclass(frozen=True)
class PlanRecord:
    """What a runtime instance's plan allows, and what of it is used.

    Attributes:
        name: Name of the plan.
        used: Capacity unit hours used so far in this period.
        limit: Capacity unit hours of a period; ``None`` where there is no limit.

    """

    name: str
    used: float
    limit: float | None

    @classmethod
    def from_document(cls, document: Document) -> PlanRecord:
        """Read an instance's document; a limit below zero is none."""
        entity = parts_of(document)[1]
        hours = (entity.get("consumption") or {}).get("capacity_unit_hours") or {}
        limit = hours.get("limit")
        return cls(
            name=str((entity.get("plan") or {}).get("name", "")),
            used=float(hours.get("current") or 0),
            limit=None if limit is None or limit < 0 else float(limit),
        )


@dataclass(frozen=True)
class JobRecord:
    """A job of a batch deployment as the service tells it.

    Attributes:
        state: ``queued``, ``running``, ``completed``, ``failed`` or ``canceled``.
        failure: Why it failed.
        predictions: What it answers once completed, in the form of an online answer; ``None`` before.

    """

    id: str
    name: str
    state: str
    deployment_id: str
    created_at: str
    failure: str | None
    predictions: list[Any] | None = field(repr=False)

    @classmethod
    def from_document(cls, document: Document) -> JobRecord:
        """Read a job's document."""
        metadata, entity = parts_of(document)
        scoring = entity.get("scoring", {})
        status = scoring.get("status", {})
        return cls(
            id=required(metadata, "id"),
            name=metadata.get("name") or entity.get("name", ""),
            state=required(status, "state"),
            deployment_id=entity.get("deployment", {}).get("id", ""),
            created_at=metadata.get("created_at", ""),
            failure=failure_of(status),
            predictions=scoring.get("predictions"),
        )


class Client(Protocol):
    """One deployment space of the service, through one of IBM's clients."""

    @property
    def url(self) -> str:
        """Base URL of the service."""

    @property
    def space_id(self) -> str:
        """Id of the deployment space."""

    def specifications(self) -> Sequence[Specification]:
        """Ask for the software specifications and their life cycle."""

    def specification(self, specification: Specification) -> Specification:
        """Ask for the packages that a listed specification includes; a derived one's are its base's."""

    def space(self) -> SpaceRecord:
        """Ask for the deployment space."""

    def role(self) -> str | None:
        """Ask for the caller's role in the space (``admin``, ``editor``, ``viewer``); ``None`` where it is not told."""

    def plan(self, instance_id: str) -> PlanRecord:
        """Ask for the plan of a runtime instance and what of it is used."""

    def store_model(self, archive: Path, properties: ModelProperties) -> ModelRecord:
        """Store a new model; when it fails nothing is left behind."""

    def change_model(self, model_id: str, archive: Path, properties: ModelProperties) -> None:
        """Give a model new content and new facts; its revisions stay as they are."""

    def freeze_model(self, model_id: str, message: str) -> str:
        """Freeze the model's content and facts as a revision and return its number."""

    def model(self, model_id: str, revision: str | None = None) -> ModelRecord:
        """Ask for a model, or one of its revisions."""

    def models(self) -> Sequence[ModelRecord]:
        """List every model of the space."""

    def revisions(self, model_id: str) -> Sequence[ModelRecord]:
        """List a model's revisions, newest first."""

    def model_content(self, model_id: str, revision: str | None) -> bytes:
        """Download what a revision holds, or the model just now."""

    def delete_model(self, model_id: str) -> None:
        """Delete a model and all its revisions."""

    def create_deployment(
        self, name: str, model_id: str, revision: str, custom: Document, tags: Sequence[str] = ()
    ) -> DeploymentRecord:
        """Start an online deployment of a revision."""

    def serve(self, deployment_id: str, model_id: str, revision: str) -> DeploymentRecord:
        """Start to serve another revision under the same id and URL."""

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

    def close(self) -> None:
        """Close every connection."""


def _fields(entity: Document) -> tuple[Field, ...]:
    schemas = (entity.get("schemas") or {}).get("input") or [{}]
    return tuple(Field(str(item["name"]), str(item.get("type", ""))) for item in schemas[0].get("fields", ()))


def _scoring_url(status: Document) -> str:
    # Three generations of the service name it differently; the newest first.
    for listed in (status.get("inference"), status.get("serving_urls")):
        if listed:
            return str(listed[0]["url"] if isinstance(listed[0], dict) else listed[0])
    return str(status.get("online_url", {}).get("url", ""))
