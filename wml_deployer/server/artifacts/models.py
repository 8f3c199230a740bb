"""Artifacts: their documents, their contents, and revisions of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, InvalidRequestError, NotFoundError, check_tags, wrong_field
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
    """One kind of artifact.

    Attributes:
        name: What it is called; records are stored under it.
        collection: Where it is found under ``/ml/v4``.
        asset_type: Its name among the assets of the platform.
        content: Last part of the path that takes its content; None where it has none.
        download: Last part of the path that gives it back.
        type: The type of all of them; None where each has its own.
        runs: Whether it runs by itself, for which it needs a type and a software specification.

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
"""Pipelines: kept and shown; nothing is trained here."""
EXPERIMENT = Kind("experiment", "experiments", "wml_experiment", runs=False)
"""Experiments: kept and shown; nothing is trained here."""
AI_SERVICE = Kind("ai_service", "ai_services", "ai_service", content="code", download="code", type="python")
"""AI services: kept and shown; the new client asks for them wherever it asks for models."""
KINDS = {kind.name: kind for kind in (MODEL, FUNCTION, PIPELINE, EXPERIMENT, AI_SERVICE)}
"""All kinds, by name."""

#: What lives in an artifact's metadata; everything else is its entity.
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
        InvalidRequestError: It has no name or type, or its software specification does not serve it.
        ForbiddenError: No instance serves the container.

    """
    require_runtime(container)
    name = _name(fields.get("name"))
    check_tags(fields.get("tags"))
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
    """Patch an artifact's document.

    Raises:
        InvalidRequestError: The patch is about what cannot be changed, or asks for what does not fit.

    """
    kind = KINDS[record.kind]
    for operation in operations:
        if operation.root in _IDENTITY or (operation.root == "type" and kind.type is not None):
            raise InvalidRequestError(f"/{operation.root} of a {kind.name} cannot be changed.")
        apply(record.metadata if operation.root in _IN_METADATA else record.entity, operation)
    record.name = _name(record.metadata.get("name"))
    check_tags(record.metadata.get("tags"))
    if kind.runs and any(operation.root in ("software_spec", "type") for operation in operations):
        specifications = Specifications(transaction, caller.flavour)
        record.entity.update(_specification(specifications, kind, record.container, record.entity))
    _touch(context, record)
    transaction.save(record)


def attach(context: Context, transaction: Transaction, record: Record, content: Content) -> None:
    """Set the artifact's content."""
    transaction.attach(record, content)
    _touch(context, record)
    transaction.save(record)


def commit(context: Context, transaction: Transaction, record: Record, message: str | None) -> dict[str, Any]:
    """Save document and content as the next revision; return its document."""
    record.private["revisions"] = record.private.get("revisions", 0) + 1
    information = {"committed_at": context.clock.stamp()}
    if message is not None:
        information = {"commit_message": message, **information}
    # The document of a revision says which it is; the head's says only when something was committed (recorded).
    metadata = {**record.metadata, "commit_info": information, "rev": str(record.private["revisions"])}
    document = {"metadata": metadata, "entity": record.entity}
    transaction.freeze(record, record.private["revisions"], document)
    record.metadata["commit_info"] = {"committed_at": information["committed_at"]}
    transaction.save(record)
    return document


def at_revision(transaction: Transaction, record: Record, revision: str | None) -> dict[str, Any]:
    """Return the artifact's current document, or that of a revision.

    Raises:
        NotFoundError: There is no such revision.

    """
    if revision is None:
        return record.document
    return _frozen(transaction, record, revision)


def content_of(transaction: Transaction, record: Record, revision: str | None) -> Content:
    """Return the artifact's current content, or that of a revision.

    Raises:
        NotFoundError: There is no such revision, or no content.

    """
    number = 0 if revision is None else int(_frozen(transaction, record, revision)["metadata"]["rev"])
    content = transaction.content(record, number=number)
    if content is None:
        raise NotFoundError(f"The {record.kind} with id '{record.id}' has no content.", code="content_does_not_exist")
    return content


def delete(transaction: Transaction, record: Record) -> None:
    """Remove an artifact with its revisions and contents.

    Raises:
        ConflictError: A deployment serves it.

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
    """Yield the deployments of an artifact, and those that still serve it while they load another."""
    for deployment in transaction.find("deployment", record.container):
        assets = (deployment.entity["asset"], deployment.private.get("previous", {}).get("asset", {}))
        if any(asset.get("id") == record.id for asset in assets):
            yield deployment


def find_any(transaction: Transaction, identifier: str) -> Record | None:
    """Return the artifact with this id, whatever its kind."""
    found = (transaction.get(kind, identifier) for kind in KINDS)
    return next((record for record in found if record is not None), None)


def not_found(kind: Kind, identifier: str) -> NotFoundError:
    """Return the error for an artifact that is not there."""
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
    """Check type and software specification, and return them as they are stored."""
    model_type = entity.get("type")
    if not isinstance(model_type, str) or not model_type:
        raise wrong_field("type", f"A {kind.name} needs a type.")
    software = specifications.choose(container, entity.get("software_spec"), model_type if kind is MODEL else None)
    return {"software_spec": {"id": software.id, "name": software.name}, "type": model_type}


def _frozen(transaction: Transaction, record: Record, revision: str) -> dict[str, Any]:
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
        raise wrong_field("name", "An artifact needs a name.")
    return name
