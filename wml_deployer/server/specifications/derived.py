"""Software specifications that users derive from the base ones, with package extensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wml_deployer.server.errors import ConflictError, ForbiddenError, NotFoundError, check_labels, wrong_field
from wml_deployer.server.spaces.containers import scope_of
from wml_deployer.server.specifications import package_extensions as extensions
from wml_deployer.server.specifications.models import SOFTWARE_KIND, Software, Specifications
from wml_deployer.server.storage.records import Record

if TYPE_CHECKING:
    from wml_deployer.server.context import Context
    from wml_deployer.server.http.tokens import Caller
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["add_extension", "create", "find", "remove_extension", "show"]


def create(
    context: Context, transaction: Transaction, caller: Caller, fields: dict[str, Any], *, container: Record
) -> Record:
    """Derive a software specification.

    Raises:
        InvalidRequestError: A field is missing or invalid.
        ConflictError: Another specification has this name.
        NotFoundError: The base or a package extension does not exist.

    """
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip():
        raise wrong_field("name", "The name of a software specification must be a non-empty string.")
    check_labels(fields)
    specifications = Specifications(transaction, caller.flavour)
    if specifications.list(container.id, name):
        raise ConflictError(f"A software specification with the name '{name}' exists already.", code="already_exists")
    base = _base(specifications, fields.get("base_software_specification"))
    record = Record(SOFTWARE_KIND, context.identifiers.new(), container.id, name, {"metadata": {}, "entity": {}})
    record.metadata.update(
        name=name,
        **({"description": fields["description"]} if fields.get("description") is not None else {}),
        asset_id=record.id,
        href=f"/v2/software_specifications/{record.id}",
        asset_type=SOFTWARE_KIND,
        created_at=context.clock.stamp(),
        **scope_of(container),
    )
    specification = base.document["entity"][SOFTWARE_KIND]
    record.entity[SOFTWARE_KIND] = {
        "type": "derived",
        "display_name": name,
        "base_software_specification": {"guid": base.id, "href": f"/v2/software_specifications/{base.id}"},
        "software_configuration": fields.get("software_configuration") or specification["software_configuration"],
    }
    record.private["extensions"] = []
    transaction.add(record)
    references = fields.get("package_extensions") or []
    if not isinstance(references, list):
        raise wrong_field("package_extensions", "The package_extensions must be a list.")
    for reference in references:
        add_extension(transaction, record, str(reference.get("guid") if isinstance(reference, dict) else reference))
    return record


def find(transaction: Transaction, container: str, identifier: str) -> Record:
    """Return the derived specification with this id.

    Raises:
        NotFoundError: It does not exist in the container.
        ForbiddenError: It is a base specification.

    """
    record = transaction.get(SOFTWARE_KIND, identifier)
    if record is None:
        name = Specifications(transaction, "software").find(identifier).name
        raise ForbiddenError(f"The software specification '{name}' is a base specification and cannot be changed.")
    if record.container != container:
        raise NotFoundError(f"The software specification with id '{identifier}' does not exist.")
    return record


def add_extension(transaction: Transaction, record: Record, extension_id: str) -> None:
    """Add a package extension.

    Raises:
        NotFoundError: It does not exist.

    """
    extension = extensions.find(transaction, record.container, extension_id)
    if extension.id not in record.private["extensions"]:
        record.private["extensions"].append(extension.id)
    transaction.save(record)


def remove_extension(transaction: Transaction, record: Record, extension_id: str) -> None:
    """Remove a package extension.

    Raises:
        NotFoundError: The specification does not have it.

    """
    if extension_id not in record.private["extensions"]:
        raise NotFoundError(f"The package extension with id '{extension_id}' does not belong to this specification.")
    record.private["extensions"].remove(extension_id)
    transaction.save(record)


def show(transaction: Transaction, record: Record) -> dict[str, Any]:
    """Return the public document, with the documents of the package extensions."""
    found = [transaction.get(extensions.KIND, identifier) for identifier in record.private["extensions"]]
    documents = [{"metadata": each.metadata, "entity": each.entity} for each in found if each is not None]
    specification = {**record.entity[SOFTWARE_KIND], "package_extensions": documents}
    return {"metadata": record.metadata, "entity": {SOFTWARE_KIND: specification}}


def _base(specifications: Specifications, reference: Any) -> Software:
    if not isinstance(reference, dict) or not isinstance(reference.get("guid"), str):
        raise wrong_field(
            "base_software_specification", "The base_software_specification must be an object with a guid."
        )
    return specifications.find(reference["guid"])
