"""Searches over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.server.assets import models
from wml_deployer.server.assets.search import matcher
from wml_deployer.server.containers import container_of
from wml_deployer.server.errors import wrong_field
from wml_deployer.server.http.paging import LARGEST
from wml_deployer.server.http.routing import Answer

if TYPE_CHECKING:
    from typing import Any

    from wml_deployer.server.http.routing import Call

__all__ = ["search"]


def search(call: Call) -> Answer:
    """Search the assets of a type."""
    fields = call.fields
    meant = matcher(fields.get("query"))
    found = [
        each for each in models.of_type(call.transaction, container_of(call), call.path["asset_type"]) if meant(each)
    ]
    limit, start = _number(fields, "limit", LARGEST), _number(fields, "bookmark", 0)
    results = [{**document, "href": models.href(document["metadata"])} for document in found[start : start + limit]]
    answer: dict[str, Any] = {"total_rows": len(found), "results": results}
    if len(found) > start + limit:
        answer["next"] = {"query": fields["query"], "limit": limit, "bookmark": str(start + limit)}
    return Answer(200, answer)


def _number(fields: dict[str, Any], key: str, otherwise: int) -> int:
    """Return the limit, at most a page's size, or the bookmark."""
    value = fields.get(key, otherwise)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong_field(key, f"The {key} of a search is a number.")
    return min(value, LARGEST) if key == "limit" else value
