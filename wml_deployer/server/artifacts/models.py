"""Artifacts of the repository: their kinds, documents, contents, and revisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError, check_labels, wrong_field
from wml_deployer.server.http.patch import Operation, apply
from wml_deployer.server.spaces.containers import require_runtime, scope_of
from wml_deployer.server.specifications.models import Specifications
from wml_deployer.server.storage.records import Content, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = [
    "AI_SERVICE",
    "EXPERIMENT",
    "FUNCTION",
    "KINDS",
    "MODEL",
    "PIPELINE",
    "Kind",
    "at_revision",
    "attach",
    "commit",
    "content_of",
    "create",
    "delete",
    "find_any",
    "not_found",
    "update",
]


@dataclass(frozen=True)
class Kind:
    """A kind of artifact.

    Attributes:
        name: Name of the kind, also of its records.
        collection: Path of the collection under ``/ml/v4``.
        asset_type: Type of its assets under ``/v2/assets``.
        content: Last part of the upload path; None if it has no content.
        download: Last part of the download path.
        type: Fixed type of all its artifacts; None if each has its own.
        runs: Whether it is executable, and thus needs a type and a software specification.

    """

    name: str
    collection: str
    asset_type: str
    content: str | None = None
    download: str | None = None
    type: str | None = None
    runs: bool = True


MODEL = Kind("model", "models", "wml_model", content="content", download="download")
"""Models."""
FUNCTION = Kind("function", "functions", "wml_function", content="code", download="code", type="python")
"""Python functions."""
PIPELINE = Kind("pipeline", "pipelines", "wml_pipeline", runs=False)
"""Pipelines, which are stored and shown, but not trained."""
EXPERIMENT = Kind("experiment", "experiments", "wml_experiment", runs=False)
"""Experiments, which are stored and shown, but not trained."""
AI_SERVICE = Kind("ai_service", "ai_services", "ai_service", content="code", download="code", type="python")
"""AI services, which are stored and shown: the newer client lists them whenever it lists models."""
KINDS = {kind.name: kind for kind in (MODEL, FUNCTION, PIPELINE, EXPERIMENT, AI_SERVICE)}
"""Kinds by name."""

#: Fields of the metadata; all others belong to the entity.
_IN_METADATA = ("name", "description", "tags")
_IDENTITY = ("id", "space_id", "project_id", "owner", "created_at", "modified_at")
_SCOPE = ("space_id", "project_id")


def create(
    context: Context,
    transaction: Transaction,
    caller: Caller,
    fields: dict[str, Any],
    *,
    kind: Kind,
    container: Record,
) -> Record:
    """Create an artifact.

    Raises:
        InvalidRequestError: A field is missing or invalid, or the software specification does not support the type.
        ForbiddenError: The container has no machine learning instance.

    """
    require_runtime(container)
    name = _name(fields.get("name"))
    check_labels(fields)
    now = context.clock.stamp()
    record = Record(kind.name, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    record.metadata.update(
        created_at=now,
        **{key: fields[key] for key in _IN_METADATA if fields.get(key) is not None},
        id=record.id,
        modified_at=now,
        owner=caller.user_id,
        **scope_of(container),
    )
    specifications = Specifications(transaction, caller.flavour)
    record.entity.update(_entity(specifications, kind, container, fields))
    if kind is MODEL:
        record.metadata["resource_key"] = context.identifiers.new()
    transaction.add(record)
    return record


def update(
    context: Context, transaction: Transaction, caller: Caller, record: Record, operations: list[Operation]
) -> None:
    """Patch the document of an artifact.

    Raises:
        InvalidRequestError: The patch changes a fixed field, or a value is invalid.

    """
    kind = KINDS[record.kind]
    for operation in operations:
        if operation.root in _IDENTITY or (operation.root == "type" and kind.type is not None):
            raise InvalidRequestError(f"/{operation.root} of a {kind.name} cannot be changed.")
        apply(record.metadata if operation.root in _IN_METADATA else record.entity, operation)
    record.name = _name(record.metadata.get("name"))
    check_labels(record.metadata)
    if kind.runs and any(operation.root in ("software_spec", "type") for operation in operations):
        specifications = Specifications(transaction, caller.flavour)
        record.entity.update(_specification(specifications, kind, record.container, record.entity))
    _touch(context, record)
    transaction.save(record)


def attach(context: Context, transaction: Transaction, record: Record, content: Content) -> None:
    """Set the content of an artifact."""
    transaction.attach(record, content)
    _touch(context, record)
    transaction.save(record)


def commit(context: Context, transaction: Transaction, record: Record, message: str | None) -> dict[str, Any]:
    """Save document and content as the next revision; return the document of the revision."""
    record.private["revisions"] = record.private.get("revisions", 0) + 1
    information = {"committed_at": context.clock.stamp()}
    if message is not None:
        information = {"commit_message": message, **information}
    # Only the document of a revision has its number; the current one just has the time of the last commit (recorded).
    metadata = {**record.metadata, "commit_info": information, "rev": str(record.private["revisions"])}
    document = {"metadata": metadata, "entity": record.entity}
    transaction.save_revision(record, record.private["revisions"], document)
    record.metadata["commit_info"] = {"committed_at": information["committed_at"]}
    transaction.save(record)
    return document


def at_revision(transaction: Transaction, record: Record, revision: str | None) -> dict[str, Any]:
    """Return the current document of an artifact, or a given revision of it.

    Raises:
        NotFoundError: The revision does not exist.

    """
    if revision is None:
        return record.document
    return _revision(transaction, record, revision)


def content_of(transaction: Transaction, record: Record, revision: str | None) -> Content:
    """Return the current content of an artifact, or a given revision of it.

    Raises:
        NotFoundError: The revision or the content does not exist.

    """
    number = 0 if revision is None else int(_revision(transaction, record, revision)["metadata"]["rev"])
    content = transaction.content(record, number=number)
    if content is None:
        raise NotFoundError(f"The {record.kind} with id '{record.id}' has no content.", code="content_does_not_exist")
    return content


def delete(transaction: Transaction, record: Record) -> None:
    """Delete an artifact with its revisions and contents.

    Raises:
        ConflictError: The artifact is deployed.

    """
    deployments = list(_serving(transaction, record))
    if deployments:
        names = ", ".join(f"'{deployment.id}'" for deployment in deployments)
        raise ConflictError(
            f"Cannot delete the {record.kind} with id '{record.id}': it has existing deployments: {names}."
            " Delete all associated deployments and try again.",
            code="asset_has_deployments",
        )
    transaction.remove(record)


def _serving(transaction: Transaction, record: Record) -> Iterator[Record]:
    """Yield the deployments of an artifact, including those that are just changing to another one."""
    for deployment in transaction.find("deployment", record.container):
        assets = (deployment.entity["asset"], deployment.private.get("previous", {}).get("asset", {}))
        if any(asset.get("id") == record.id for asset in assets):
            yield deployment


def find_any(transaction: Transaction, identifier: str) -> Record | None:
    """Return the artifact with this id, of any kind."""
    found = (transaction.get(kind, identifier) for kind in KINDS)
    return next((record for record in found if record is not None), None)


def not_found(kind: Kind, identifier: str) -> NotFoundError:
    """Return the error for a missing artifact."""
    return NotFoundError(f"The {kind.name} with id '{identifier}' does not exist.", code=f"{kind.name}_does_not_exist")


def _entity(specifications: Specifications, kind: Kind, container: Record, fields: dict[str, Any]) -> dict[str, Any]:
    entity = {key: value for key, value in fields.items() if key not in (*_IN_METADATA, *_SCOPE) and value is not None}
    if kind.type is not None:
        entity.setdefault("type", kind.type)
    if kind.runs:
        entity.update(_specification(specifications, kind, container.id, entity))
    if kind is MODEL:
        entity.setdefault("hybrid_pipeline_software_specs", [])
    if kind is AI_SERVICE:
        entity.setdefault("code_type", "python")
    return entity


def _specification(
    specifications: Specifications, kind: Kind, container: str, entity: dict[str, Any]
) -> dict[str, Any]:
    """Check the type and the software specification, and return both as they are stored."""
    model_type = entity.get("type")
    if not isinstance(model_type, str) or not model_type:
        raise wrong_field("type", f"The type of a {kind.name} must be a non-empty string.")
    software = specifications.choose(container, entity.get("software_spec"), model_type if kind is MODEL else None)
    return {"software_spec": {"id": software.id, "name": software.name}, "type": model_type}


def _revision(transaction: Transaction, record: Record, revision: str) -> dict[str, Any]:
    number = record.private.get("revisions", 0) if revision == "latest" else _number(revision)
    document = transaction.revision(record, number)
    if document is None:
        raise NotFoundError(
            f"Revision '{revision}' of the {record.kind} with id '{record.id}' does not exist.",
            code="revision_does_not_exist",
        )
    return document


def _number(revision: str) -> int:
    return int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else 0  # noqa: PLR2004


def _touch(context: Context, record: Record) -> None:
    record.metadata["modified_at"] = context.clock.stamp()
    if record.kind == MODEL.name:
        record.metadata["resource_key"] = context.identifiers.new()


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of an artifact must be a non-empty string.")
    return name
