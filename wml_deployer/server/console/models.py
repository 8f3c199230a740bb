"""What the console shows: models, deployments, and the version that is live. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.artifacts import models as artifacts
from wml_deployer.server.console import versions
from wml_deployer.server.deployments import history, snapshots
from wml_deployer.server.deployments import models as deployments
from wml_deployer.server.deployments.models import not_found
from wml_deployer.server.errors import NotFoundError
from wml_deployer.server.spaces.containers import PROJECT, SPACE

if TYPE_CHECKING:
    from wml_deployer.server.console.versions import Version
    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "KINDS",
    "Deployment",
    "Model",
    "as_deployment",
    "as_model",
    "deployment",
    "model",
    "space_name",
    "version_of",
]

KINDS = ("model", "function")
"""Kinds of artifacts that can be deployed."""


@dataclass(frozen=True)
class Deployment:
    """A deployment.

    Attributes:
        id: Id.
        name: Name.
        space_id: Id of its space.
        method: ``online`` or ``batch``.
        state: State.
        live: The version that is being served, if any.
        pending: The version that is being loaded, if any.
        failure: Why the last change failed.
        history: The entries of its log, newest first.
        document: Document in the API.

    """

    id: str
    name: str
    space_id: str
    method: str
    state: str
    live: Version | None
    pending: Version | None
    failure: list[str]
    history: list[dict[str, Any]]
    document: dict[str, Any]

    @property
    def is_idle(self) -> bool:
        """Whether no change is in progress."""
        status = self.document["entity"]["status"]
        return self.state not in deployments.TRANSIENT_STATES and "scaling" not in status

    @property
    def serving_name(self) -> str | None:
        """Serving name, if it has one."""
        parameters = self.document["entity"].get("online", {}).get("parameters", {})
        return parameters.get("serving_name") if isinstance(parameters, dict) else None

    @property
    def names(self) -> list[str]:
        """What it can be called by in a prediction request: its id, and its serving name."""
        return [name for name in (self.id, self.serving_name) if name]

    @property
    def tags(self) -> list[str]:
        """Tags."""
        return _tags(self.document)

    @property
    def hardware(self) -> str:
        """Number of nodes and hardware specification."""
        hardware = self.document["entity"].get("hardware_spec") or {}
        return f"{hardware['num_nodes']} × {hardware['name']}" if "name" in hardware else "one for each part"


@dataclass(frozen=True)
class Model:
    """A model or function.

    Attributes:
        id: Id.
        space_id: Id of its space.
        head: Its current state.
        revisions: Its revisions, newest first.
        deployments: Its deployments.
        document: Document in the API.

    """

    id: str
    space_id: str
    head: Version
    revisions: list[Version]
    deployments: list[Deployment]
    document: dict[str, Any]

    @property
    def tags(self) -> list[str]:
        """Tags."""
        return _tags(self.document)

    @property
    def description(self) -> str:
        """Description."""
        return str(self.document["metadata"].get("description") or "")

    def live_in(self, version: Version) -> list[Deployment]:
        """Return the deployments that serve a version."""
        return [each for each in self.deployments if _is_same(each.live, version)]


def space_name(transaction: Transaction, identifier: str) -> str:
    """Return the name of a space or project."""
    record = transaction.get(SPACE, identifier) or transaction.get(PROJECT, identifier)
    return record.name if record is not None else identifier


def deployment(transaction: Transaction, identifier: str) -> Deployment:
    """Return a deployment.

    Raises:
        NotFoundError: It does not exist.

    """
    record = transaction.get(deployments.KIND, identifier)
    if record is None:
        raise not_found(identifier)
    return as_deployment(transaction, record)


def model(transaction: Transaction, identifier: str) -> Model:
    """Return a model or function.

    Raises:
        NotFoundError: It does not exist.

    """
    record = artifacts.find_any(transaction, identifier)
    if record is None or record.kind not in KINDS:
        raise NotFoundError(f"The model with id '{identifier}' does not exist.", code="model_does_not_exist")
    where = {"entity.asset.id": identifier}
    deployed = transaction.find(deployments.KIND, record.container, where=where)
    return as_model(transaction, record, [as_deployment(transaction, each) for each in deployed])


def version_of(shown: Model, revision: str) -> Version:
    """Return a revision of a model.

    Raises:
        NotFoundError: It does not exist.

    """
    for version in shown.revisions:
        if version.revision == revision:
            return version
    raise NotFoundError(f"The model with id '{shown.id}' has no revision '{revision}'.", code="revision_does_not_exist")


def as_model(transaction: Transaction, record: Record, deployed: list[Deployment]) -> Model:
    """Return a stored model or function, with its deployments out of the given ones."""
    return Model(
        id=record.id,
        space_id=record.container,
        head=versions.head(transaction, record),
        revisions=versions.versions(transaction, record),
        deployments=[each for each in deployed if each.document["entity"]["asset"]["id"] == record.id],
        document=record.document,
    )


def as_deployment(transaction: Transaction, record: Record) -> Deployment:
    """Return a stored deployment."""
    status = record.entity["status"]
    pending = record.entity["asset"] if snapshots.PENDING in record.private else None
    serving = record.private.get("previous", {}).get("asset") or record.entity["asset"]
    return Deployment(
        id=record.id,
        name=record.name,
        space_id=record.container,
        method="online" if "online" in record.entity else "batch",
        state=status["state"],
        live=_version_of(transaction, serving) if snapshots.SERVING in record.private else None,
        pending=_version_of(transaction, pending) if pending else None,
        history=history.entries(record)[::-1],
        failure=[str(error.get("message", "")) for error in status.get("failure", {}).get("errors", ())],
        document=record.document,
    )


def _version_of(transaction: Transaction, reference: dict[str, str]) -> Version | None:
    artifact = artifacts.find_any(transaction, reference["id"])
    if artifact is None:
        return None
    if "rev" not in reference:
        return versions.head(transaction, artifact)
    return versions.revision(transaction, artifact, reference["rev"])


def _tags(document: dict[str, Any]) -> list[str]:
    # Clients may have sent anything.
    tags = document["metadata"].get("tags")
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _is_same(version: Version | None, other: Version) -> bool:
    return version is not None and (version.model_id, version.revision) == (other.model_id, other.revision)
