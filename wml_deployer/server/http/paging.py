"""Paging: the members of a collection, a page at a time, with links to the first and the next one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from wml_deployer.server.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wml_deployer.server.http.routing import Call
    from wml_deployer.server.storage.records import Record

__all__ = ["LARGEST", "link", "page", "size_of", "start_of"]

_DEFAULT = 100
_LIMIT = re.compile(r"[0-9]{1,9}")
_START = re.compile(r"[0-9a-f]{1,15}")
LARGEST = 200
"""Most members of a page."""


def size_of(call: Call) -> int:
    """Return the requested page size.

    Raises:
        InvalidRequestError: It is not a number from 1 to 200.

    """
    given = call.query.get("limit", str(_DEFAULT))
    if not _LIMIT.fullmatch(given) or not 1 <= int(given) <= LARGEST:
        raise InvalidRequestError(
            f"The limit '{given}' is invalid: it must be a number from 1 to {LARGEST}.",
            target={"type": "query", "name": "limit"},
        )
    return int(given)


def page(
    call: Call,
    kind: str,
    container: str | None,
    render: Callable[[Record], dict[str, Any]],
    *,
    where: Mapping[str, Any] | None = None,
    absolute: bool = False,
) -> dict[str, Any]:
    """Return a page of a collection.

    Args:
        call: The request; its ``limit`` and ``start`` select the page.
        kind: Kind of the members.
        container: Their container; None for all.
        render: Returns the document of a member.
        where: Conditions, as for `Transaction.find`.
        absolute: Whether links contain the host: those of the platform do, those of the repository do not.

    """
    limit = size_of(call)
    records = call.transaction.find(kind, container, where=where, after=start_of(call), limit=limit + 1)
    prefix = call.url if absolute else ""
    result: dict[str, Any] = {
        "first": {"href": prefix + link(call.location, limit, None)},
        "limit": limit,
        "resources": [render(record) for record in records[:limit]],
    }
    if len(records) > limit:
        result["next"] = {"href": prefix + link(call.location, limit, records[limit - 1].sequence)}
    return result


def start_of(call: Call) -> int:
    """Return where the requested page begins, as the link to it says; 0 for the first one.

    Raises:
        InvalidRequestError: It is not from such a link.

    """
    given = call.query.get("start", "0")
    if not _START.fullmatch(given):
        raise InvalidRequestError(f"The start '{given}' is invalid: take it from the link to the next page.")
    return int(given, 16)


def link(location: str, limit: int, after: int | None) -> str:
    """Return the link to the page behind a member, or to the first one."""
    parts = urlsplit(location)
    query = {key: value for key, value in reversed(parse_qsl(parts.query)) if key not in ("start", "limit", "version")}
    query["limit"] = str(limit)
    if after is not None:
        query["start"] = f"{after:x}"
    return f"{parts.path}?{urlencode(query)}"
