"""The service's documents as typed, frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from wml_deployer._clients.documents import Document, failure_of, parts_of, reading, required, text_of
from wml_deployer.schema import Field, Schema

__all__ = [
    "ARRAY_TYPE",
    "FRAME_TYPE",
    "UNKNOWN_TYPE",
    "AssetKind",
    "DeploymentRecord",
    "InstanceRecord",
    "JobRecord",
    "ModelProperties",
    "ModelRecord",
    "PlanRecord",
    "SpaceRecord",
]

FRAME_TYPE = "DataFrame"
"""Type of an input schema whose rows a runtime makes a frame before it calls the model."""

ARRAY_TYPE = "ndarray"
"""Type of an input schema whose rows a runtime makes a bare array before it calls the model."""

UNKNOWN_TYPE = "object"
"""The type of a column whose dtype is not known: the service requires one for each."""


AssetKind = Literal["model", "function"]
"""What the service takes a stored model for: a model of one of its types, or a Python function that carries it."""


@dataclass(frozen=True)
class ModelProperties:
    """The properties that a model is stored with.

    Attributes:
        name: Name shown in the deployment space.
        model_type: Framework and version (``"scikit-learn_1.6"``).
        specification_id: Id of the software specification that runs it.
        schema: Input fields and classes.
        custom: Free facts kept with the model; this library's stand under one key.
        tags: Words to search by.
        kind: Whether it is stored as a model, or as a Python function.

    """

    name: str
    model_type: str
    specification_id: str
    schema: Schema
    custom: Document
    tags: tuple[str, ...] = ()
    kind: AssetKind = "model"


@dataclass(frozen=True)
class ModelRecord:
    """A stored model, or one of its revisions, as the service tells it.

    Attributes:
        model_type: Framework and version; ``python`` for every function.
        kind: Whether the service has it as a model, or as a Python function.

    """

    id: str
    name: str
    model_type: str
    specification: str
    revision: str | None
    message: str | None
    schema: Schema
    custom: Document
    raw: Document = field(repr=False, compare=False)
    kind: AssetKind = "model"

    @classmethod
    @reading("model")
    def from_document(cls, document: Document, kind: AssetKind = "model") -> ModelRecord:
        """Read a model's or a function's document; listed revisions come without an entity."""
        metadata, entity = parts_of(document)
        specification = entity.get("software_spec", {})
        return cls(
            id=required(metadata, "id"),
            name=str(metadata.get("name", "")),
            model_type=entity.get("type", ""),
            specification=specification.get("name") or specification.get("id", ""),
            revision=text_of(metadata.get("rev")),
            message=metadata.get("commit_info", {}).get("commit_message"),
            schema=_schema(entity),
            custom=_facts(entity.get("custom")),
            raw=document,
            kind=kind,
        )


@dataclass(frozen=True)
class DeploymentRecord:
    """An online deployment as the service tells it.

    Attributes:
        state: ``initializing``, ``updating``, ``ready`` or ``failed``.
        failure: Why it failed, or why the service went back to what served before.
        modified_at: When it was changed last, as the service writes it.
        serving_name: A name that stands for the id in its URL, if it has one.
        tags: All of its tags, also those that this library set.
        hardware: Name of its hardware specification, where the service says it.
        copies: How many copies serve.
        scaling_to: How many copies are being started, or left; ``None`` while their number does not change.

    """

    id: str
    name: str
    state: str
    model_id: str
    revision: str | None
    url: str
    failure: str | None
    created_at: str
    modified_at: str
    custom: Document
    raw: Document = field(repr=False, compare=False)
    serving_name: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    hardware: str | None = None
    copies: int = 1
    scaling_to: int | None = None

    @classmethod
    @reading("deployment")
    def from_document(cls, document: Document) -> DeploymentRecord:
        """Read a deployment's document."""
        metadata, entity = parts_of(document)
        status, asset = entity.get("status", {}), entity.get("asset", {})
        return cls(
            id=required(metadata, "id"),
            name=str(entity.get("name") or metadata.get("name", "")),
            state=required(status, "state"),
            model_id=required(asset, "id"),
            revision=text_of(asset.get("rev")),
            url=_scoring_url(status),
            failure=failure_of(status),
            created_at=str(metadata.get("created_at", "")),
            modified_at=str(metadata.get("modified_at", "")),
            custom=_facts(entity.get("custom")),
            raw=document,
            serving_name=text_of(((entity.get("online") or {}).get("parameters") or {}).get("serving_name")),
            description=str(entity.get("description") or metadata.get("description") or ""),
            tags=tuple(map(str, metadata.get("tags") or entity.get("tags") or ())),
            hardware=text_of((entity.get("hardware_spec") or {}).get("name")),
            copies=int((entity.get("hardware_spec") or {}).get("num_nodes") or 1),
            scaling_to=_scaling_to(status.get("scaling") or {}),
        )


