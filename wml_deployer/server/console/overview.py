"""What the first page of the console shows: a space with its deployments and models, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from wml_deployer.server.console.models import KINDS, Deployment, Model, as_deployment, as_model
from wml_deployer.server.deployments.models import KIND as DEPLOYMENT
from wml_deployer.server.errors import InvalidRequestError, NotFoundError
from wml_deployer.server.spaces.containers import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer.server.storage.records import Record
    from wml_deployer.server.storage.transaction import Transaction

__all__ = ["PAGE", "Page", "Space", "space", "spaces"]

PAGE = 100
"""Members of a page, as in the API."""
_T = TypeVar("_T")
_LONGEST = 15


@dataclass(frozen=True)
class Page(Generic[_T]):
    """A page of the resources in a space, newest first.

    Attributes:
        members: The resources on this page.
        total: Number of resources on all pages.
        first: Whether this is the first page.
        older: Sequence number after which the next page starts; None on the last one.

    """

    members: list[_T]
    total: int
    first: bool
    older: int | None


@dataclass(frozen=True)
class Space:
    """A deployment space.

    Attributes:
        id: Id.
        name: Name.
        deployments: Its deployments.
        models: Its models and functions.

    """

    id: str
    name: str
    deployments: Page[Deployment]
    models: Page[Model]


def spaces(transaction: Transaction) -> list[tuple[str, str]]:
    """Return id and name of all spaces."""
    return [(record.id, record.name) for record in transaction.find(SPACE)]


def space(
    transaction: Transaction, identifier: str, *, deployments: str | None, models: str | None, text: str = ""
) -> Space:
    """Return a space.

    Args:
        transaction: The current transaction.
        identifier: Id of the space.
        deployments: Where the page of deployments starts (see `Page.older`); None for the first one.
        models: Where the page of models starts.
        text: What the name, id or tags of a deployment or model must contain.

    Raises:
        NotFoundError: The space does not exist.
        InvalidRequestError: The start of a page is invalid.

    """
    record = transaction.get(SPACE, identifier)
    if record is None:
        raise NotFoundError(f"The space with id '{identifier}' does not exist.", code="space_does_not_exist")
    if text:
        return Space(
            record.id,
            record.name,
            _found(transaction, record.id, (DEPLOYMENT,), text, partial(_deployments, transaction)),
            _found(transaction, record.id, KINDS, text, partial(_models, transaction, record.id)),
        )
    return Space(
        record.id,
        record.name,
        _page(transaction, record.id, (DEPLOYMENT,), deployments, partial(_deployments, transaction)),
        _page(transaction, record.id, KINDS, models, partial(_models, transaction, record.id)),
    )


def _page(
    transaction: Transaction,
    container: str,
    kinds: tuple[str, ...],
    after: str | None,
    render: Callable[[list[Record]], list[_T]],
) -> Page[_T]:
    found = transaction.newest(kinds, container, before=_start(after), limit=PAGE + 1)
    members = found[:PAGE]
    return Page(
        members=render(members),
        total=sum(transaction.count(kind, container) for kind in kinds),
        first=after is None,
        older=members[-1].sequence if len(found) > PAGE else None,
    )


def _found(
    transaction: Transaction,
    container: str,
    kinds: tuple[str, ...],
    text: str,
    render: Callable[[list[Record]], list[_T]],
) -> Page[_T]:
    text = text.lower()
    records = [record for kind in kinds for record in transaction.find(kind, container) if text in _searched(record)]
    newest = sorted(records, key=lambda record: record.sequence, reverse=True)
    return Page(members=render(newest[:PAGE]), total=len(records), first=True, older=None)


def _searched(record: Record) -> str:
    tags = record.metadata.get("tags")
    return " ".join([record.name, record.id, *map(str, tags if isinstance(tags, list) else ())]).lower()


def _start(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > _LONGEST:
        raise InvalidRequestError(f"The start of the page '{after}' is invalid.")
    return int(after)


def _deployments(transaction: Transaction, records: list[Record]) -> list[Deployment]:
    return [as_deployment(transaction, record) for record in records]


def _models(transaction: Transaction, container: str, records: list[Record]) -> list[Model]:
    shown = {record.id for record in records}
    served = [each for each in transaction.find(DEPLOYMENT, container) if each.entity["asset"]["id"] in shown]
    deployed = _deployments(transaction, served)
    return [as_model(transaction, record, deployed) for record in records]