@dataclass(frozen=True)
class SpaceRecord:
    """A deployment space as the service tells it.

    Attributes:
        state: ``active`` once it can be used.
        instance_id: The runtime instance that serves it; ``None`` where none is associated.
        runtime: Name of that instance.
        role: The caller's role in it; ``None`` where the document does not say it.
        failure: Why it could not be created.

    """

    id: str
    name: str
    state: str
    instance_id: str | None
    runtime: str | None = None
    role: str | None = None
    failure: str | None = None

    @classmethod
    @reading("space")
    def from_document(cls, document: Document, user_id: str | None = None) -> SpaceRecord:
        """Read a space's document.

        Args:
            document: The document.
            user_id: Whose role is looked for among its members.

        """
        metadata, entity = parts_of(document)
        runtimes = [item for item in entity.get("compute") or () if item.get("type") == "machine_learning"]
        roles = [item.get("role") for item in entity.get("members") or () if item.get("id") == user_id]
        status = entity.get("status", {})
        return cls(
            id=required(metadata, "id"),
            name=entity.get("name", ""),
            state=status.get("state", "active"),
            # Releases before 4.5 call it id.
            instance_id=text_of(runtimes[0].get("guid") or runtimes[0].get("id")) if runtimes else None,
            runtime=text_of(runtimes[0].get("name")) if runtimes else None,
            role=text_of(roles[0]) if roles else None,
            failure=failure_of(status),
        )

    def with_role(self, role: str | None) -> SpaceRecord:
        """Return the same space with the caller's role in it."""
        return replace(self, role=role)


@dataclass(frozen=True)
class InstanceRecord:
    """An instance of a service on IBM Cloud, as the account's resource controller tells it.

    Attributes:
        name: Its name in the account.
        crn: Its cloud resource name, which is unique in all of IBM Cloud.
        region: The region that it is in; ``global`` for object storage.
        state: ``active`` once it can be used.

    """

    name: str
    crn: str
    region: str = ""
    state: str = "active"

    @classmethod
    @reading("service instance")
    def from_document(cls, document: Document) -> InstanceRecord:
        """Read an instance's document."""
        return cls(
            name=str(document.get("name", "")),
            crn=required(document, "crn"),
            region=str(document.get("region_id", "")),
            state=str(document.get("state", "active")),
        )


@dataclass(frozen=True)
class PlanRecord:
    """The plan of a machine learning instance: its limit, and how much of it is used.

    Attributes:
        name: Name of the plan.
        used: Capacity unit hours used so far in this period.
        limit: Capacity unit hours of a period; ``None`` where there is no limit.
        jobs: How many deployment jobs are kept.
        jobs_limit: How many may be; ``None`` where there is no limit.

    """

    name: str
    used: float
    limit: float | None
    jobs: int = 0
    jobs_limit: int | None = None

    @classmethod
    @reading("runtime instance")
    def from_document(cls, document: Document) -> PlanRecord:
        """Read an instance's document; a limit below zero is none."""
        entity = parts_of(document)[1]
        consumption = entity.get("consumption") or {}
        hours, jobs = (consumption.get(name) or {} for name in ("capacity_unit_hours", "deployment_job_count"))
        limit, jobs_limit = hours.get("limit"), jobs.get("limit")
        return cls(
            name=str((entity.get("plan") or {}).get("name", "")),
            used=float(hours.get("current") or 0),
            limit=None if limit is None or limit < 0 else float(limit),
            jobs=int(jobs.get("current") or 0),
            jobs_limit=None if jobs_limit is None or jobs_limit < 0 else int(jobs_limit),
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
    @reading("job")
    def from_document(cls, document: Document) -> JobRecord:
        """Read a job's document."""
        metadata, entity = parts_of(document)
        scoring = entity.get("scoring", {})
        status = scoring.get("status", {})
        return cls(
            id=required(metadata, "id"),
            name=str(metadata.get("name") or entity.get("name", "")),
            state=required(status, "state"),
            deployment_id=entity.get("deployment", {}).get("id", ""),
            created_at=str(metadata.get("created_at", "")),
            failure=failure_of(status),
            predictions=scoring.get("predictions"),
        )


def _scaling_to(scaling: Document) -> int | None:
    in_progress = str(scaling.get("state", "")).replace("_", "") == "inprogress"
    return int(scaling["requested_replicas"]) if in_progress else None


def _facts(custom: object) -> Document:
    return custom if isinstance(custom, dict) else {}


def _schema(entity: Document) -> Schema:
    schema = ((entity.get("schemas") or {}).get("input") or [{}])[0]
    fields = tuple(Field(str(item["name"]), str(item.get("type", ""))) for item in schema.get("fields", ()))
    return Schema(fields, named=schema.get("type") != ARRAY_TYPE)


def _scoring_url(status: Document) -> str:
    # Three generations of the service name it differently; the newest first.
    for listed in (status.get("inference"), status.get("serving_urls")):
        if listed:
            return str(listed[0]["url"] if isinstance(listed[0], dict) else listed[0])
    return str(status.get("online_url", {}).get("url", ""))
